// A first idea for a trigger word; the server says how good a word is.

import type { Category } from '../api/model';

/** A word made of the name, in the form that works well. */
export function suggestTrigger(name: string, category: Category): string {
  const parts =
    name
      .normalize('NFKD')
      .replace(/\p{M}/gu, '')
      .match(/[A-Za-z]+/g) ?? [];
  const first = parts[0];
  if (!first) return '';
  const stem = first.slice(0, 8);
  const ending = { character: 'Char', style: 'Style', object: 'Obj' }[category];
  return `${stem.charAt(0).toUpperCase()}${stem.slice(1).toLowerCase()}${ending}V1`;
}
