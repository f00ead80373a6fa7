// Failed drawings that nobody wants to hear of any more, for as long as the tab is open.

import { SvelteSet } from 'svelte/reactivity';

const ENTRY = 'atelier.dismissed';

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
      this.#storage?.setItem(ENTRY, JSON.stringify([...this.#jobs]));
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

export const dismissed = new Dismissed(typeof sessionStorage === 'undefined' ? undefined : sessionStorage);
