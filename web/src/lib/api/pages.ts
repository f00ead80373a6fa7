// Lists that the server gives in pages.

/** As many as the server gives at once. */
export const PAGE = 200;

/** Everything of a list, in its order. */
export async function wholeList<T>(
  page: (query: { limit: number; offset: number }) => Promise<{ items: T[]; total: number }>,
): Promise<T[]> {
  const all: T[] = [];
  for (;;) {
    const { items, total } = await page({ limit: PAGE, offset: all.length });
    all.push(...items);
    if (items.length === 0 || all.length >= total) return all;
  }
}
