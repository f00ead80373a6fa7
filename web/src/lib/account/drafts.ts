// Forms that are not handed in yet, so that what was typed is there again after other pages and when the page is loaded
// anew. They are of one tab, and of who is logged in there.

import { tabEntries } from './entries';

type Entries = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

const entry = (name: string) => `atelier.draft.${name}`;

/** What was kept of a form; whoever asks looks whether it has the right shape. */
export function keptDraft(name: string, entries: Entries | undefined = tabEntries()): object | undefined {
  try {
    const kept: unknown = JSON.parse(entries?.getItem(entry(name)) ?? 'null');
    return typeof kept === 'object' && kept !== null ? kept : undefined;
  } catch {
    return undefined;
  }
}

export function keepDraft(name: string, draft: object, entries: Entries | undefined = tabEntries()): void {
  try {
    entries?.setItem(entry(name), JSON.stringify(draft));
  } catch {
    // It holds until the page is left.
  }
}

/** The fields of a form, each a text or nothing: as they were kept, else as they are at first. */
export function keptFields<F extends object>(name: string, first: F, entries = tabEntries()): F {
  const kept = (keptDraft(name, entries) ?? {}) as Record<string, unknown>;
  const texts = Object.keys(first).filter((field) => typeof kept[field] === 'string');
  return { ...first, ...Object.fromEntries(texts.map((field) => [field, kept[field]])) };
}

/** Keeps them, unless they are as at first. */
export function keepFields<F extends object>(
  name: string,
  fields: F,
  first: F,
  entries = tabEntries(),
): void {
  if (JSON.stringify(fields) === JSON.stringify(first)) forgetDraft(name, entries);
  else keepDraft(name, fields, entries);
}

export function forgetDraft(name: string, entries: Entries | undefined = tabEntries()): void {
  entries?.removeItem(entry(name));
}
