// What is on its way to the server, by dataset. It goes on whatever page is open, and the browser asks before it is lost.

import { connection } from '../../api/connection.svelte';
import { Listeners } from '../../api/listeners';
import type { Uploaded } from '../../api/model';
import { Uploads } from '../../upload/queue.svelte';
import { Changes } from './changes.svelte';

export class Pending {
  readonly changes: Changes;
  readonly uploads: Uploads;
  readonly answers = new Listeners<[Uploaded]>();

  constructor(dataset: string) {
    this.changes = new Changes(dataset);
    this.uploads = new Uploads(dataset, (answer) => this.answers.tell(answer));
  }

  get isBusy(): boolean {
    return this.changes.waiting.length > 0 || this.uploads.isBusy;
  }

  /** Whether changes arrive soon by themselves; uploads may take long. */
  get isMoving(): boolean {
    return this.changes.isMoving && !this.uploads.isBusy;
  }

  goOn(): void {
    this.changes.goOn();
    this.uploads.goOn();
  }
}

class AllPending {
  list = $state.raw<Pending[]>([]);
  #byDataset = new Map<string, Pending>();
  /** Called when the page may be gone soon, for what is typed and not handed in yet. */
  readonly leaving = new Listeners<[]>();

  constructor() {
    connection.onBack(() => {
      for (const pending of this.#byDataset.values()) pending.goOn();
    });
  }

  of(dataset: string): Pending {
    const there = this.#byDataset.get(dataset);
    if (there) return there;
    const made = new Pending(dataset);
    this.#byDataset.set(dataset, made);
    this.list = [...this.#byDataset.values()];
    return made;
  }

  get isBusy(): boolean {
    return this.list.some((pending) => pending.isBusy);
  }

  /** Whether changes are sent that arrive soon, and nothing else is in the way of being done. */
  get isMoving(): boolean {
    const busy = this.list.filter((pending) => pending.isBusy);
    return busy.length > 0 && busy.every((pending) => pending.isMoving);
  }

  /** Saves drafts when the page is hidden or left, and has the browser ask while something is not on the server. */
  watch(): () => void {
    const hide = () => {
      if (document.visibilityState === 'hidden') this.leaving.tell();
    };
    const stay = (event: BeforeUnloadEvent) => {
      this.leaving.tell();
      if (this.isBusy) event.preventDefault();
    };
    document.addEventListener('visibilitychange', hide);
    addEventListener('beforeunload', stay);
    return () => {
      document.removeEventListener('visibilitychange', hide);
      removeEventListener('beforeunload', stay);
    };
  }
}

export const pending = new AllPending();
