// The form that stays as it is while one walks through the rooms, and after the page is loaded again.

import { startDrawing } from '../api/calls/jobs';
import type { Base, Drawing, Job, Model, StartPicture } from '../api/model';
import { live } from '../live/jobs.svelte';
import {
  emptyForm,
  requestOf,
  withModel,
  withoutModel,
  withoutStart,
  withStart,
  type Written,
  writtenOf,
} from './form';

const ENTRY = 'atelier.drawing';

class DrawForm {
  written = $state.raw<Written>(kept());

  change(part: Partial<Written>): void {
    this.#set({ ...this.written, ...part });
  }

  add(model: Model): void {
    this.#set(withModel(this.written, model));
  }

  remove(model: Pick<Model, 'id' | 'trigger_word'>): void {
    this.#set(withoutModel(this.written, model));
  }

  /** A picture to draw over. */
  startFrom(picture: StartPicture, base?: Base): void {
    this.#set(withStart(this.written, picture, base));
  }

  withoutStart(): void {
    this.#set(withoutStart(this.written));
  }

  /** Every setting of what was drawn; `seed` has the digits of that of one picture. */
  restore(drawing: Drawing, seed?: string): void {
    this.#set(writtenOf(drawing, seed));
  }

  clear(): void {
    this.#set(emptyForm());
  }

  /** Puts it into the queue; nothing where something is missing. */
  async draw(): Promise<Job | undefined> {
    const request = requestOf(this.written);
    if (!request) return undefined;
    const job = await startDrawing(request);
    live.note(job);
    return job;
  }

  #set(written: Written): void {
    this.written = written;
    try {
      localStorage.setItem(ENTRY, JSON.stringify(written));
    } catch {
      // It holds until the page is closed.
    }
  }
}

function kept(): Written {
  const empty = emptyForm();
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(ENTRY) ?? 'null');
    if (typeof kept !== 'object' || kept === null) return empty;
    const all = { ...empty, ...kept };
    return Array.isArray(all.models) && typeof all.prompt === 'string' ? all : empty;
  } catch {
    return empty;
  }
}

export const drawForm = new DrawForm();
