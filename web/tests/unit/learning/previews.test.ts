import { describe, expect, it } from 'vitest';
import type { Job, Preview, Run, RunPreviews } from '../../../src/lib/api/model';
import { columnsOf, placeBeside, promptOf, rowsOf, wayOf } from '../../../src/lib/runs/previews/strip';
import { noPreviewWords } from '../../../src/lib/runs/words';
import { secondsLeft } from '../../../src/lib/runs/time_left';

const preview = (number: number, prompt = `prompt ${number}`) => ({ number, prompt }) as Preview;
const all: RunPreviews = {
  planned_epochs: [10, 20, 30],
  prompts: ['a blob', 'a cat'],
  epochs: [
    { epoch: 10, previews: [preview(0), preview(1)] },
    { epoch: 20, previews: [preview(0, 'a dog')] },
  ],
};

describe('previews by epoch', () => {
  it('have places for those to come, as long as the run goes on', () => {
    const epochs = (isGoingOn: boolean) => columnsOf(all, isGoingOn).map(({ epoch }) => epoch);
    expect(epochs(true)).toEqual([10, 20, 30]);
    expect(epochs(false)).toEqual([10, 20]);
    expect(rowsOf(all)).toEqual([0, 1]);
    expect(rowsOf({ ...all, epochs: [] })).toEqual([0, 1]);
  });

  it('are called by the newest prompt of their row', () => {
    expect([promptOf(all, 0), promptOf(all, 1)]).toEqual(['a dog', 'prompt 1']);
    expect(promptOf({ ...all, epochs: [] }, 1)).toBe('a cat');
  });

  it('are walked through where there are some', () => {
    const at = { epoch: 10, number: 0 };
    expect(placeBeside(all, at, 1)).toEqual({ epoch: 20, number: 0 });
    expect(placeBeside(all, at, -1)).toEqual(at);
    expect(placeBeside(all, at, 0, 1)).toEqual({ epoch: 10, number: 1 });
    expect(placeBeside(all, { epoch: 10, number: 1 }, 1)).toEqual({ epoch: 10, number: 1 });
  });

  it('leave keys to the browser that are its own', () => {
    const plain = { altKey: false, ctrlKey: false, metaKey: false };
    expect(wayOf({ ...plain, key: 'ArrowLeft' })).toEqual([-1, 0]);
    expect(wayOf({ ...plain, key: 'ArrowDown' })).toEqual([0, 1]);
    expect(wayOf({ ...plain, key: 'Enter' })).toBeUndefined();
    for (const held of ['altKey', 'ctrlKey', 'metaKey']) {
      expect(wayOf({ ...plain, key: 'ArrowLeft', [held]: true })).toBeUndefined();
    }
  });
});

describe('a run without previews', () => {
  const run = (state: string, every: number | null) => ({ state, settings: { preview_every: every } }) as Run;
  const none = { ...all, epochs: [], planned_epochs: [] };

  it('says why, and claims nothing of how old it is', () => {
    expect(noPreviewWords(run('running', 10), { ...all, epochs: [] })).toMatch(/^After epoch 10/);
    expect(noPreviewWords(run('completed', 10), { ...all, epochs: [] })).toMatch(/^None were drawn/);
    expect(noPreviewWords(run('completed', 0), none)).toMatch(/^This run draws none/);
    expect(noPreviewWords(run('completed', null), none)).toBe('None are planned for this run.');
  });
});

describe('the time that is left', () => {
  const run = {
    done_steps: 100,
    total_steps: 400,
    trained_steps: 100,
    training_secs: 50,
    preview_secs: 0,
    preview_pictures: 0,
    settings: { epochs: 40, preview_steps: 12 },
  } as Run;
  const progress = (phase: string, done: number) => ({ phase, done, total: 400 }) as Job['progress'];

  it('counts the previews that are still to come as about as long as steps', () => {
    // 150 seconds of steps; of the epochs 20 and 30 two previews each, 12 half-seconds long.
    expect(secondsLeft(run, progress('training', 100), undefined, all)).toBeCloseTo(150 + 4 * 6);
    expect(secondsLeft(run, progress('training', 100), 30, undefined)).toBe(30);
  });

  it('goes by previews that were drawn', () => {
    const drawn = { ...run, preview_secs: 8, preview_pictures: 4 };
    expect(secondsLeft(drawn, progress('training', 200), undefined, all)).toBeCloseTo(100 + 2 * 2);
    const drawing = secondsLeft(
      { ...drawn, done_steps: 200, trained_steps: 200, training_secs: 100 },
      progress('previewing', 3),
      5,
      all,
    );
    expect(drawing).toBeCloseTo(100 + 5 + 2 * 2);
  });

  it('is not longer for steps that a killed process made, and that were made again', () => {
    const killed = { ...run, trained_steps: 150, training_secs: 75 };
    expect(secondsLeft(killed, progress('training', 100), undefined, undefined)).toBeCloseTo(150);
  });

  it('is not said of anything else', () => {
    expect(secondsLeft(run, progress('saving', 0), 1, all)).toBeUndefined();
    const fresh = { ...run, done_steps: 0, trained_steps: 0 };
    expect(secondsLeft(fresh, progress('training', 0), undefined, all)).toBeUndefined();
  });
});
