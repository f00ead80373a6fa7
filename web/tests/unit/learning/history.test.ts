import { describe, expect, it, vi } from 'vitest';
import { ApiError } from '../../../src/lib/api/error';
import type { Job } from '../../../src/lib/api/model';
import { History } from '../../../src/lib/drawing/gallery/history.svelte';
import { KnownJobs } from '../../../src/lib/drawing/gallery/known_jobs';

const TOTAL = 130;
const asked = vi.hoisted(() => vi.fn());
vi.mock('../../../src/lib/api/calls/jobs', () => ({
  listJobs: async () => [],
  getJob: async (id: string) => ({ id, drawing: { prompt: `prompt of ${id}` } }),
}));
vi.mock('../../../src/lib/api/calls/pictures', () => ({
  listPictures: async (query: { limit: number; offset: number }) => {
    asked(query);
    const length = Math.min(query.limit, TOTAL - query.offset);
    const pictures = Array.from({ length }, (_, at) => ({
      id: query.offset + at,
      job: `job ${query.offset + at}`,
    }));
    return { pictures, total: TOTAL };
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

  it('are called by their prompts, also where their jobs are not among the newest', async () => {
    const history = new History({}, 12);
    await history.drawn.fetch(true);
    await vi.waitFor(() =>
      expect(history.drawn.data?.jobs.get('job 11')?.drawing?.prompt).toBe('prompt of job 11'),
    );
  });
});

describe('the jobs of pictures', () => {
  const job = (id: string) => ({ id }) as Job;

  it('are fetched once each, and only where they are not known', async () => {
    const get = vi.fn(async (id: string) => job(id));
    const known = new KnownJobs(get);
    known.take([job('new')]);
    const pictures = [{ job: 'new' }, { job: 'old' }, { job: 'old' }, { job: null }, { job: 'older' }];
    await Promise.all([known.fetchOf(pictures), known.fetchOf(pictures)]);
    expect(get.mock.calls.flat()).toEqual(['old', 'older']);
    expect([...known.all.keys()]).toEqual(['new', 'old', 'older']);
  });

  it('are asked for again unless they are gone', async () => {
    const get = vi.fn(async (id: string) => {
      throw new ApiError(id, id, '', id === 'gone' ? 404 : 503);
    });
    const known = new KnownJobs(get);
    const pictures = [{ job: 'gone' }, { job: 'busy' }];
    await known.fetchOf(pictures);
    await known.fetchOf(pictures);
    expect(get.mock.calls.flat()).toEqual(['gone', 'busy', 'busy']);
  });
});
