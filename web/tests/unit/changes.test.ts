import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Changes } from '../../src/lib/dataset/changes/changes.svelte';
import { applied, rebased } from '../../src/lib/dataset/changes/merge';
import { called, caption, image, Library } from './library';

const start = [image('a', 'red'), image('b', 'blue')];
const append = { append_caption: { images: ['a', 'b'], text: 'new' } };

let library: Library;
let changes: Changes;

beforeEach(() => {
  vi.useFakeTimers();
  library = new Library(start);
  changes = new Changes('1', library);
  changes.seen(library.newest);
});
afterEach(() => void vi.useRealTimers());

/** Lets everything happen that happens without anybody. */
const settled = () => vi.advanceTimersByTimeAsync(60_000);
const add = (edits: Parameters<typeof applied>[1], was = start) => changes.add({ edits, was, called });

describe('changes on their way', () => {
  it('are shown before they arrive', () => {
    void add([append]);
    expect(changes.onTopOf(start).map(({ caption }) => caption)).toEqual(['red, new', 'blue, new']);
  });

  it('are sent to the version that they were made to', async () => {
    const made = await add([caption('a', 'green')]);
    expect(library.asked[0]!.expected_version).toBe(1);
    expect(made?.before).toBe(start);
    expect(made?.version.images[0]!.caption).toBe('green');
  });

  it('wait for the connection, only the newest words of a field', async () => {
    library.failures = ['gone', 'gone'];
    void add([append]);
    await settled();
    for (const words of ['one', 'two']) void add([caption('a', words)], changes.onTopOf(start));
    await settled();
    changes.goOn();
    await settled();
    expect(library.captions()).toEqual(['two', 'blue, new']);
    expect(library.newest.number).toBe(3);
  });

  it('are not made twice when an answer gets lost', async () => {
    library.failures = ['answer lost'];
    const made = add([append]);
    await settled();
    changes.goOn();
    expect((await made)?.before).toBe(start);
    expect(library.captions()).toEqual(['red, new', 'blue, new']);
  });

  it('are made when others changed the dataset while they waited', async () => {
    library.failures = ['gone'];
    void add([append]);
    await settled();
    library.change([caption('b', 'theirs')]);
    changes.goOn();
    await settled();
    expect(library.captions()).toEqual(['red, new', 'theirs, new']);
  });
});

describe('changes of others', () => {
  it('stay where they are of other pictures', async () => {
    library.change([caption('b', 'theirs')]);
    await add([caption('a', 'mine')]);
    expect(changes.question).toBeUndefined();
    expect(library.captions()).toEqual(['mine', 'theirs']);
  });

  it.each([
    ['mine', ['mine', 'blue']],
    ['theirs', ['theirs', 'blue']],
  ] as const)('of the same picture are asked about: %s', async (whose, captions) => {
    library.change([caption('a', 'theirs')]);
    void add([caption('a', 'mine')]);
    await settled();
    expect(changes.question?.clashes[0]!.theirs.caption).toBe('theirs');
    expect(library.captions()).toEqual(['theirs', 'blue']);
    changes.question!.answer(whose);
    await settled();
    expect(changes.question).toBeUndefined();
    expect(changes.waiting).toEqual([]);
    expect(library.captions()).toEqual(captions);
  });

  it('are asked about also when they were seen while the words were typed', async () => {
    library.change([caption('a', 'theirs')]);
    changes.seen(library.newest);
    void add([caption('a', 'mine')], start);
    await settled();
    expect(changes.question).toBeDefined();
  });

  it('which took pictures out leave the rest to be made', async () => {
    library.change([{ remove: { image: 'a' } }]);
    await add([caption('a', 'mine'), caption('b', 'mine')]);
    expect(library.captions()).toEqual(['mine']);
  });
});

describe('refused changes', () => {
  it('are tried again when that may help', async () => {
    library.failures = [503, 500];
    void add([caption('a', 'mine')]);
    await settled();
    expect(library.captions()).toEqual(['mine', 'blue']);
  });

  it('stay until they are tried again, and let others pass', async () => {
    library.failures = [400];
    void add([caption('a', 'mine')]);
    await settled();
    await add([caption('b', 'other')]);
    expect(changes.refused).toHaveLength(1);
    expect(changes.onTopOf(library.newest.images)[0]!.caption).toBe('mine');
    changes.again();
    await settled();
    expect(library.captions()).toEqual(['mine', 'other']);
  });

  it('can be given up, and newer words take their place', async () => {
    library.failures = [400, 400];
    const first = add([caption('a', 'mine')]);
    await settled();
    void add([caption('a', 'newer')], changes.onTopOf(start));
    expect(await first).toBeUndefined();
    await settled();
    expect(changes.refused).toHaveLength(1);
    changes.discard();
    expect(changes.waiting).toEqual([]);
    expect(changes.onTopOf(start)).toBe(start);
  });

  it('do not make their own words look like those of others', async () => {
    library.failures = [400];
    void add([caption('a', 'mine')]);
    await settled();
    void add([caption('a', 'newer')], changes.onTopOf(start));
    await settled();
    expect(changes.question).toBeUndefined();
    expect(library.captions()).toEqual(['newer', 'blue']);
  });
});

describe('edits', () => {
  it('make the same as on the server', () => {
    const edits = [
      { prepend_caption: { images: ['a'], text: 'a' } },
      { replace_in_caption: { images: null, old: 'blue', new: 'x' } },
      { add_trigger: {} },
      { set_crop: { image: 'b', crop: { left: 0, top: 0, side: 40 } } },
    ];
    expect(applied(start, edits, called)).toEqual([
      image('a', 'BlobV1, a, red'),
      image('b', 'BlobV1, x', { left: 0, top: 0, side: 40 }),
    ]);
    expect(applied(start, [{ remove: { image: 'a' } }], called)).toEqual([start[1]]);
  });

  it('are only of pictures that there are', () => {
    expect(rebased([append], start, [start[1]!]).edits).toEqual([
      { append_caption: { images: ['b'], text: 'new' } },
    ]);
    expect(rebased([{ remove: { image: 'a' } }], start, []).edits).toEqual([]);
  });
});
