// The form that stays as it is while one walks through the rooms, and after the page is loaded again.

import { startDrawing } from '../api/calls/jobs';
import type { Base, Drawing, Job, Model, Picture, StartPicture } from '../api/model';
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

/** Puts the form back as it was before. */
export type Undo = () => void;

export class DrawForm {
  written = $state.raw<Written>(kept());
  /** Whether the keyboard is to go to the form, as soon as that is there. */
  isWanted = $state(false);

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
  restore(drawing: Drawing, seed?: string): Undo {
    return this.#replace(() => this.#set(writtenOf(drawing, seed)));
  }

  /** A drawn picture to draw over, in its own size, which the base can draw. */
  drawOver(start: StartPicture, { width, height }: Pick<Picture, 'width' | 'height'>): Undo {
    return this.#replace(() => {
      this.startFrom(start);
      this.change({ width: String(width), height: String(height) });
    });
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

  #replace(work: () => void): Undo {
    const before = this.written;
    work();
    this.isWanted = true;
    return () => this.#set(before);
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
