// First advice on a trigger word while it is typed. What the base's tokenizer makes of it is said by
// `atelier dataset judge-trigger`; here only what can be seen without one.

import type { Category, Dataset } from '../api/model';

export interface Advice {
  level: 'good' | 'warning';
  text: string;
}

const SYNTAX = /[()[\]{}<>|:\\]/u;

export function adviseOnTrigger(word: string, others: Pick<Dataset, 'name' | 'trigger_word'>[]): Advice {
  const trimmed = word.trim();
  const warning = (text: string): Advice => ({ level: 'warning', text });
  const lower = trimmed.toLowerCase();
  const twin = others.find((other) => other.trigger_word.trim().toLowerCase() === lower);
  if (!/\p{L}/u.test(trimmed)) {
    return warning(
      'It has no letters, so no prompt can call it by name. Take letters and at most two digits.',
    );
  }
  if (/\s/u.test(trimmed)) {
    return warning(
      'It is more than one word, and prompts would have to repeat all of them. Write it as one.',
    );
  }
  if (SYNTAX.test(trimmed)) {
    return warning('Prompts read brackets, colons and bars as weights or adapters. Leave them out.');
  }
  if (/[^\p{L}\p{N}]/u.test(trimmed)) {
    return warning('Marks are read apart from the letters around them. Letters and digits are best.');
  }
  if (twin) {
    return warning(`“${twin.name}” has the same word, so both could not be told apart in one prompt.`);
  }
  if ([...trimmed].length < 4) {
    return warning('It is very short, and short words mean something somewhere. Take four letters or more.');
  }
  if ((trimmed.match(/\p{N}/gu) ?? []).length > 2) {
    return warning('Digits are read one by one, as in any number. Keep two at most.');
  }
  if (/^(\p{Lu}?\p{Ll}+|\p{Lu}+)$/u.test(trimmed)) {
    return warning(
      'If this is a word people use, the base model draws what it knows by it. Join parts, like BlobCharV1.',
    );
  }
  return {
    level: 'good',
    text: 'Looks unique. Capital letters are for people; the text encoder does not see them.',
  };
}

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
