import { describe, expect, it } from 'vitest';
import { Draft } from '../../src/lib/viewer/draft.svelte';
import { caption, image } from './library';

describe('a draft', () => {
  it('lets go of what it handed in', () => {
    let shown = image('a', 'red');
    const draft = new Draft(() => shown);
    draft.caption = ' green\n';
    draft.moveCrop({ left: 0, top: 0, side: 40 });
    draft.endMove();
    const { edits, was } = draft.take();
    expect(edits).toEqual([
      caption('a', 'green'),
      { set_crop: { image: 'a', crop: { left: 0, top: 0, side: 40 } } },
    ]);
    expect(was).toEqual(image('a', 'red'));
    // What others or an undo make of it later is shown, and not written over.
    shown = image('a', 'theirs', { left: 1, top: 1, side: 50 });
    expect(draft.caption).toBe('theirs');
    expect(draft.crop.side).toBe(50);
    expect(draft.canUndoCrop).toBe(false);
    expect(draft.take().edits).toEqual([]);
  });

  it('remembers what was seen when a field was first changed', () => {
    let shown = image('a', 'red');
    const draft = new Draft(() => shown);
    draft.caption = 'mine';
    shown = image('a', 'theirs');
    draft.caption = 'mine too';
    expect(draft.take()).toEqual({ edits: [caption('a', 'mine too')], was: image('a', 'red') });
  });
});
