// Lists that the server gives in pages.

/** As many as the server gives at once. */
export const PAGE = 200;

/** Each of these once, where it comes first. */
export function onceEach<T extends { id: string }>(items: T[]): T[] {
  const ids = new Set<string>();
  return items.filter(({ id }) => !ids.has(id) && ids.add(id));
}

/** Everything of a list, in its order. What came in front meanwhile moves others to the next page: each is taken once. */
export async function wholeList<T extends { id: string }>(
  page: (query: { limit: number; offset: number }) => Promise<{ items: T[]; total: number }>,
): Promise<T[]> {
  const all: T[] = [];
  for (;;) {
    const { items, total } = await page({ limit: PAGE, offset: all.length });
    all.push(...items);
    if (items.length === 0 || all.length >= total) return onceEach(all);
  }
}
