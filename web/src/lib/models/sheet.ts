// The sheet of a model: the same prompt and seed over epochs and strengths.

import type { Model } from '../api/model';
import type { Cell } from '../drawing/cells.svelte';
import { usualDrawing } from '../drawing/form';

export const SHEET_STRENGTHS = [0.5, 0.8, 1, 1.1];

/** What is the same in all cells. */
export interface SheetWish {
  prompt: string;
  seed: number;
  steps: number;
}

/** A model whose file is the adapter of an epoch. */
export interface SheetRow {
  epoch: number;
  model: Pick<Model, 'id' | 'hash'>;
}

/** A row for each epoch of the run that a model has; the one that is looked at comes first among those of one epoch. */
export function rowsOf(model: Model, all: Model[]): SheetRow[] {
  const rows = new Map<number, SheetRow>();
  for (const one of [model, ...all.filter(({ id }) => id !== model.id)]) {
    if (one.epoch === null || one.run === null || one.run !== model.run || one.trashed_ms !== null) continue;
    if (!rows.has(one.epoch)) rows.set(one.epoch, { epoch: one.epoch, model: one });
  }
  return [...rows.values()].sort((a, b) => a.epoch - b.epoch);
}

/** A cell is named by the content of its adapter: models may get other epochs later. */
export function cellOf({ id, hash }: SheetRow['model'], strength: number, wish: SheetWish): Cell {
  return {
    key: [hash, strength, wish.seed, wish.steps, wish.prompt].join('\n'),
    request: { ...usualDrawing(), ...wish, base: null, models: [{ model: id, strength }], count: 1 },
  };
}

/** What shows the model at its plainest. */
export function firstPrompt(model: Pick<Model, 'preview_prompts' | 'trigger_word'>): string {
  return model.preview_prompts[0] ?? model.trigger_word;
}
