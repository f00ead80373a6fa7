// What depends on something that is to be deleted, in words; nothing where nothing does.

import type { Dependents } from '../api/model';
import { count } from './format';

export function dependentsOfDataset({ run_total: runs, model_total: models }: Dependents): string {
  if (runs === 0 && models === 0) return '';
  const trained = runs > 0 ? `${count(runs, 'run')} trained on it` : '';
  const made = models > 0 ? `${count(models, 'model')} came of ${runs === 1 ? 'that' : 'its runs'}` : '';
  return `${[trained, made].filter(Boolean).join(', and ')}. ${staying(runs + models)}`;
}

export function dependentsOfRun(models: { name: string }[]): string {
  if (models.length === 0) return '';
  const names = models.map(({ name }) => `“${name}”`).join(', ');
  const made = models.length === 1 ? 'was made of it' : 'were made of it';
  return `${count(models.length, 'model')} ${made}: ${names}. ${staying(models.length)}`;
}

/** `waiting` are drawings in the queue that are to use it. */
export function dependentsOfModel(pictures: number, waiting: number): string {
  const drawn = pictures === 1 ? 'was drawn with it' : 'were drawn with it';
  const need = waiting === 1 ? 'in the queue still needs it' : 'in the queue still need it';
  return [
    pictures > 0 ? `${count(pictures, 'picture')} ${drawn}. ${staying(pictures)}` : '',
    waiting > 0 ? `${count(waiting, 'drawing')} ${need}.` : '',
  ]
    .filter(Boolean)
    .join(' ');
}

function staying(all: number): string {
  return all === 1 ? 'It stays.' : 'They stay.';
}
