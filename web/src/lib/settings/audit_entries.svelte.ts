// The newest entries of the audit log, and more of them when they are asked for.

import { resource, type Resource } from '../api/resource.svelte';
import { type NewestEntries, newestEntries } from './audit';

const MORE = 100;

export class AuditEntries {
  readonly log: Resource<NewestEntries>;
  /** Not a state: what is shown stays while older ones are fetched. */
  #most = MORE;

  constructor(load = newestEntries) {
    this.log = resource((signal) => load(this.#most, signal));
  }

  /** Older ones too. */
  more(): Promise<void> {
    this.#most += MORE;
    return this.log.refresh();
  }
}
