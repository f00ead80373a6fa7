import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connection } from '../../../src/lib/api/connection.svelte';
import { unreachable } from '../../../src/lib/api/error';
import type { Uploaded } from '../../../src/lib/api/model';
import { filesOf } from '../../../src/lib/dataset/changes/put_back';
import { batchesOf, batchName } from '../../../src/lib/upload/batches';
import { Uploads } from '../../../src/lib/upload/queue.svelte';
import { image } from '../library';

const MB = 1024 * 1024;
const limits = { pictureBytes: 10 * MB, uploadBytes: 2000 * MB, uploadFiles: 4 };
const file = (path: string, size = MB) => ({ path, file: { size } });
const names = (batches: { path: string }[][]) => batches.map((batch) => batch.map(({ path }) => path));

describe('uploads', () => {
  it('are one where everything fits', () => {
    const { batches, refused } = batchesOf([file('a.png'), file('b.JPG'), file('a.txt', 3)], limits);
    expect(names(batches)).toEqual([['a.png', 'a.txt', 'b.JPG']]);
    expect(refused).toEqual([]);
  });

  it('keep captions with their pictures when they are split', () => {
    const files = ['a.png', 'b.png', 'c.png', 'a.txt', 'b.txt', 'c.txt'].map((name) => file(name));
    expect(names(batchesOf(files, limits).batches)).toEqual([
      ['a.png', 'a.txt', 'b.png', 'b.txt'],
      ['c.png', 'c.txt'],
    ]);
  });

  it('are split by size, and have crops in each', () => {
    const wide = { ...limits, pictureBytes: 2000 * MB };
    const files = [file('a.png', 300 * MB), file('b.png', 300 * MB), file('crops.json')];
    expect(names(batchesOf(files, wide).batches)).toEqual([
      ['a.png', 'crops.json'],
      ['b.png', 'crops.json'],
    ]);
  });

  it('keep captions and crops in their folders', () => {
    const files = ['x/a.png', 'y/a.png', 'x/a.txt', 'y/a.txt', 'y/crops.json'].map((path) => file(path));
    expect(names(batchesOf(files, { ...limits, uploadFiles: 3 }).batches)).toEqual([
      ['x/a.png', 'x/a.txt'],
      ['y/a.png', 'y/a.txt', 'y/crops.json'],
    ]);
    expect(batchesOf([file('x/.DS_Store'), file('__MACOSX/x/a.png')], limits).batches).toEqual([]);
  });

  it('have crops of no other file by themselves', () => {
    const files = [file('x/a.png'), file('x/crops.json'), file('y/crops.json')];
    expect(names(batchesOf(files, limits).batches).flat().sort()).toEqual([
      'x/a.png',
      'x/crops.json',
      'y/crops.json',
    ]);
    expect(names(batchesOf([file('crops.json')], limits).batches)).toEqual([['crops.json']]);
  });

  it('take each archive by itself', () => {
    expect(names(batchesOf([file('x.zip'), file('a.png')], limits).batches)).toEqual([['a.png'], ['x.zip']]);
  });

  it('refuse what the server would refuse, and say why', () => {
    const files = [
      file('a.psd'),
      file('b.png', 11 * MB),
      file('c.png', 0),
      file('d.zip', 3000 * MB),
      file('.DS_Store'),
    ];
    const { batches, refused } = batchesOf(files, limits);
    expect(batches).toEqual([]);
    expect(refused.map(({ fileName }) => fileName)).toEqual(['a.psd', 'b.png', 'c.png', 'd.zip']);
    expect(refused.every(({ reason }) => reason.length > 10)).toBe(true);
  });

  it('have names', () => {
    expect(batchName([file('a.png')])).toBe('a.png');
    expect(batchName([file('a.png'), file('a.txt'), file('b.png')])).toBe('2 pictures');
    expect(batchName([file('a.png'), file('a.txt')])).toBe('1 picture');
    expect(batchName([file('a.txt'), file('b.txt')])).toBe('2 files');
  });
});

describe('uploads on their way', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    connection.answered();
    vi.useRealTimers();
  });

  it('go on when the connection is back, also those added without one', async () => {
    const sent: string[][] = [];
    const failures = [unreachable()];
    const uploads = new Uploads(
      '1',
      () => {},
      async (_, files) => {
        const failure = failures.pop();
        if (failure) {
          connection.lost();
          throw failure;
        }
        sent.push(files.map(({ path }) => path));
        return { added: 1, files: [] } as unknown as Uploaded;
      },
    );
    connection.onBack(() => uploads.goOn());
    for (const name of ['a.png', 'b.png']) uploads.add([{ path: name, file: new File(['x'], name) }], limits);
    await vi.advanceTimersByTimeAsync(0);
    expect(uploads.list.map(({ state }) => state)).toEqual(['failed', 'waiting']);
    uploads.add([{ path: 'c.png', file: new File(['x'], 'c.png') }], limits);
    connection.answered();
    await vi.advanceTimersByTimeAsync(0);
    expect(sent).toEqual([['a.png'], ['b.png'], ['c.png']]);
    expect(uploads.isBusy).toBe(false);
  });
});

describe('pictures that are put back', () => {
  it('have their captions and crops beside them, each in a folder of its own', async () => {
    const crop = { left: 0, top: 0, side: 40 };
    const files = await filesOf(
      '1',
      [image('a', 'red'), image('a', 'blue', crop)],
      async () => new Blob(['x']),
    );
    expect(files.map(({ path }) => path)).toEqual([
      '0/a.png',
      '0/a.txt',
      '1/a.png',
      '1/a.txt',
      '1/crops.json',
    ]);
    expect(await files[3]!.file.text()).toBe('blue');
    expect(JSON.parse(await files[4]!.file.text())).toEqual({ format: 1, crops: { 'a.png': crop } });
  });
});
