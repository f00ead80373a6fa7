import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SlidStrength } from '../../../src/lib/models/slid_strength.svelte';

/** A model whose server answers when it is told to. */
function model(strength: number) {
  const answers: (() => void)[] = [];
  const state = { saved: strength, asked: [] as [number, number][] };
  const slid = new SlidStrength((strength, before) => {
    state.asked.push([strength, before]);
    return new Promise((done) =>
      answers.push(() => {
        state.saved = strength;
        done();
      }),
    );
  }, 100);
  const press = (strength: number) => {
    slid.move(strength);
    slid.settle(strength, state.saved);
  };
  const answer = async () => {
    answers.shift()!();
    await vi.advanceTimersByTimeAsync(0);
  };
  return { state, slid, press, answer, seen: () => slid.shown ?? state.saved };
}

describe('a strength that keys move', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('is saved once after its steps, and taken back before the first of them', async () => {
    const { state, press, answer, seen } = model(0.5);
    for (const strength of [0.55, 0.6, 0.65]) {
      press(strength);
      await vi.advanceTimersByTimeAsync(50);
      expect(seen()).toBe(strength);
    }
    await vi.advanceTimersByTimeAsync(100);
    expect(state.asked).toEqual([[0.65, 0.5]]);
    await answer();
    expect(seen()).toBe(0.65);
  });

  it('does not jump back while a slow server answers to an earlier step', async () => {
    const { state, slid, press, answer, seen } = model(0.5);
    press(0.55);
    await vi.advanceTimersByTimeAsync(200);
    press(0.6);
    await vi.advanceTimersByTimeAsync(200);
    press(0.65);
    expect(state.asked).toEqual([[0.55, 0.5]]);
    await answer();
    expect(seen()).toBe(0.65);
    // The newest comes after the one before it, and both are taken back as one.
    expect(state.asked.at(-1)).toEqual([0.65, 0.5]);
    await answer();
    expect([seen(), slid.shown, state.asked.length]).toEqual([0.65, undefined, 2]);
    press(0.7);
    await vi.advanceTimersByTimeAsync(200);
    expect(state.asked.at(-1)).toEqual([0.7, 0.65]);
  });

  it('stays under the finger while an answer comes', async () => {
    const { slid, press, answer, seen } = model(0.5);
    press(0.55);
    await vi.advanceTimersByTimeAsync(200);
    slid.move(0.9);
    await answer();
    expect(seen()).toBe(0.9);
  });

  it('is saved at once when the page is left, and not at all when it is taken back', async () => {
    const { state, slid, press } = model(0.5);
    press(0.55);
    slid.flush();
    expect(state.asked).toEqual([[0.55, 0.5]]);
    const other = model(0.5);
    other.press(0.6);
    await other.slid.drop();
    await vi.advanceTimersByTimeAsync(500);
    expect([other.state.asked, other.seen()]).toEqual([[], 0.5]);
  });

  it('is taken back only after what is on its way', async () => {
    const { slid, press, answer } = model(0.5);
    press(0.55);
    await vi.advanceTimersByTimeAsync(200);
    let isDropped = false;
    void slid.drop().then(() => (isDropped = true));
    await vi.advanceTimersByTimeAsync(0);
    expect(isDropped).toBe(false);
    await answer();
    expect([isDropped, slid.shown]).toEqual([true, undefined]);
  });

  it('is saved at once where a pointer lets it go', () => {
    const { state, slid } = model(0.5);
    slid.move(0.9);
    slid.settle(0.9, 0.5, true);
    expect(state.asked).toEqual([[0.9, 0.5]]);
    slid.rest();
    expect([slid.shown, state.asked.length]).toEqual([0.9, 1]);
  });

  it('is what is saved where it was moved away and back', async () => {
    const { state, slid, press, answer } = model(0.5);
    slid.move(0.9);
    slid.move(0.5);
    slid.rest();
    expect([slid.shown, state.asked]).toEqual([undefined, []]);
    press(0.6);
    slid.flush();
    slid.move(0.9);
    slid.move(0.6);
    slid.rest();
    expect(slid.shown).toBe(0.6);
    await answer();
    expect(slid.shown).toBeUndefined();
    slid.move(0.8);
    await slid.drop();
    expect(slid.shown).toBeUndefined();
  });
});
