// What the steps of the training strength are called, and where settings come from.

import type { SettingOrigin, TrainingStrength } from '../api/model';

export const STRENGTHS: { value: TrainingStrength; label: string; about: string }[] = [
  { value: 'very-low', label: 'Very low', about: 'A hint. Obeys prompts best.' },
  { value: 'low', label: 'Low', about: 'Clearly changed, still flexible.' },
  { value: 'medium', label: 'Medium', about: 'Likeness and freedom in balance.' },
  { value: 'high', label: 'High', about: 'As like as can be. May copy.' },
];

export function strengthLabel(strength: TrainingStrength): string {
  return STRENGTHS.find(({ value }) => value === strength)?.label ?? strength;
}

const ORIGINS: Record<SettingOrigin, string> = {
  flag: 'given',
  file: 'from a file',
  request: 'given',
  dataset: 'from the dataset',
  strength: 'by the strength',
  default: 'default',
};

export function originWords(origin: SettingOrigin | undefined): string {
  return origin ? ORIGINS[origin] : '';
}
