// Pictures at known places, such as the cells of a sheet: what was drawn of them, what is being drawn, what is still to draw.

import { SvelteMap, SvelteSet } from 'svelte/reactivity';
import { getJob, startDrawing } from '../api/calls/jobs';
import type { DrawingRequest, Job } from '../api/model';
import { listPictures } from '../api/calls/pictures';
import { isOpen } from '../live/board';
import { live } from '../live/jobs.svelte';
import { CellMemory } from './cell_memory';

const memory = new CellMemory(typeof localStorage === 'undefined' ? undefined : localStorage);
if (typeof addEventListener === 'function') addEventListener('storage', () => memory.refresh());

/** A place, named by all that decides its picture, and how to draw that. */
export interface Cell {
  key: string;
  request: DrawingRequest;
}

export class Cells {
  isBusy = $state(false);
  /** The job of each cell that was drawn or is being drawn. */
  #jobs = new SvelteMap<string, string>();
  /** The picture of each job that is done. */
  #pictures = new SvelteMap<string, string>();
  #ended = new SvelteMap<string, Job>();
  #asked = new SvelteSet<string>();

  constructor() {
    $effect(() =>
      live.onTurned((jobs) => {
        for (const { id, state } of jobs) {
          if (state !== 'completed' || ![...this.#jobs.values()].includes(id)) continue;
          this.#asked.delete(id);
          void this.#look(id);
        }
      }),
    );
  }

  jobOf(key: string): Job | undefined {
    const id = this.#jobs.get(key);
    return id === undefined ? undefined : (live.jobs.get(id) ?? this.#ended.get(id));
  }

  pictureOf(key: string): string | undefined {
    const id = this.#jobs.get(key);
    return id === undefined ? undefined : this.#pictures.get(id);
  }

  /** Whether a cell was drawn, and its picture deleted since. */
  isGone(key: string): boolean {
    const id = this.#jobs.get(key);
    if (id === undefined || this.#pictures.has(id)) return false;
    return this.#ended.get(id)?.state === 'completed';
  }

  /** Looks up what was drawn before. */
  recall(keys: string[]): void {
    for (const key of keys) {
      const id = memory.jobOf(key);
      if (id === undefined) continue;
      this.#jobs.set(key, id);
      void this.#look(id);
    }
  }

  /** Why some of these could not be drawn, each reason once. */
  problems(all: Cell[]): string[] {
    const failed = all.map(({ key }) => this.jobOf(key)).filter((job) => job?.state === 'failed');
    const reasons = failed.map((job) => job?.problem ?? 'it failed');
    return reasons.filter((reason, at) => reasons.indexOf(reason) === at);
  }

  /** How many of these are being drawn. */
  coming(all: Cell[]): number {
    const isComing = ({ key }: Cell) => this.pictureOf(key) === undefined && !this.isMissing(key);
    return all.filter(isComing).length;
  }

  /** Whether a cell has neither a picture nor a job that will bring one. */
  isMissing(key: string): boolean {
    if (this.pictureOf(key) !== undefined) return false;
    const job = this.jobOf(key);
    return !job || !isOpen(job);
  }

  async draw(cells: Cell[]): Promise<void> {
    this.isBusy = true;
    try {
      for (const { key, request } of cells) {
        const job = await startDrawing(request);
        this.#jobs.set(key, job.id);
        memory.keep(key, job.id);
        live.note(job);
        // What is quickly drawn is done before the answer says what its job is called.
        const known = live.jobs.get(job.id);
        if (known && !isOpen(known)) void this.#look(job.id);
      }
    } finally {
      this.isBusy = false;
    }
  }

  async #look(id: string): Promise<void> {
    if (this.#asked.has(id)) return;
    this.#asked.add(id);
    try {
      const [{ pictures }, job] = await Promise.all([listPictures({ limit: 1, job: id }), getJob(id)]);
      this.#ended.set(id, job);
      if (pictures[0]) this.#pictures.set(id, pictures[0].id);
      else this.#pictures.delete(id);
    } catch {
      // A job that was removed: its cell is drawn again.
      this.#asked.delete(id);
    }
  }
}
