import { describe, expect, it } from 'vitest';
import { batchesOf, batchName } from '../../src/lib/upload/batches';

const MB = 1024 * 1024;
const limits = { pictureBytes: 10 * MB, uploadBytes: 2000 * MB, uploadFiles: 4 };
const file = (name: string, size = MB) => ({ name, size });
const names = (batches: { name: string }[][]) => batches.map((batch) => batch.map(({ name }) => name));

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
  });
});
