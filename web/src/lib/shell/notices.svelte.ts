// Short messages at the edge of the page: what was done, how to take it back, what went wrong.

import { errorOf, sentence } from '../api/error';

export interface NoticeAction {
  label: string;
  run: () => void;
}

export interface Notice {
  id: number;
  kind: 'done' | 'failed';
  text: string;
  hint?: string;
  action?: NoticeAction;
}

const DONE_MS = 7000;
/** How long one that was held stays after it is let go. */
const AFTER_MS = 3000;
const MOST = 4;

class Notices {
  list = $state.raw<Notice[]>([]);
  /** While the focus or the mouse is in one of them, none vanishes. */
  isHeld = false;
  #next = 1;

  /** Replaces what was said to be done before: only the last change can be taken back without losing later ones. */
  done(text: string, action?: NoticeAction): void {
    this.list = this.list.filter((notice) => notice.kind !== 'done');
    const id = this.#add({ kind: 'done', text, action });
    this.#expire(id, DONE_MS);
  }

  /** Stays until it is dismissed, since it has to be read. */
  failed(thrown: unknown, action?: NoticeAction): void {
    const error = errorOf(thrown);
    // The banner says already that the connection is lost.
    if (error.isUnreachable) return;
    this.#add({ kind: 'failed', text: sentence(error.message), hint: sentence(error.hint), action });
  }

  dismiss(id: number): void {
    this.list = this.list.filter((notice) => notice.id !== id);
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
