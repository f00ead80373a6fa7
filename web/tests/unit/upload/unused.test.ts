import { describe, expect, it } from 'vitest';
import type { Image, Uploaded } from '../../../src/lib/api/model';
import { Uploads } from '../../../src/lib/upload/queue.svelte';
import { countWords, namesWords, outcomeWords } from '../../../src/lib/upload/outcome';
import { Here, leftoversOf, unusedOf } from '../../../src/lib/upload/unused';
import { image } from '../library';

const REASON = 'no new picture of this name came with it';
const limits = { pictureBytes: Infinity, uploadBytes: Infinity, uploadFiles: 100 };
const crop = { left: 10, top: 0, side: 60 };
const picked = (path: string, text = '') => ({ path, file: new File([text], path.replace(/^.*\//, '')) });
const crops = (all: object) => JSON.stringify({ format: 1, crops: all });

type Told = Uploaded['files'][number];
const told = (file_name: string, outcome: Told['outcome'], more: Partial<Told> = {}): Told => ({
  file_name,
  outcome,
  archive: null,
  image: null,
  reason: outcome === 'ignored' ? REASON : null,
  ...more,
});
const answered = (...files: Told[]) => ({ added: 0, files }) as unknown as Uploaded;

/** What is left of files that were sent, where these pictures are in the dataset. */
async function left(files: ReturnType<typeof picked>[], answer: Uploaded, images: Image[]) {
  return leftoversOf(await unusedOf(files, answer), new Here(images));
}

describe('captions of pictures that are here already', () => {
  it('can be set, those that differ', async () => {
    const { edits, other, same, lost } = await left(
      [picked('a.txt', 'a  red\nhat'), picked('b.txt', 'blue')],
      answered(told('a.txt', 'ignored'), told('b.txt', 'ignored')),
      [image('a', 'a hat'), image('b', 'blue')],
    );
    expect(edits).toEqual([{ set_caption: { image: 'a', caption: 'a red hat' } }]);
    expect([other.captions, same.captions, lost]).toEqual([1, 1, []]);
  });

  it('belong to the picture beside them, whatever that is called here', async () => {
    const images = [image('a', ''), { ...image('b', ''), file_name: 'a.png' }];
    const files = ['x/a.png', 'x/a.txt', 'y/a.png', 'y/a.txt'].map((path) => picked(path, path));
    const { edits } = await left(
      files,
      answered(
        told('a.png', 'present', { image: 'b' }),
        told('a.txt', 'ignored'),
        told('a.png', 'present', { image: 'a' }),
        told('a.txt', 'ignored'),
      ),
      images,
    );
    expect(edits).toEqual([
      { set_caption: { image: 'b', caption: 'x/a.txt' } },
      { set_caption: { image: 'a', caption: 'y/a.txt' } },
    ]);
  });

  it('are listed with the reason where it is not known whose they are, or nothing is in them', async () => {
    const images = [image('a', ''), { ...image('b', ''), file_name: 'a.jpg' }, image('c', 'red')];
    const names = ['a.txt', 'c.txt', 'd.txt', 'e.txt'];
    const { edits, lost } = await left(
      [picked('a.txt', 'x'), picked('c.txt', ' '), picked('d.txt', 'x'), picked('e.txt', 'x'.repeat(10_001))],
      answered(...names.map((name) => told(name, 'ignored'))),
      [...images, image('e', '')],
    );
    expect(edits).toEqual([]);
    expect(lost.map(({ fileName, reason }) => [fileName, reason.slice(0, 12)])).toEqual([
      ['a.txt', 'Several pict'],
      ['c.txt', 'It is empty.'],
      ['d.txt', 'No picture h'],
      ['e.txt', 'It has more '],
    ]);
  });

  it('are not given to another of the same name where their own was refused', async () => {
    const images = [image('1', ''), image('2', '')];
    const files = ['x/1.png', 'x/1.txt', 'x/2.png', 'x/2.txt', 'y/2.txt'].map((path) => picked(path, path));
    const answer = answered(
      told('1.png', 'refused', { reason: 'it is broken' }),
      told('1.txt', 'ignored'),
      told('2.png', 'present', { image: '2' }),
      told('2.txt', 'ignored'),
      told('2.txt', 'ignored'),
    );
    const { edits, lost, pictures } = await left(files, answer, images);
    expect(edits).toEqual([{ set_caption: { image: '2', caption: 'x/2.txt' } }]);
    expect(pictures).toEqual(['2.png']);
    expect(lost.map(({ fileName, reason }) => [fileName, reason.slice(0, 12)])).toEqual([
      ['x/1.txt', 'The picture '],
      ['y/2.txt', 'Another file'],
    ]);
  });

  it('nor where it was refused before it was sent', async () => {
    const uploads = new Uploads(
      '1',
      () => {},
      async () => answered(told('a.txt', 'ignored'), told('crops.json', 'ignored')),
    );
    const empty = picked('x/a.png');
    uploads.add([empty, picked('x/a.txt', 'x'), picked('x/crops.json', crops({ 'a.png': crop }))], limits);
    await expect.poll(() => uploads.list.map(({ state }) => state)).toEqual(['done']);
    const { edits, lost } = leftoversOf(uploads.list[0]!.unused, new Here([image('a', '')]));
    expect(edits).toEqual([]);
    expect(lost.map(({ fileName, reason }) => [fileName, reason.slice(0, 12)])).toEqual([
      ['x/a.txt', 'The picture '],
      ['x/crops.json', 'The picture '],
    ]);
  });

  it('of archives are told of, and what systems leave behind is not', async () => {
    const archive = 'all.zip';
    const { edits, lost } = await left(
      [picked('all.zip')],
      answered(told('a.txt', 'ignored', { archive }), told('.DS_Store', 'ignored', { archive })),
      [image('a', '')],
    );
    expect([edits, lost.map(({ fileName }) => fileName)]).toEqual([[], ['all.zip › a.txt']]);
  });

  it('are found however their accents are written', async () => {
    const here = { ...image('a', ''), file_name: 'caf\u00e9.png' };
    const { edits } = await left(
      [picked('cafe\u0301.txt', 'x')],
      answered(told('caf\u00e9.txt', 'ignored')),
      [here],
    );
    expect(edits).toEqual([{ set_caption: { image: 'a', caption: 'x' } }]);
  });
});

describe('crops of pictures that are here already', () => {
  it('can be set, those that differ and lie in their picture', async () => {
    const all = {
      'a.png': crop,
      'b.png': crop,
      'c.png': { left: 90, top: 0, side: 60 },
      'd.png': { left: 10, top: 0, side: 80 },
      'x.png': crop,
    };
    const images = [image('a', ''), image('b', '', crop), image('c', ''), image('d', '', crop)];
    const { edits, other, same } = await left(
      [picked('crops.json', crops(all))],
      answered(told('crops.json', 'ignored')),
      images,
    );
    expect(edits).toEqual([
      { set_crop: { image: 'a', crop } },
      // The largest square in the middle is no crop.
      { set_crop: { image: 'd', crop: null } },
    ]);
    expect([other, same]).toEqual([
      { captions: 0, crops: 2 },
      { captions: 0, crops: 1 },
    ]);
  });

  it('that name no picture are told of', async () => {
    const files = [picked('crops.json', crops({ 'x.png': crop }))];
    const { lost } = await left(files, answered(told('crops.json', 'ignored')), [image('a', '')]);
    expect(lost).toEqual([{ fileName: 'crops.json', reason: 'It names no picture that is here.' }]);
  });

  it('are sent and answered by themselves, too', async () => {
    const uploads = new Uploads(
      '1',
      () => {},
      async () => answered(told('crops.json', 'ignored')),
    );
    uploads.add([picked('crops.json', crops({ 'a.png': crop }))], limits);
    await expect.poll(() => uploads.list.map(({ state }) => state)).toEqual(['done']);
    expect(leftoversOf(uploads.list[0]!.unused, new Here([image('a', '')])).other.crops).toBe(1);
  });
});

describe('what came of an upload', () => {
  const nothing = leftoversOf([], new Here([]));
  const upload = (added: number, present = 0) => ({
    answer: { added, files: [] } as unknown as Uploaded,
    present,
    refused: [],
  });

  it('is said of what is there', () => {
    expect(outcomeWords(upload(2), nothing)).toBe('2 pictures added');
    expect(outcomeWords(upload(0), nothing)).toBe('0 pictures added');
    expect(outcomeWords(upload(0, 3), { ...nothing, other: { captions: 2, crops: 1 } })).toBe(
      '3 already here · 2 captions and 1 crop not used',
    );
    const rest = { ...nothing, same: { captions: 1, crops: 0 }, lost: [{ fileName: 'x.txt', reason: '' }] };
    expect(outcomeWords(upload(1), rest)).toBe(
      '1 picture added · 1 caption as in the files · 1 file not used',
    );
    expect(countWords({ captions: 0, crops: 2 })).toBe('2 crops');
    expect(namesWords(['1.png', '2.png', '3.png'])).toBe('1.png, 2.png, 3.png');
    expect(namesWords(['1.png', '2.png', '3.png', '4.png'])).toBe('1.png, 2.png, 3.png and 1 more');
  });
});
