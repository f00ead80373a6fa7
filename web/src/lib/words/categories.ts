// What the categories are called and what they are for.

import type { Category } from '../api/model';

export const CATEGORIES: { value: Category; label: string; about: string; advice: string }[] = [
  {
    value: 'character',
    label: 'Character',
    about: 'One person or creature in varied surroundings.',
    advice: 'Vary pose, light, clothes and background; keep the character the same.',
  },
  {
    value: 'style',
    label: 'Style',
    about: 'One aesthetic over varied content.',
    advice: 'Vary what is shown as much as you can; keep the hand the same.',
  },
  {
    value: 'object',
    label: 'Object',
    about: 'One thing, such as a product.',
    advice: 'Vary angle, distance and surroundings; keep the thing the same.',
  },
];

export function categoryLabel(category: Category): string {
  return CATEGORIES.find((known) => known.value === category)?.label ?? category;
}
