// What is said of a dataset as a whole, as it is written in forms.

import type { Category, Dataset, UpdateDataset } from '../api/model';

export interface AboutFields {
  name: string;
  description: string;
  category: Category;
  trigger_word: string;
}

export function fieldsOf({ name, description, category, trigger_word }: Dataset): AboutFields {
  return { name, description, category, trigger_word };
}

/** Those that are typed. */
export function textsOf({ name, description, trigger_word }: AboutFields): Record<string, string> {
  return { name, description, trigger_word };
}

/** Equal for names that are the same to the library: in any case, however their accents are written. */
export function nameKey(name: string): string {
  return name.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC');
}

/** Only what was written anew: the rest may have been changed by others meanwhile. */
export function changedFields(start: AboutFields, now: AboutFields): UpdateDataset {
  const keys = Object.keys(start) as (keyof AboutFields)[];
  return Object.fromEntries(keys.filter((key) => start[key] !== now[key]).map((key) => [key, now[key]]));
}
