// What a browser keeps, for tests without one.

export function entriesOf(all: Record<string, string> = {}): Storage {
  const kept = new Map(Object.entries(all));
  return {
    get length() {
      return kept.size;
    },
    key: (at) => [...kept.keys()][at] ?? null,
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => void kept.set(name, value),
    removeItem: (name) => void kept.delete(name),
    clear: () => kept.clear(),
  };
}
