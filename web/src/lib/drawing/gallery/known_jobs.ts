// The jobs that drew pictures, also those that are not among the newest. What was to be drawn never changes, so that each is
// fetched once.

import { SvelteMap } from 'svelte/reactivity';
import { getJob } from '../../api/calls/jobs';
import { errorOf } from '../../api/error';
import type { Job, Picture } from '../../api/model';

/** Browsers have six connections to a server, and pictures need some of them. */
const AT_ONCE = 3;

export class KnownJobs {
  #all = new SvelteMap<string, Job>();
  /** Those that are asked for, or that are gone. */
  #asked = new Set<string>();
  #coming: Promise<unknown> = Promise.resolve();
  #get: (job: string) => Promise<Job>;

  constructor(get: (job: string) => Promise<Job>) {
    this.#get = get;
  }

  get all(): ReadonlyMap<string, Job> {
    return this.#all;
  }

  take(jobs: Job[]): void {
    for (const job of jobs) if (!this.#all.has(job.id)) this.#all.set(job.id, job);
  }

  /** Until the jobs of these pictures are known, as far as they are there; the first ones come first. */
  async fetchOf(pictures: Pick<Picture, 'job'>[]): Promise<void> {
    const ids = new Set(pictures.flatMap(({ job }) => job ?? []));
    const missing = [...ids].filter((id) => !this.#all.has(id) && !this.#asked.has(id));
    for (const id of missing) this.#asked.add(id);
    const work = async () => {
      for (let id = missing.shift(); id !== undefined; id = missing.shift()) await this.#fetch(id);
    };
    this.#coming = Promise.all([this.#coming, ...Array.from({ length: AT_ONCE }, work)]);
    await this.#coming;
  }

  async #fetch(id: string): Promise<void> {
    try {
      this.take([await this.#get(id)]);
    } catch (thrown) {
      // One that was removed is not asked for again.
      if (errorOf(thrown).status !== 404) this.#asked.delete(id);
    }
  }
}

export const knownJobs = new KnownJobs((job) => getJob(job));
