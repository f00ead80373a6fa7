// What was pressed and is not done yet.

import { SvelteSet } from 'svelte/reactivity';

/** Changes on their way to the server, so that nobody leaves before they arrive. */
export class Underway {
  #count = 0;

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Counts it until it is done, well or not. */
  add<T>(change: Promise<T>): Promise<T> {
    const forget = () => void this.#count--;
    this.#count++;
    change.then(forget, forget);
    return change;
  }
}

export const underway = new Underway();

/** Deeds that are done once at a time: pressing again meanwhile does nothing. */
export class Deeds {
  #going = new SvelteSet<string>();

  isGoing(what: string): boolean {
    return this.#going.has(what);
  }

  async once(what: string, work: () => Promise<unknown>): Promise<void> {
    if (this.#going.has(what)) return;
    this.#going.add(what);
    try {
      await work();
    } finally {
      this.#going.delete(what);
    }
  }
}
