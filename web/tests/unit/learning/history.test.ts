import { describe, expect, it, vi } from 'vitest';
import { History } from '../../../src/lib/drawing/gallery/history.svelte';

const TOTAL = 130;
const asked = vi.hoisted(() => vi.fn());
vi.mock('../../../src/lib/api/calls/jobs', () => ({ listJobs: async () => [] }));
vi.mock('../../../src/lib/api/calls/pictures', () => ({
  listPictures: async (query: { limit: number; offset: number }) => {
    asked(query);
    const length = Math.min(query.limit, TOTAL - query.offset);
    return { pictures: Array.from({ length }, (_, at) => ({ id: query.offset + at })), total: TOTAL };
  },
}));

describe('the pictures that were drawn', () => {
  it('stay on the wall while older ones come', async () => {
    const history = new History({ model: 'm' }, 12);
    await history.drawn.fetch(true);
    expect(history.drawn.data?.pictures).toHaveLength(12);
    const coming = history.more();
    expect(history.drawn.data?.pictures).toHaveLength(12);
    await coming;
    expect(history.drawn.data?.pictures).toHaveLength(108);
    await history.more();
    expect(history.drawn.data?.pictures).toHaveLength(TOTAL);
    expect(asked).toHaveBeenLastCalledWith(expect.objectContaining({ model: 'm' }));
  });
});
