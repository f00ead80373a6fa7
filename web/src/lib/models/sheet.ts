// The sheet of a model: the same prompt and seed over epochs and strengths.

import type { Checkpoint, Model } from '../api/model';
import type { Cell } from '../drawing/cells.svelte';
import { usualDrawing } from '../drawing/form';
import { seedOf, seedProblem } from '../drawing/seed';
import { count } from '../words/format';

export const SHEET_STRENGTHS = [0.5, 0.8, 1, 1.1];

/** What is the same in all cells. */
export interface SheetWish {
  prompt: string;
  /** Its digits, since it may be larger than numbers are exact. */
  seed: string;
  steps: number;
}

/** The same as it is typed. */
export type WrittenWish = Record<keyof SheetWish, string>;

const MOST_STEPS = 200;

/** What is wrong with the fields, by their names. */
export function wishProblems({ seed, steps }: WrittenWish): { seed?: string; steps?: string } {
  const isGood = /^\d+$/.test(steps.trim()) && Number(steps) >= 1 && Number(steps) <= MOST_STEPS;
  return { seed: seedProblem(seed), steps: isGood ? undefined : `1 to ${MOST_STEPS} are needed.` };
}

/** What is wished; nothing while a field is wrong. */
export function wishOf(written: WrittenWish): SheetWish | undefined {
  const problems = wishProblems(written);
  const seed = seedOf(written.seed);
  if (problems.steps || seed === undefined) return undefined;
  return { prompt: written.prompt, seed, steps: Number(written.steps) };
}

/** The adapter of an epoch, known by its content; without an epoch, that of a model that was imported. */
export interface SheetRow {
  epoch: number | null;
  hash: string;
}

/** A row for each epoch that is wanted and kept; where a model has no run, one for its file. */
export function rowsOf(model: Model, checkpoints: Checkpoint[], wanted: number[]): SheetRow[] {
  if (checkpoints.length === 0) return [{ epoch: null, hash: model.hash }];
  return checkpoints
    .filter(({ epoch }) => wanted.includes(epoch))
    .map(({ epoch, hash }) => ({ epoch, hash }));
}

/** A cell is named by the content of its adapter: models may get other epochs later. */
export function cellOf(model: string, row: SheetRow, strength: number, wish: SheetWish): Cell {
  const epoch = row.epoch === null ? {} : { epoch: row.epoch };
  return {
    key: [row.hash, strength, wish.seed, wish.steps, wish.prompt].join('\n'),
    request: { ...usualDrawing(), ...wish, base: null, models: [{ model, ...epoch, strength }], count: 1 },
  };
}

/** Which epochs are worth a row at first: spread over the run, its last and the model's own among them. */
export function firstEpochs(epochs: number[], own: number | null, most = 4): number[] {
  const last = epochs.length - 1;
  const spread = Array.from({ length: most }, (_, at) => epochs[Math.round(((at + 1) * last) / most)]);
  const chosen = epochs.length <= most ? epochs : epochs.filter((epoch) => spread.includes(epoch));
  return epochs.filter((epoch) => chosen.includes(epoch) || epoch === own);
}

/** What is to be done before anything can be drawn; empty where nothing is. */
export function neededFirst({ prompts, rows }: { prompts: string[]; rows: unknown[] }): string {
  if (!prompts.some((prompt) => prompt.trim())) return 'Write a prompt';
  return rows.length === 0 ? 'Choose an epoch' : '';
}

/** What the button below pictures offers, or what is still to come of what it was pressed for. */
export function drawWords(needed: string, missing: number, coming: number): string {
  if (needed) return needed;
  if (missing > 0) return `Draw ${count(missing, 'picture')}`;
  return coming > 0 ? `${count(coming, 'picture')} to come` : 'All are drawn';
}

/** What shows the model at its plainest. */
export function firstWish(model: Pick<Model, 'preview_prompts' | 'trigger_word'>): WrittenWish {
  return { prompt: model.preview_prompts[0] ?? model.trigger_word, seed: '7', steps: '30' };
}
