// Failed drawings that nobody wants to hear of any more.

import { SvelteSet } from 'svelte/reactivity';

const ENTRY = 'atelier.dismissed';
/** More than the server tells of. */
const MOST = 400;

type Store = Pick<Storage, 'getItem' | 'setItem'>;

export class Dismissed {
  #jobs: SvelteSet<string>;
  #storage: Store | undefined;

  constructor(storage: Store | undefined) {
    this.#storage = storage;
    this.#jobs = new SvelteSet(kept(storage));
  }

  has(job: string): boolean {
    return this.#jobs.has(job);
  }

  add(job: string): void {
    this.#jobs.add(job);
    try {
      // Another tab may have said more since.
      for (const other of kept(this.#storage)) this.#jobs.add(other);
      this.#storage?.setItem(ENTRY, JSON.stringify([...this.#jobs].slice(-MOST)));
    } catch {
      // It holds until the page is loaded again.
    }
  }
}

function kept(storage: Store | undefined): string[] {
  try {
    const kept: unknown = JSON.parse(storage?.getItem(ENTRY) ?? '[]');
    return Array.isArray(kept) ? (kept as string[]) : [];
  } catch {
    return [];
  }
}

export const dismissed = new Dismissed(typeof localStorage === 'undefined' ? undefined : localStorage);
