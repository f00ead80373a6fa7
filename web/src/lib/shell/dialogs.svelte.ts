// The dialogs that are open: nothing below the topmost of them can be reached, also no message.

import { untrack } from 'svelte';

class Dialogs {
  #open = $state.raw<HTMLDialogElement[]>([]);

  get isOpen(): boolean {
    return this.#open.length > 0;
  }

  isTop(dialog: HTMLDialogElement | undefined): boolean {
    return dialog !== undefined && dialog === this.#open.at(-1);
  }

  /** Opens one, until what this returns is called. */
  open(dialog: HTMLDialogElement): () => void {
    dialog.showModal();
    // Whoever opens it does not follow what else is opened.
    untrack(() => (this.#open = [...this.#open, dialog]));
    return () => (this.#open = this.#open.filter((other) => other !== dialog));
  }
}

/** The browser asks before it closes the page or loads it anew, until what this returns is called. */
export function askBeforeLoss(
  page: Pick<EventTarget, 'addEventListener' | 'removeEventListener'> = window,
): () => void {
  const ask = (event: Event) => event.preventDefault();
  page.addEventListener('beforeunload', ask);
  return () => page.removeEventListener('beforeunload', ask);
}

export const dialogs = new Dialogs();
