// Short messages at the edge of the page: what was done, how to take it back, what went wrong.

import { connection } from '../api/connection.svelte';
import { errorOf, sentence, undoneWords } from '../api/error';

export interface NoticeAction {
  label: string;
  run: () => void;
}

export interface Notice {
  id: number;
  /** `undone` is what was pressed while the server did not answer. */
  kind: 'done' | 'failed' | 'undone';
  text: string;
  hint?: string;
  action?: NoticeAction;
}

const DONE_MS = 7000;
/** How long what was not done is told of after the server is back. */
const BACK_MS = 20_000;
/** How long one that was held stays after it is let go. */
const AFTER_MS = 3000;
const MOST = 4;

class Notices {
  list = $state.raw<Notice[]>([]);
  /** While the focus or the mouse is in one of them, none vanishes. */
  isHeld = false;
  #next = 1;

  constructor() {
    connection.onBack(() => {
      if (this.#drop('undone'))
        this.#expire(this.#add({ kind: 'undone', text: undoneWords(false) }), BACK_MS);
    });
  }

  /** Replaces what was said to be done before: only the last change can be taken back without losing later ones. */
  done(text: string, action?: NoticeAction): void {
    this.#drop('done');
    this.#drop('undone');
    const id = this.#add({ kind: 'done', text, action });
    this.#expire(id, DONE_MS);
  }

  /** Stays until it is dismissed, since it has to be read. */
  failed(thrown: unknown, action?: NoticeAction): void {
    const error = errorOf(thrown);
    if (error.isUnreachable) {
      this.#drop('undone');
      this.#add({ kind: 'undone', text: undoneWords(true) });
      return;
    }
    this.#add({ kind: 'failed', text: sentence(error.message), hint: sentence(error.hint), action });
  }

  dismiss(id: number): void {
    this.list = this.list.filter((notice) => notice.id !== id);
  }

  /** Whether there was one. */
  #drop(kind: Notice['kind']): boolean {
    const before = this.list;
    this.list = before.filter((notice) => notice.kind !== kind);
    return this.list.length < before.length;
  }

  #expire(id: number, afterMs: number): void {
    setTimeout(() => {
      if (this.isHeld) this.#expire(id, AFTER_MS);
      else this.dismiss(id);
    }, afterMs);
  }

  #add(notice: Omit<Notice, 'id'>): number {
    const id = this.#next++;
    this.list = [...this.list, { ...notice, id }].slice(-MOST);
    return id;
  }
}

export const notices = new Notices();
