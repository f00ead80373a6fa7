import { describe, expect, it, vi } from 'vitest';
import { unreachable } from '../../../src/lib/api/error';
import { Deeds } from '../../../src/lib/api/underway.svelte';
import type { Job } from '../../../src/lib/api/model';
import { DrawForm } from '../../../src/lib/drawing/draw_form.svelte';
import { usualDrawing } from '../../../src/lib/drawing/form';
import { cancelAll, waitingDrawings } from '../../../src/lib/drawing/queue/waiting';

const job = (id: string, more: Partial<Job> = {}) =>
  ({ id, kind: 'generation', state: 'queued', wish: null, ...more }) as Job;

describe('the drawings that wait', () => {
  const jobs = [
    job('runs', { state: 'running' }),
    job('a'),
    job('training', { kind: 'training' }),
    job('leaves', { wish: 'cancel' }),
    job('b'),
  ];

  it('are those that nobody has taken back', () => {
    expect(waitingDrawings(jobs).map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('are taken back from the end, also where one of them has begun', async () => {
    const cancel = vi.fn(async (id: string) => {
      if (id === 'b') throw new Error('it has ended');
    });
    const failure = await cancelAll(['a', 'b', 'c'], () => true, cancel);
    expect(cancel.mock.calls.flat()).toEqual(['c', 'b', 'a']);
    expect((failure as Error).message).toBe('it has ended');
    expect(
      await cancelAll(
        ['a'],
        () => true,
        async () => undefined,
      ),
    ).toBeUndefined();
  });

  it('are left alone where they do not wait any more', async () => {
    const waiting = new Set(['a', 'b']);
    const cancel = vi.fn(async () => void waiting.delete('a'));
    await cancelAll(['a', 'b', 'begun'], (id) => waiting.has(id), cancel);
    expect(cancel.mock.calls).toEqual([['b']]);
  });

  it('are left alone once the server is gone', async () => {
    const cancel = vi.fn(async () => {
      throw unreachable();
    });
    await cancelAll(['a', 'b'], () => true, cancel);
    expect(cancel).toHaveBeenCalledTimes(1);
  });
});

describe('the form that takes over other settings', () => {
  const typed = { prompt: 'typed for long', seed: '5', count: '9' };

  it('is as it was when that is taken back', () => {
    const form = new DrawForm();
    form.change(typed);
    const before = form.written;
    const undo = form.restore({ ...usualDrawing(), prompt: 'a cat' } as never, '7');
    expect(form.written).toMatchObject({ prompt: 'a cat', seed: '7', count: '1' });
    expect(form.isWanted).toBe(true);
    undo();
    expect(form.written).toBe(before);
  });

  it('draws over a picture in its size, and forgets that again', () => {
    const form = new DrawForm();
    form.change({ ...typed, width: '512' });
    const start = { id: 's', name: 'a.png', width: 640, height: 320 } as never;
    const undo = form.drawOver(start, { width: 640, height: 320 });
    expect(form.written).toMatchObject({ width: '640', height: '320', start: { picture: 's' } });
    undo();
    expect(form.written).toMatchObject({ ...typed, width: '512', start: null });
  });
});

describe('what is pressed while it is being done', () => {
  it('is done once, and can be pressed again afterwards', async () => {
    const deeds = new Deeds();
    let done = () => {};
    const work = vi.fn(() => new Promise<void>((end) => (done = end)));
    const first = deeds.once('a', work);
    await deeds.once('a', work);
    expect([work.mock.calls.length, deeds.isGoing('a'), deeds.isGoing('b')]).toEqual([1, true, false]);
    done();
    await first;
    const failing = deeds.once('a', () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    expect(deeds.isGoing('a')).toBe(false);
  });
});
