import { describe, expect, it, vi } from 'vitest';
import type { DrawingRequest, Job } from '../../../src/lib/api/model';
import { Cells } from '../../../src/lib/drawing/cells.svelte';

const done = { id: 'j', kind: 'generation', state: 'completed', wish: null } as Job;
const failed = (id: string, problem: string) => ({ ...done, id, state: 'failed', problem }) as Job;
const answers = vi.hoisted(() => ({ next: [] as unknown[] }));
const pictures = vi.hoisted(() => ({ left: [] as { id: string }[] }));
vi.mock('../../../src/lib/api/calls/jobs', () => ({
  startDrawing: async () => answers.next.shift() ?? done,
  getJob: async () => done,
}));
vi.mock('../../../src/lib/api/calls/pictures', () => ({
  listPictures: async () => ({ pictures: pictures.left }),
}));

describe('a cell that was drawn', () => {
  const cell = { key: 'k', request: {} as DrawingRequest };

  it('shows its picture', async () => {
    pictures.left = [{ id: 'p' }];
    const cells = new Cells();
    await cells.draw([cell]);
    await vi.waitFor(() => expect(cells.pictureOf('k')).toBe('p'));
    expect([cells.isGone('k'), cells.isMissing('k')]).toEqual([false, false]);
  });

  it('says why it could not be drawn, each reason once', async () => {
    const keys = ['a', 'b', 'c', 'd'];
    answers.next = [failed('1', 'no room'), failed('2', 'no room'), failed('3', 'a bad base')];
    const all = keys.map((key) => ({ key, request: {} as DrawingRequest }));
    const cells = new Cells();
    await cells.draw(all);
    expect(cells.problems(all)).toEqual(['no room', 'a bad base']);
  });

  it('says so when its picture was deleted, and can be drawn again', async () => {
    pictures.left = [];
    const cells = new Cells();
    expect(cells.isGone('k')).toBe(false);
    await cells.draw([cell]);
    await vi.waitFor(() => expect(cells.isGone('k')).toBe(true));
    expect(cells.isMissing('k')).toBe(true);
  });
});
