// A dataset that is open: what it is, its newest version, and what is on its way to it.

import { session } from '../account/session.svelte';
import { getAbout } from '../api/calls/about';
import { connection } from '../api/connection.svelte';
import { getDataset, getVersion } from '../api/calls/datasets';
import { noteCrops } from '../crop/known_crops';
import type { Dataset, Edit, Image, ServerAbout, Uploaded, Version } from '../api/model';
import { resource, type Resource } from '../api/resource.svelte';
import type { Limits } from '../upload/batches';
import { limitsOf } from '../upload/limits';
import type { Uploads } from '../upload/queue.svelte';
import type { Changes, Made } from './changes/changes.svelte';
import { pending } from './changes/pending.svelte';

/** How often others' changes are looked for, such as those of the command line. */
const LOOK_MS = 8000;

export class OpenDataset {
  readonly dataset: Resource<Dataset>;
  readonly version: Resource<Version>;
  readonly about: Resource<ServerAbout>;
  readonly uploads: Uploads;
  readonly changes: Changes;
  /** The pictures as they will be once everything that waits is on the server. */
  readonly images: Image[] = $derived.by(() => this.changes.onTopOf(this.version.data?.images ?? []));

  constructor(readonly id: string) {
    this.dataset = resource((signal) => getDataset(id, signal));
    this.version = resource(async (signal) => noted(await getVersion(id, 'latest', signal)));
    this.about = resource((signal) => getAbout(signal));
    const own = pending.of(id);
    this.changes = own.changes;
    this.uploads = own.uploads;
    $effect(() => {
      if (this.version.data) this.changes.seen(this.version.data);
    });
    $effect(() => {
      const timer = setInterval(() => void this.#look(), LOOK_MS);
      const forget = [
        own.answers.add((answer) => this.#uploaded(answer)),
        this.changes.versions.add((version, dataset) => this.#changed(version, dataset)),
      ];
      return () => {
        clearInterval(timer);
        for (const end of forget) end();
      };
    });
  }

  get limits(): Limits {
    return limitsOf(this.about.data);
  }

  get isInTrash(): boolean {
    return this.dataset.data?.trashed_ms != null;
  }

  /** Why nothing of it is changed here; empty where it can be. */
  get reasonAgainstChanging(): string {
    const dataset = this.dataset.data;
    if (!dataset) return '';
    const reason = session.reasonAgainstChanging(dataset);
    return (
      reason || (this.isInTrash ? 'The dataset is in the trash; restore it to change its pictures.' : '')
    );
  }

  get isReadOnly(): boolean {
    return this.reasonAgainstChanging !== '';
  }

  /** Makes a version with these edits of pictures that were seen as in `was`. */
  edit(edits: Edit[], was: Image[], words?: string): Promise<Made | undefined> {
    const { trigger_word = '', category = 'character' } = this.dataset.data ?? {};
    return this.changes.add({ edits, was, words, called: { trigger_word, category } });
  }

  #uploaded(answer: Uploaded): void {
    this.dataset.set(answer.dataset);
    if (answer.version.number !== this.version.data?.number) void this.version.refresh();
  }

  #changed(version: Version, dataset: Dataset | undefined): void {
    if (version.number >= (this.version.data?.number ?? 0)) this.version.set(noted(version));
    if (dataset) this.dataset.set(dataset);
    else void this.dataset.refresh();
  }

  async #look(): Promise<void> {
    const isIdle = this.changes.waiting.length === 0;
    if (document.visibilityState !== 'visible' || connection.isLost || !isIdle) return;
    await this.dataset.refresh();
    const newest = this.dataset.data?.version;
    if (newest !== undefined && newest !== this.version.data?.number && !this.version.isLoading) {
      await this.version.refresh();
    }
  }
}

function noted(version: Version): Version {
  noteCrops(version);
  return version;
}
