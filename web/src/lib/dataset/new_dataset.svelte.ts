// A dataset that is not made yet: its form stays as it is while one walks through the rooms and after the page is loaded
// again, and pictures can wait for it.

import { forgetDraft, keepDraft, keptDraft } from '../account/drafts';
import type { Picked } from '../upload/picked';
import { CATEGORIES } from '../words/categories';
import type { AboutFields } from './about_fields';

const NAME = '/datasets/new';

export class NewDataset {
  fields = $state<AboutFields>(kept());
  /** Files cannot be kept over loading the page again. */
  files = $state.raw<Picked[]>([]);

  add(files: Picked[]): void {
    this.files = [...this.files, ...files];
  }

  /** Keeps what is written. */
  keep(): void {
    const { name, description, trigger_word } = this.fields;
    if (name || description || trigger_word) keepDraft(NAME, $state.snapshot(this.fields));
    else forgetDraft(NAME);
  }

  /** Forgets it, as when it is made. */
  clear(): void {
    this.fields = empty();
    this.files = [];
    forgetDraft(NAME);
  }
}

function empty(): AboutFields {
  return { name: '', description: '', category: 'character', trigger_word: '' };
}

function kept(): AboutFields {
  const all = { ...empty(), ...keptDraft(NAME) };
  const { name, description, trigger_word, category } = all;
  const isWhole =
    [name, description, trigger_word].every((text) => typeof text === 'string') &&
    CATEGORIES.some(({ value }) => value === category);
  return isWhole ? all : empty();
}

export const newDataset = new NewDataset();
