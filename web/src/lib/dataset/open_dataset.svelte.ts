// A dataset that is open: what it is, its newest version, and the changes that are made to it, one after the other.

import { getAbout } from '../api/about';
import { connection } from '../api/connection.svelte';
import { editDataset, getDataset, getVersion } from '../api/datasets';
import { errorOf } from '../api/error';
import type { Dataset, Edit, Image, ServerAbout, Uploaded, Version } from '../api/model';
import { resource, type Resource } from '../api/resource.svelte';
import { notices } from '../shell/notices.svelte';
import type { Limits } from '../upload/batches';
import { Uploads } from '../upload/queue.svelte';

/** How often others' changes are looked for, such as those of the command line. */
const LOOK_MS = 8000;

interface Change {
  edits: Edit[];
  words?: string;
  settle: (images: Image[] | undefined) => void;
  /** The newest version when it was sent, of which no answer came yet. */
  sentTo?: number;
}

export class OpenDataset {
  readonly dataset: Resource<Dataset>;
  readonly version: Resource<Version>;
  readonly about: Resource<ServerAbout>;
  readonly uploads: Uploads;
  /** Changes that are not on the server yet. */
  unsaved = $state(0);
  #queue: Change[] = [];
  #isSending = false;

  constructor(readonly id: string) {
    this.dataset = resource((signal) => getDataset(id, signal));
    this.version = resource((signal) => getVersion(id, 'latest', signal));
    this.about = resource((signal) => getAbout(signal));
    this.uploads = new Uploads(id, (answer) => this.#uploaded(answer));
    $effect(() => {
      const timer = setInterval(() => void this.#look(), LOOK_MS);
      const forget = connection.onBack(() => {
        void this.#send();
        this.uploads.againAfterLoss();
      });
      return () => {
        clearInterval(timer);
        forget();
      };
    });
  }

  get images(): Image[] {
    return this.version.data?.images ?? [];
  }

  /** What one upload may be; where the server did not say yet, it will refuse what is too much. */
  get limits(): Limits {
    const limits = this.about.data?.limits;
    return {
      pictureBytes: limits?.picture_bytes ?? Infinity,
      uploadBytes: limits?.upload_bytes ?? Infinity,
      uploadFiles: limits?.upload_files ?? 1000,
    };
  }

  get isInTrash(): boolean {
    return this.dataset.data?.trashed_ms != null;
  }

  /**
   * Makes a version with these edits. They are kept and sent again when the connection is lost. Resolves to the images
   * before the change, or to nothing when the server refused it.
   */
  edit(edits: Edit[], words?: string): Promise<Image[] | undefined> {
    if (edits.length === 0) return Promise.resolve(this.images);
    return new Promise((settle) => {
      this.#queue.push({ edits, words, settle });
      this.unsaved = this.#queue.length;
      void this.#send();
    });
  }

  #uploaded(answer: Uploaded): void {
    this.dataset.set(answer.dataset);
    if (answer.version.number !== this.version.data?.number) void this.version.refresh();
  }

  async #send(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    while (this.#queue.length > 0) {
      const change = this.#queue[0]!;
      const before = this.images;
      try {
        await this.#make(change);
        this.#queue.shift();
        change.settle(before);
      } catch (thrown) {
        // It waits for the connection; everything else would fail again.
        if (errorOf(thrown).isUnreachable) break;
        this.#queue.shift();
        notices.failed(thrown);
        change.settle(undefined);
        void this.version.refresh();
      }
      this.unsaved = this.#queue.length;
    }
    this.#isSending = false;
  }

  async #make(change: Change): Promise<void> {
    const lostAt = change.sentTo;
    if (lostAt !== undefined && !change.edits.every(isRepeatable)) {
      // The answer was lost, perhaps after the change was made: words must not be put in front twice.
      await this.dataset.refresh();
      if (this.dataset.error) throw this.dataset.error;
      if (this.dataset.data?.version !== lostAt) return this.version.refresh();
    }
    change.sentTo = this.dataset.data?.version;
    const made = await editDataset(this.id, change.edits, change.words);
    this.dataset.set(made.dataset);
    this.version.set(made.version);
  }

  async #look(): Promise<void> {
    if (document.visibilityState !== 'visible' || connection.isLost || this.unsaved > 0) return;
    await this.dataset.refresh();
    const newest = this.dataset.data?.version;
    if (newest !== undefined && newest !== this.version.data?.number && !this.version.isLoading) {
      await this.version.refresh();
    }
  }
}

/** Whether making the edit twice comes to the same as once. */
function isRepeatable(edit: Edit): boolean {
  return 'set_caption' in edit || 'set_crop' in edit || 'add_trigger' in edit;
}
