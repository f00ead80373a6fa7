// The rooms of the studio, as the sidebar lists them.

import type { IconName } from '../components/icons';

export interface Room {
  page: string;
  address: string;
  label: string;
  /** Fits under an icon on a phone. */
  short: string;
  icon: IconName;
  /** Belongs to the one before it, and is not in the bar of phones. */
  isBelow?: boolean;
}

export const ROOMS: Room[] = [
  {
    page: 'datasets',
    address: '/datasets',
    label: 'Training & Datasets',
    short: 'Datasets',
    icon: 'datasets',
  },
  { page: 'train', address: '/train', label: 'Train', short: 'Train', icon: 'plus', isBelow: true },
  { page: 'runs', address: '/runs', label: 'Runs', short: 'Runs', icon: 'runs' },
  { page: 'models', address: '/models', label: 'Finely Tuned Models', short: 'Models', icon: 'models' },
  { page: 'generate', address: '/generate', label: 'Generate', short: 'Generate', icon: 'generate' },
  { page: 'compare', address: '/compare', label: 'Compare', short: 'Compare', icon: 'compare' },
  { page: 'settings', address: '/settings', label: 'Settings', short: 'Settings', icon: 'settings' },
];
