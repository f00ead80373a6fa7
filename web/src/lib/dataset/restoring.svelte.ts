// Takes datasets back from the trash. One whose name is another's by now comes back once that has a new name: those in the
// trash cannot be renamed.

import { listDatasets, restoreDataset, updateDataset } from '../api/calls/datasets';
import { type ApiError, errorOf } from '../api/error';
import type { Dataset } from '../api/model';
import { notices } from '../shell/notices.svelte';
import { nameKey } from './about_fields';

/** Why a dataset does not come back. */
export interface Taken {
  dataset: Dataset;
  /** The one that has its name; nothing where it is private to somebody else. */
  other: Dataset | undefined;
  /** A name that the other could have. */
  free: string;
}

/** The calls that this makes. */
export interface Calls {
  list: () => Promise<Dataset[]>;
  restore: typeof restoreDataset;
  update: typeof updateDataset;
}

const calls: Calls = { list: () => listDatasets(false), restore: restoreDataset, update: updateDataset };

export class Restoring {
  /** The dataset that is being restored, by its id. */
  busy = $state<string>();
  taken = $state.raw<Taken>();
  /** Why the other one was not renamed. */
  error = $state.raw<ApiError>();

  constructor(
    readonly onrestored: (dataset: Dataset) => void | Promise<void>,
    readonly ask: Calls = calls,
  ) {}

  async restore(dataset: Dataset): Promise<void> {
    if (this.busy) return;
    this.busy = dataset.id;
    try {
      await this.#restore(dataset);
    } catch (thrown) {
      notices.failed(thrown);
    }
    this.busy = undefined;
  }

  /** Gives the one that has its name another one first. */
  async renameOther(name: string): Promise<void> {
    const { dataset, other } = this.taken ?? {};
    if (this.busy || !dataset || !other) return;
    this.busy = dataset.id;
    this.error = undefined;
    try {
      await this.ask.update(other.id, { name });
      await this.#restore(dataset);
    } catch (thrown) {
      this.error = errorOf(thrown);
    }
    this.busy = undefined;
  }

  giveUp(): void {
    this.taken = undefined;
    this.error = undefined;
  }

  async #restore(dataset: Dataset): Promise<void> {
    let restored: Dataset;
    try {
      restored = await this.ask.restore(dataset.id);
    } catch (thrown) {
      if (errorOf(thrown).status !== 400) throw thrown;
      // Nothing else is wrong with what is asked.
      this.taken = takenBy(dataset, await this.ask.list());
      return;
    }
    this.giveUp();
    await this.onrestored(restored);
  }
}

/** So that a number has place within the longest name. */
const MOST_CHARS = 195;

function takenBy(dataset: Dataset, datasets: Dataset[]): Taken {
  const names = new Set(datasets.map(({ name }) => nameKey(name)));
  const short = [...dataset.name].slice(0, MOST_CHARS).join('').trimEnd();
  let number = 2;
  while (names.has(nameKey(`${short} ${number}`))) number++;
  return {
    dataset,
    other: datasets.find(({ name }) => nameKey(name) === nameKey(dataset.name)),
    free: `${short} ${number}`,
  };
}
