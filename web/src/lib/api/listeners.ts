// Those that want to hear when something happens.

export class Listeners<What extends unknown[]> {
  #all = new Set<(...what: What) => void>();

  /** Calls `listener` each time, until what this returns is called. */
  add(listener: (...what: What) => void): () => void {
    this.#all.add(listener);
    return () => this.#all.delete(listener);
  }

  tell(...what: What): void {
    for (const listener of [...this.#all]) listener(...what);
  }
}
