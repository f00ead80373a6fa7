import { describe, expect, it } from 'vitest';
import {
  calledBy,
  type CaptionChange,
  changedCaption,
  containsWord,
  editOf,
  oneLine,
  withTrigger,
} from '../../src/lib/caption/edit';
import { wordDifference } from '../../src/lib/caption/difference';

const trigger: CaptionChange = { kind: 'trigger', word: 'BlobV1', category: 'character' };

describe('changes of captions', () => {
  // The same examples as the server's own tests, so that what is shown beforehand is true.
  it.each<[CaptionChange, string, string]>([
    [{ kind: 'prepend', text: 'a,' }, 'red cat, on a mat', 'a, red cat, on a mat'],
    [{ kind: 'append', text: ', at night,' }, 'red cat, on a mat', 'red cat, on a mat, at night'],
    [{ kind: 'remove', text: 'red cat ' }, 'red cat, on a mat', 'on a mat'],
    [{ kind: 'remove', text: 'red' }, 'red cat, on a mat', 'red cat, on a mat'],
    [{ kind: 'remove', text: 'a' }, 'a,, a ,', ''],
    [{ kind: 'replace', old: 'cat', new: 'dog' }, 'red cat, on a mat', 'red dog, on a mat'],
    [{ kind: 'replace', old: '', new: 'dog' }, 'red cat', 'red cat'],
    [{ kind: 'replace', old: 'a.b', new: '$&' }, 'a.b axb', '$& axb'],
    [{ kind: 'prepend', text: 'a' }, '', 'a'],
    [trigger, 'red cat', 'BlobV1, red cat'],
    [trigger, 'a blobv1 in the rain', 'a blobv1 in the rain'],
    [trigger, '', 'BlobV1'],
  ])('%j of “%s”', (change, before, after) => {
    expect(changedCaption(change, before)).toBe(after);
  });

  it('finds words, not parts of words', () => {
    expect(containsWord('a BlobV1, red', 'blobv1')).toBe(true);
    expect(containsWord('a BlobV12', 'BlobV1')).toBe(false);
    expect(containsWord('xBlobV1 BlobV1', 'BlobV1')).toBe(true);
    expect(containsWord('éBlobV1', 'BlobV1')).toBe(false);
    expect(containsWord('anything', ' ')).toBe(false);
  });

  it('calls styles styles, once', () => {
    expect(calledBy('style', 'InkLineV1')).toBe('InkLineV1 style');
    expect(calledBy('style', 'AEXStyle')).toBe('AEXStyle');
    expect(withTrigger('style', 'InkLineV1', 'a cat')).toBe('InkLineV1 style, a cat');
  });

  it('makes one line of what was typed', () => {
    expect(oneLine('  a red\n cat\t')).toBe('a red cat');
  });

  it('becomes an edit for the server', () => {
    expect(editOf({ kind: 'replace', old: 'a', new: 'b' }, ['1'])).toEqual({
      replace_in_caption: { images: ['1'], old: 'a', new: 'b' },
    });
    expect(editOf(trigger, ['1'])).toEqual({ add_trigger: { images: ['1'] } });
  });
});

describe('what changed in a caption', () => {
  it('is told in words', () => {
    expect(wordDifference('a red cat', 'a blue cat')).toEqual([
      { text: 'a', kind: 'same' },
      { text: 'red', kind: 'gone' },
      { text: 'blue', kind: 'new' },
      { text: 'cat', kind: 'same' },
    ]);
  });

  it('does not take a word with a comma for another one', () => {
    expect(wordDifference('red cat', 'red cat, on a mat')).toEqual([
      { text: 'red cat', kind: 'same' },
      { text: ', on a mat', kind: 'new' },
    ]);
  });

  it('is nothing for two empty captions', () => {
    expect(wordDifference('', '')).toEqual([]);
  });

  it('gives up on very long captions', () => {
    const long = 'word '.repeat(500);
    expect(wordDifference(long, `${long}more`).map(({ kind }) => kind)).toEqual(['gone', 'new']);
  });
});
