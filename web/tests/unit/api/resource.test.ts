import { describe, expect, it, vi } from 'vitest';
import { failureAmong, Resource } from '../../../src/lib/api/resource.svelte';

/** One that answers with what is next in the list; an error is thrown. */
async function asked(...answers: unknown[]) {
  const load = vi.fn(async () => {
    const next = answers.shift();
    if (next instanceof Error) throw next;
    return next;
  });
  const made = new Resource(load);
  await made.fetch(true);
  return { made, load };
}

describe('what stays until another address is answered', () => {
  it('is there meanwhile', async () => {
    const { made } = await asked('a', 'b');
    const coming = made.kept().fetch(true);
    expect(made.data).toBe('a');
    await coming;
    expect(made.data).toBe('b');
  });

  it('is forgotten where the other one cannot be had', async () => {
    const { made } = await asked('a', new Error('no'));
    await made.kept().fetch(true);
    expect(made.data).toBeUndefined();
    expect(failureAmong(made)?.error.message).toBe('no');
  });

  it('stays where the same one is only asked for anew', async () => {
    const { made } = await asked('a', 'b', new Error('no'));
    await made.kept().fetch(true);
    await made.refresh();
    expect([made.data, made.error?.message]).toEqual(['b', 'no']);
  });

  it('does not stay where nobody asked for that', async () => {
    const { made } = await asked('a', 'b');
    const coming = made.fetch(true);
    expect(made.data).toBeUndefined();
    await coming;
  });
});

describe('what a page needs together', () => {
  it('is there where all of it came', async () => {
    expect(failureAmong((await asked('a')).made, (await asked('b')).made)).toBeUndefined();
  });

  it('is asked for again where it failed, and only there', async () => {
    const good = await asked('a');
    const [one, other] = [await asked(new Error('no'), 'b'), await asked(new Error('not this'), 'c')];
    const failure = failureAmong(good.made, one.made, other.made)!;
    expect(failure.error.message).toBe('no');
    failure.again();
    await vi.waitFor(() => expect(other.made.data).toBe('c'));
    expect([good, one, other].map(({ load }) => load.mock.calls.length)).toEqual([1, 2, 2]);
    expect(failureAmong(good.made, one.made, other.made)).toBeUndefined();
  });

  it('stays where only asking anew fails', async () => {
    const { made } = await asked('a', new Error('no'));
    await made.refresh();
    expect([made.data, made.error?.message]).toEqual(['a', 'no']);
    expect(failureAmong(made)).toBeUndefined();
  });
});
