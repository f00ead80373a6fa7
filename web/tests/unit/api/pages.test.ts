import { describe, expect, it } from 'vitest';
import { onceEach, wholeList } from '../../../src/lib/api/pages';

describe('a list in pages', () => {
  it('has each once, also where something came in front of it between two pages', async () => {
    let all = Array.from({ length: 300 }, (_, at) => ({ id: `${at}` }));
    const list = await wholeList(async ({ limit, offset }) => {
      const items = all.slice(offset, offset + limit);
      if (offset === 0) all = [{ id: 'new' }, ...all];
      return { items, total: all.length };
    });
    const ids = list.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.slice(0, 300)).toEqual(Array.from({ length: 300 }, (_, at) => `${at}`));
  });

  it('keeps the first of twins', () => {
    const [a, b, twin] = [
      { id: 'a', at: 1 },
      { id: 'b', at: 2 },
      { id: 'a', at: 3 },
    ];
    expect(onceEach([a, b, twin])).toEqual([a, b]);
  });
});
