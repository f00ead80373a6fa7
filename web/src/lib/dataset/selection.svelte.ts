// Which pictures are chosen for a change of several.

import { SvelteSet } from 'svelte/reactivity';

export class Selection {
  readonly ids = new SvelteSet<string>();
  #anchor: string | undefined;

  get size(): number {
    return this.ids.size;
  }

  toggle(id: string): void {
    if (!this.ids.delete(id)) this.ids.add(id);
    this.#anchor = id;
  }

  /** Chooses all from the one that was chosen last to this one. */
  extend(id: string, order: string[]): void {
    const [from, to] = [this.#anchor ? order.indexOf(this.#anchor) : -1, order.indexOf(id)];
    if (from < 0 || to < 0) return this.toggle(id);
    for (const between of order.slice(Math.min(from, to), Math.max(from, to) + 1)) this.ids.add(between);
  }

  all(order: string[]): void {
    for (const id of order) this.ids.add(id);
  }

  /** Chooses these, and no others. */
  only(order: string[]): void {
    this.clear();
    this.all(order);
  }

  /** How many of the chosen ones are not among these. */
  without(order: string[]): number {
    return [...this.ids].filter(lackingIn(order)).length;
  }

  clear(): void {
    this.ids.clear();
    this.#anchor = undefined;
  }

  /** Forgets pictures that are no longer there. */
  keep(order: string[]): void {
    if (this.ids.size === 0) return;
    for (const gone of [...this.ids].filter(lackingIn(order))) this.ids.delete(gone);
  }
}

function lackingIn(order: string[]): (id: string) => boolean {
  const there: Record<string, true> = {};
  for (const id of order) there[id] = true;
  return (id) => !(id in there);
}
