// The covers of datasets, for rows that name a dataset by its id.

import { SvelteMap } from 'svelte/reactivity';
import { listDatasets } from '../api/calls/datasets';

class Covers {
  #known = new SvelteMap<string, string>();
  #asked = false;

  /** The picture of a dataset that stands for it. */
  of(dataset: string): string | undefined {
    if (!this.#asked) void this.#ask();
    return this.#known.get(dataset);
  }

  /** Forgets what is known, since covers change with the pictures. */
  forget(): void {
    this.#asked = false;
  }

  async #ask(): Promise<void> {
    this.#asked = true;
    try {
      for (const { id, cover } of await listDatasets(false)) {
        if (cover) this.#known.set(id, cover);
      }
    } catch {
      this.#asked = false;
    }
  }
}

export const covers = new Covers();
