// Which jobs drew the cells, kept in this browser: the pictures themselves are in the library.

const ENTRY = 'atelier.cells';
const MOST = 500;

type Kept = [key: string, job: string][];

export class CellMemory {
  #kept: Map<string, string>;
  #storage: Pick<Storage, 'getItem' | 'setItem'> | undefined;

  constructor(storage: Pick<Storage, 'getItem' | 'setItem'> | undefined) {
    this.#storage = storage;
    this.#kept = new Map(this.#read());
  }

  jobOf(key: string): string | undefined {
    return this.#kept.get(key);
  }

  /** Takes what other tabs kept meanwhile. */
  refresh(): void {
    this.#kept = new Map([...this.#kept, ...this.#read()]);
  }

  keep(key: string, job: string): void {
    this.refresh();
    // The newest lie at the end.
    this.#kept.delete(key);
    this.#kept.set(key, job);
    const entries: Kept = [...this.#kept].slice(-MOST);
    this.#kept = new Map(entries);
    try {
      this.#storage?.setItem(ENTRY, JSON.stringify(entries));
    } catch {
      // It holds until the page is closed.
    }
  }

  #read(): Kept {
    try {
      const kept: unknown = JSON.parse(this.#storage?.getItem(ENTRY) ?? '[]');
      return Array.isArray(kept) ? (kept as Kept) : [];
    } catch {
      return [];
    }
  }
}
