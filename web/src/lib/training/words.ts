// What the steps of the training strength are called, where settings come from, and what a training takes of the machine.

import type { PlannedTraining, SettingOrigin, TrainingStrength } from '../api/model';
import { bytes, count } from '../words/format';

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

/** When previews are drawn, and how many. */
export function previewWords({
  preview_epochs: epochs,
  preview_prompts: prompts,
}: Pick<PlannedTraining, 'preview_epochs' | 'preview_prompts'>): string {
  const pictures = count(prompts.length, 'preview');
  const [first, last] = [epochs[0], epochs.at(-1)];
  if (epochs.length === 1) return `${pictures} after epoch ${last}`;
  return `${pictures} after each of ${count(epochs.length, 'epoch')}, from ${first} to ${last}`;
}

/** More than this share of what is free leaves little for anything else. */
const TIGHT = 0.9;

export interface MemoryWords {
  needed: string;
  /** What the machine has, as far as that is known. */
  machine: string;
  isTight: boolean;
}

/** What a training needs, beside what the machine has altogether and what of that is free now. */
export function memoryWords(
  plan: Pick<PlannedTraining, 'memory_bytes' | 'free_bytes' | 'total_bytes'>,
): MemoryWords {
  const { memory_bytes: needed, free_bytes: free, total_bytes: total } = plan;
  const machine = [
    total === null ? '' : `of ${bytes(total)}`,
    free === null ? '' : total === null ? `of ${bytes(free)} free` : `${bytes(free)} free now`,
  ];
  return {
    needed: bytes(needed),
    machine: machine.filter(Boolean).join(', '),
    isTight: free !== null && needed > TIGHT * free,
  };
}
