import { describe, expect, it } from 'vitest';
import type { Job, Model, Picture, StartPicture } from '../../../src/lib/api/model';
import { Dismissed } from '../../../src/lib/drawing/queue/dismissed.svelte';
import { CellMemory } from '../../../src/lib/drawing/cell_memory';
import {
  emptyForm,
  problemsOf,
  requestOf,
  sizesOf,
  usualDrawing,
  withModel,
  withoutModel,
  withoutStart,
  withoutTrigger,
  withStart,
  withTrigger,
  writtenOf,
} from '../../../src/lib/drawing/form';
import { sizeOver } from '../../../src/lib/drawing/start/start';
import { coversOf } from '../../../src/lib/drawing/uses';
import { importForm } from '../../../src/lib/models/import';
import {
  cellOf,
  drawWords,
  firstEpochs,
  neededFirst,
  rowsOf,
  wishOf,
  wishProblems,
} from '../../../src/lib/models/sheet';
import { rounded, strengthNumber, strengthWords } from '../../../src/lib/models/strength';
import {
  datasetWords,
  promptFor,
  promptsOf,
  seedProblems,
  seedsFrom,
} from '../../../src/lib/runs/compare/comparison';

const model = (id: string, more: Partial<Model> = {}): Model =>
  ({
    id,
    name: id,
    trigger_word: 'BlobV1',
    strength: 0.8,
    hash: `h${id}`,
    trashed_ms: null,
    ...more,
  }) as Model;

describe('the form for drawing', () => {
  it('asks for what stands in it', () => {
    const request = requestOf({ ...emptyForm(), prompt: ' a cat ', negative: '  ', width: '64', seed: '12' });
    expect(request).toMatchObject({
      prompt: 'a cat',
      negative: null,
      width: 64,
      height: null,
      seed: '12',
      count: 4,
    });
  });

  it('rolls a seed where none is written', () => {
    expect(requestOf({ ...emptyForm(), prompt: 'a cat' }, () => '99')?.seed).toBe('99');
    expect(requestOf({ ...emptyForm(), prompt: 'a cat', guidance: '7,5' })?.guidance).toBe(7.5);
    expect(requestOf({ ...emptyForm(), prompt: 'a cat', steps: '1,5' })).toBeUndefined();
  });

  it('keeps every digit of a seed', () => {
    const most = '18446744073709551615';
    const drawing = { ...usualDrawing(), prompt: 'a cat', seed: Number(most), seed_text: most };
    expect(writtenOf(drawing).seed).toBe(most);
    expect(requestOf(writtenOf(drawing))?.seed).toBe(most);
    const problem = (seed: string) => problemsOf({ ...emptyForm(), prompt: 'a cat', seed }).seed;
    for (const good of ['', ' 7 ', '007', most]) expect(problem(good)).toBeUndefined();
    for (const bad of ['18446744073709551616', '1.5', '-1', '1e3', 'x', '000000000000000000001']) {
      expect(problem(bad), bad).toContain(most);
    }
  });

  it('draws over a picture in its shape, and restores that', () => {
    const picture = { id: 's', name: 'beach.png', width: 1000, height: 500 } as StartPicture;
    const written = withStart({ ...emptyForm(), prompt: 'a cat' }, picture, { native_size: 512 });
    expect(written).toMatchObject({ width: '728', height: '360' });
    expect(requestOf(written)?.start).toEqual({ picture: 's', denoise: 0.6 });
    const masked = { ...written, start: { ...written.start!, mask: 'm', maskName: 'm.png', denoise: 0.35 } };
    const request = requestOf(masked)!;
    expect(request.start).toEqual({ picture: 's', mask: 'm', denoise: 0.35 });
    const asked = { ...request, seed_text: '7', start_name: 'beach.png', mask_name: 'm.png' };
    expect(writtenOf(asked).start).toEqual(masked.start);
    // Another picture has no mask yet, and as much of it is drawn anew.
    expect(withStart(masked, picture, undefined).start).toMatchObject({ mask: null, denoise: 0.35 });
    expect(withoutStart(masked)).toMatchObject({ start: null, width: '', height: '' });
    expect(sizeOver({ width: 1, height: 9000 }, { native_size: 512 })).toEqual({ width: 8, height: 2048 });
  });

  it('asks for nothing that the server would refuse', () => {
    for (const wrong of [
      { count: '65' },
      { count: '' },
      { width: '65' },
      { height: '4096' },
      { steps: '0' },
      { steps: '2.5' },
      { guidance: 'much' },
      { seed: '-1' },
      { prompt: ' ' },
    ]) {
      const written = { ...emptyForm(), prompt: 'a cat', ...wrong };
      expect(Object.keys(problemsOf(written)), JSON.stringify(wrong)).toEqual(Object.keys(wrong));
      expect(requestOf(written)).toBeUndefined();
    }
  });

  it('restores every setting of a picture', () => {
    const drawing = {
      ...usualDrawing(),
      base: 'dreamy',
      models: [{ model: 'a', strength: 1.1, epoch: 3, text_strength: 0.5 }],
      prompt: 'a cat',
      prompt_2: 'another',
      negative: 'dogs',
      seed: '500',
      count: 4,
      steps: 12,
      guidance: 3.5,
      sampler: 'heun' as const,
      schedule: 'karras' as const,
      width: 640,
      height: 512,
      clip_skip: 2,
      noise: 'torch-cuda' as const,
      guidance_rescale: 0.5,
      vae_tiling: 'on' as const,
      prompt_syntax: 'plain' as const,
      precision: 'bf16' as const,
    };
    expect(requestOf(writtenOf(drawing))).toEqual(drawing);
    // One of several pictures is drawn again alone, by its own seed.
    expect(requestOf(writtenOf(drawing, '502'))).toEqual({ ...drawing, seed: '502', count: 1 });
  });

  it('tells an empty negative prompt from none', () => {
    const restored = (negative: string | null) => writtenOf({ ...usualDrawing(), prompt: 'a cat', negative });
    expect(requestOf(restored(''))?.negative).toBe('');
    expect(requestOf(restored(null))?.negative).toBeNull();
    expect(requestOf({ ...restored(''), negative: 'dogs', isEmptyNegative: false })?.negative).toBe('dogs');
    expect(requestOf({ ...restored(''), isEmptyNegative: false })?.negative).toBeNull();
  });

  it('puts the trigger word of a model into the prompt, once, and takes it out again', () => {
    const one = withModel({ ...emptyForm(), prompt: 'on a beach' }, model('a'));
    expect(one.prompt).toBe('BlobV1, on a beach');
    expect(one.models).toEqual([{ model: 'a', strength: 0.8 }]);
    expect(withModel(one, model('a'))).toBe(one);
    expect(withoutModel(one, model('a'))).toMatchObject({ prompt: 'on a beach', models: [] });
    expect(withTrigger('a photo of blobv1.', 'BlobV1')).toBe('a photo of blobv1.');
    expect(withTrigger('BlobV12, far', 'BlobV1')).toBe('BlobV1, BlobV12, far');
    expect(withTrigger('', 'BlobV1')).toBe('BlobV1, ');
    expect(withoutTrigger('BlobV12, far', 'BlobV1')).toBe('BlobV12, far');
  });

  it('offers shapes that the base can draw', () => {
    for (const side of [64, 512, 1024]) {
      for (const { width, height } of sizesOf({ native_size: side })) {
        expect([width % 8, height % 8]).toEqual([0, 0]);
        expect(Math.abs((width * height) / side ** 2 - 1)).toBeLessThan(0.15);
      }
    }
  });
});

describe('pictures and the models that drew them', () => {
  const job = (id: string, models: string[]) =>
    ({ id, drawing: { models: models.map((model) => ({ model })) } }) as Job;
  const pictures = [
    { id: '1', job: 'both' },
    { id: '2', job: 'alone' },
    { id: '3', job: 'gone' },
    { id: '4', job: null },
  ] as Picture[];
  const jobs = new Map([job('both', ['a', 'b']), job('alone', ['a'])].map((one) => [one.id, one]));

  it('show a model best where it drew alone', () => {
    expect([...coversOf(pictures, jobs)]).toEqual([
      ['a', '2'],
      ['b', '1'],
    ]);
  });
});

describe('the sheet of a model', () => {
  const checkpoints = [2, 4, 6, 8].map((epoch) => ({ epoch, hash: `h${epoch}`, step: 1, size_bytes: 1 }));

  it('has a row for each epoch that is wanted and kept', () => {
    const rows = rowsOf(model('own', { epoch: 8 }), checkpoints, [8, 2, 99]);
    expect(rows.map(({ epoch }) => epoch)).toEqual([2, 8]);
    // An imported model has strengths only.
    expect(rowsOf(model('imported'), [], [])).toEqual([{ epoch: null, hash: 'himported' }]);
  });

  it('begins with a few epochs, the last and the own among them', () => {
    const epochs = Array.from({ length: 40 }, (_, at) => at + 1);
    expect(firstEpochs(epochs, 3)).toEqual([3, 11, 21, 30, 40]);
    expect(firstEpochs([1, 2], null)).toEqual([1, 2]);
    expect(firstEpochs([], null)).toEqual([]);
  });

  it('wishes nothing while a field is wrong, and says what is', () => {
    const written = { prompt: 'a cat', seed: ' 7 ', steps: '30' };
    expect(wishOf(written)).toEqual({ prompt: 'a cat', seed: '7', steps: 30 });
    expect(wishProblems(written)).toEqual({});
    for (const seed of ['', 'x', '-1', '1.5', '18446744073709551616']) {
      expect(wishProblems({ ...written, seed }).seed, seed).toBeTruthy();
      expect(wishOf({ ...written, seed })).toBeUndefined();
    }
    for (const steps of ['', '0', '201', '2.5', 'x']) {
      expect(wishProblems({ ...written, steps }).steps, steps).toBe('1 to 200 are needed.');
      expect(wishOf({ ...written, steps })).toBeUndefined();
    }
  });

  it('says what is needed first, and never that nothing is drawn in full', () => {
    const [prompts, rows] = [['a cat'], [{ epoch: 1, hash: 'h' }]];
    const words = (missing: number, coming: number) =>
      drawWords(neededFirst({ prompts, rows }), missing, coming);
    expect([words(2, 1), words(0, 1), words(0, 0)]).toEqual([
      'Draw 2 pictures',
      '1 picture to come',
      'All are drawn',
    ]);
    expect(drawWords(neededFirst({ prompts: [' '], rows }), 4, 0)).toBe('Write a prompt');
    expect(drawWords(neededFirst({ prompts: [], rows }), 0, 0)).toBe('Write a prompt');
    expect(drawWords(neededFirst({ prompts, rows: [] }), 0, 0)).toBe('Choose an epoch');
  });

  it('names cells by what decides their pictures', () => {
    const wish = { prompt: 'a cat', seed: '7', steps: 30 };
    const row = { epoch: 2, hash: 'h2' };
    const cell = cellOf('a', row, 0.5, wish);
    expect(cell.request).toMatchObject({
      models: [{ model: 'a', epoch: 2, strength: 0.5 }],
      seed: '7',
      count: 1,
    });
    expect(cellOf('b', row, 0.5, wish).key).toBe(cell.key);
    expect(cellOf('a', { ...row, hash: 'later' }, 0.5, wish).key).not.toBe(cell.key);
    expect(cellOf('a', row, 0.5, { ...wish, seed: '8' }).key).not.toBe(cell.key);
    expect(cellOf('a', { epoch: null, hash: 'x' }, 1, wish).request.models).toEqual([
      { model: 'a', strength: 1 },
    ]);
  });

  it('remembers the newest cells, also after what it cannot read', () => {
    const kept = new Map<string, string>([['atelier.cells', '{broken']]);
    const storage = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
    };
    const memory = new CellMemory(storage);
    for (let at = 0; at < 600; at++) memory.keep(`cell ${at}`, `job ${at}`);
    // Two tabs do not write over what the other one keeps.
    const other = new CellMemory(storage);
    memory.keep('of this tab', 'job-1');
    other.keep('of the other', 'job-2');
    memory.refresh();
    expect(memory.jobOf('of the other')).toBe('job-2');
    expect(new CellMemory(storage).jobOf('of this tab')).toBe('job-1');
    const again = new CellMemory(storage);
    expect(again.jobOf('cell 599')).toBe('job 599');
    expect(again.jobOf('cell 3')).toBeUndefined();
  });
});

describe('a failed drawing that was dismissed', () => {
  it('stays away when the page is left or loaded again', () => {
    const kept = new Map<string, string>([['atelier.dismissed', '{broken']]);
    const storage = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
    };
    new Dismissed(storage).add('job');
    expect(new Dismissed(storage).has('job')).toBe(true);
    expect(new Dismissed(storage).has('other')).toBe(false);
  });
});

describe('a file from elsewhere', () => {
  it('is sent with what was written, and comes last', () => {
    const file = new File(['x'], 'lamp.safetensors');
    const form = importForm(file, { base: 'dreamy', name: ' ', trigger_word: ' LampV1 ' });
    expect([...form].map(([name, value]) => [name, value instanceof File ? value.name : value])).toEqual([
      ['base', 'dreamy'],
      ['trigger_word', 'LampV1'],
      ['file', 'lamp.safetensors'],
    ]);
  });
});

describe('strengths', () => {
  it('stay within their range, and say what they do', () => {
    expect([rounded(-1), rounded(2), rounded(0.80000001)]).toEqual([0, 1.5, 0.8]);
    expect([strengthNumber(1), strengthNumber(0.85)]).toEqual(['1.0', '0.85']);
    expect(new Set([0, 0.3, 0.7, 0.95, 1.05, 1.4].map(strengthWords)).size).toBe(6);
  });
});

describe('runs side by side', () => {
  it('are given the same prompt, each with its own trigger word', () => {
    expect(promptFor('BlobV1 and blobv1, BlobV12', 'BlobV1', '$&New')).toBe('$&New and $&New, BlobV12');
    expect(promptFor('a cat', '', 'X')).toBe('a cat');
    expect(promptsOf(' a \n\nb\na\n')).toEqual(['a', 'b']);
  });

  it('are drawn from as many seeds as are wanted, of which none is made up', () => {
    expect(seedsFrom('7', '1')).toEqual(['7']);
    expect(seedsFrom('18446744073709551613', '3')).toEqual([
      '18446744073709551613',
      '18446744073709551614',
      '18446744073709551615',
    ]);
    expect(seedProblems('18446744073709551614', '3').first).toBe('At most 18446744073709551613.');
    expect(seedProblems('x', '9')).toEqual({ first: 'A whole number is needed.', many: '1 to 4 are drawn.' });
    for (const [first, many] of [
      ['', '1'],
      ['1e3', '1'],
      ['7', '0'],
      ['7', ''],
    ] as const) {
      expect(seedsFrom(first, many)).toEqual([]);
    }
  });

  it('say how their pictures differ', () => {
    const difference = { added: [1], removed: [], changed: [1, 2] } as never;
    expect(datasetWords({ run: 'r', is_same: false, difference })).toBe('1 picture more, 2 pictures changed');
    expect(datasetWords({ run: 'r', is_same: true, difference: null })).toBe('the same pictures');
    expect(datasetWords({ run: 'r', is_same: false, difference: null })).toBe('another dataset');
  });
});
