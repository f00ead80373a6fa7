// Takes datasets back from the trash. One whose name is another's by now gets a number behind it.

import { restoreDataset } from '../api/calls/datasets';
import type { Dataset } from '../api/model';
import { notices } from '../shell/notices.svelte';

export class Restoring {
  /** The dataset that is being restored, by its id. */
  busy = $state<string>();

  constructor(
    readonly onrestored: (restored: Dataset, before: Dataset) => void | Promise<void>,
    readonly ask: typeof restoreDataset = restoreDataset,
  ) {}

  async restore(dataset: Dataset): Promise<void> {
    if (this.busy) return;
    this.busy = dataset.id;
    try {
      await this.onrestored(await this.ask(dataset.id), dataset);
    } catch (thrown) {
      notices.failed(thrown);
    }
    this.busy = undefined;
  }
}
