import { describe, expect, it } from 'vitest';
import type { Image } from '../../src/lib/api/model';
import { changedFields, fieldsOf } from '../../src/lib/dataset/about_fields';
import { filterImages } from '../../src/lib/dataset/filter';
import { editsBack } from '../../src/lib/dataset/changes/undo';
import { ago, bytes, count, daysLeft, decimalOf, isolated } from '../../src/lib/words/format';
import { suggestTrigger } from '../../src/lib/words/trigger';

const image = (id: string, caption: string, crop: Image['crop'] = null): Image => ({
  id,
  file_name: `${id}.png`,
  hash: '',
  size_bytes: 1,
  width: 100,
  height: 80,
  caption,
  crop,
});

describe('numbers and times', () => {
  it('are written for people', () => {
    expect(count(1, 'picture')).toBe('1 picture');
    expect(count(12_000, 'picture')).toBe('12,000 pictures');
    expect(bytes(999)).toBe('999 B');
    expect(bytes(6900)).toBe('6.9 kB');
    expect(bytes(134_217_728)).toBe('134 MB');
    expect(bytes(999_600)).toBe('1.0 MB');
    expect(ago(0, 30_000)).toBe('just now');
    expect(ago(0, 5 * 60_000)).toBe('5 minutes ago');
    expect(ago(0, 26 * 3_600_000)).toBe('yesterday');
    expect(ago(0, 90 * 86_400_000)).toBe('Jan 1, 1970');
    expect(daysLeft(0, 30, 86_400_000 * 1.5)).toBe(29);
    expect(daysLeft(0, 30, 86_400_000 * 99)).toBe(0);
  });

  it('are read with a point or a comma, and never as thousands', () => {
    for (const [text, value] of [
      ['7,5', 7.5],
      [' 0,0001 ', 0.0001],
      ['0,125', 0.125],
      [',5', 0.5],
      ['-1,25', -1.25],
      ['7.5', 7.5],
      ['1e-4', 0.0001],
    ] as const) {
      expect(decimalOf(text), text).toBe(value);
    }
    for (const text of ['1,000', '12,500', '1,000,000', '1,5,5', '1.000,5', 'a,5', ',']) {
      expect(decimalOf(text), text).toBeNaN();
    }
  });

  it('stay in their order beside a name of other letters', () => {
    expect(isolated('שלום')).toBe('\u2068שלום\u2069');
  });
});

describe('a trigger word', () => {
  it('is suggested by the name', () => {
    expect(suggestTrigger('blob faces', 'character')).toBe('BlobCharV1');
    expect(suggestTrigger('Émaux', 'object')).toBe('EmauxObjV1');
    expect(suggestTrigger('日本', 'style')).toBe('');
  });
});

describe('details of a dataset', () => {
  it('are sent where they were changed', () => {
    const dataset = { name: 'a', description: '', category: 'style', trigger_word: 'x', id: '1' };
    const start = fieldsOf(dataset as Parameters<typeof fieldsOf>[0]);
    expect(changedFields(start, { ...start, name: 'b' })).toEqual({ name: 'b' });
    expect(changedFields(start, { ...start })).toEqual({});
  });
});

describe('pictures of a dataset', () => {
  const all = [image('a', 'BlobV1, red'), image('b', ''), image('c', 'blue', { left: 0, top: 0, side: 50 })];
  const ids = (images: Image[]) => images.map(({ id }) => id).join('');
  it('are found', () => {
    expect(ids(filterImages(all, 'all', '', 'BlobV1'))).toBe('abc');
    expect(ids(filterImages(all, 'no_caption', '', 'BlobV1'))).toBe('b');
    expect(ids(filterImages(all, 'no_trigger', '', 'BlobV1'))).toBe('bc');
    expect(ids(filterImages(all, 'own_crop', '', 'BlobV1'))).toBe('c');
    expect(ids(filterImages(all, 'all', ' RED ', 'BlobV1'))).toBe('a');
    expect(ids(filterImages(all, 'all', 'c.png', 'BlobV1'))).toBe('c');
  });
  it('get back what they had, and nothing else', () => {
    const now = [image('a', 'other'), image('c', 'blue')];
    expect(editsBack(all, now, ['a', 'b', 'c'])).toEqual([
      { set_caption: { image: 'a', caption: 'BlobV1, red' } },
      { set_crop: { image: 'c', crop: { left: 0, top: 0, side: 50 } } },
    ]);
  });
});
