import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Asked } from '../../../src/lib/api/asked.svelte';
import { exactJson } from '../../../src/lib/api/exact';
import type { Setting, SettingOrigin, SettingsSchema, TrainConfig } from '../../../src/lib/api/model';
import {
  baseLike,
  givenOf,
  groupsOf,
  plainNumber,
  problemOf,
  rangeOf,
  unwritten,
  valueWords,
  writtenFor,
} from '../../../src/lib/training/form';
import { memoryWords } from '../../../src/lib/training/words';

const setting = (name: string, more: Partial<Setting> = {}): Setting => ({
  name,
  label: name,
  help: '',
  group: 'adapter',
  kind: 'whole',
  is_optional: false,
  follows_strength: false,
  default: null,
  choices: null,
  minimum: null,
  exclusive_minimum: null,
  maximum: null,
  most_chars: null,
  most_texts: null,
  ...more,
});
const schema: SettingsSchema = {
  groups: [
    { name: 'length', label: 'Length' },
    { name: 'adapter', label: 'Adapter' },
    { name: 'computing', label: 'Computing' },
  ],
  settings: [
    setting('rank', { minimum: 1, maximum: 1024, default: 16 }),
    setting('epochs', { group: 'length', minimum: 1, maximum: 100_000 }),
    setting('alpha', { kind: 'number', exclusive_minimum: 0 }),
    setting('targets', { kind: 'choice', choices: ['attention', 'transformer'] }),
    setting('brand_new', { group: 'computing', kind: 'number', minimum: 0, maximum: 1 }),
  ],
};

describe('a form made of the description of settings', () => {
  it('shows every setting in its group, also one that this page never heard of', () => {
    const groups = groupsOf(schema, ['epochs']);
    expect(groups.map(({ label, settings }) => [label, ...settings.map(({ name }) => name)])).toEqual([
      ['Adapter', 'rank', 'alpha', 'targets'],
      ['Computing', 'brand_new'],
    ]);
    expect(givenOf(schema, { brand_new: '0.25' }).settings).toEqual({ brand_new: 0.25 });
  });

  it('takes several texts, one in a line', () => {
    const prompts = setting('preview_prompts', { kind: 'texts', most_texts: 2, most_chars: 10, default: [] });
    const own = { ...schema, settings: [prompts] };
    expect(givenOf(own, { preview_prompts: ' a cat\n\n a dog ' }).settings).toEqual({
      preview_prompts: ['a cat', 'a dog'],
    });
    expect(problemOf(prompts, 'a\nb\nc')).toBe('At most 2, one in a line.');
    expect(problemOf(prompts, 'a\n12345678901')).toBe('At most 10 characters each.');
    expect(unwritten(prompts, undefined)).toBe('of the category');
    const [given, plain] = [
      { preview_prompts: ['a', 'b'] },
      { preview_prompts: [] },
    ] as unknown as TrainConfig[];
    expect(writtenFor(given!, plain!)).toEqual({ preview_prompts: 'a\nb' });
    expect(writtenFor(plain!, plain!)).toEqual({});
  });

  it('gives only what is written', () => {
    const { settings, problems } = givenOf(schema, { rank: ' 32 ', alpha: '', targets: 'attention' });
    expect(settings).toEqual({ rank: 32, targets: 'attention' });
    expect(problems).toEqual({});
  });

  it('says what is wrong, and gives none of that', () => {
    const [rank, , alpha, targets] = schema.settings as [Setting, Setting, Setting, Setting];
    expect(problemOf(rank, '0')).toBe('At least 1.');
    expect(problemOf(rank, '1.5')).toBe('A whole number is needed.');
    expect(problemOf(rank, '2000')).toBe('At most 1024.');
    // A comma may be all that a keyboard has, and makes no whole number.
    expect(givenOf(schema, { brand_new: '0,25' }).settings).toEqual({ brand_new: 0.25 });
    expect(givenOf(schema, { alpha: '1,000', rank: '1,5' }).problems).toEqual({
      alpha: 'This is not a number.',
      rank: 'This is not a number.',
    });
    expect(problemOf(rank, 'many')).toBe('This is not a number.');
    expect(problemOf(alpha, '0')).toBe('More than 0.');
    expect(problemOf(alpha, '1e-4')).toBeUndefined();
    expect(problemOf(targets, 'all')).toContain('attention, transformer');
    expect(problemOf(rank, '')).toBeUndefined();
    const { settings, problems } = givenOf(schema, { rank: '0', alpha: '2' });
    expect([settings, Object.keys(problems)]).toEqual([{ alpha: 2 }, ['rank']]);
  });

  it('gives seeds that JavaScript would round by their digits', () => {
    const seed = setting('seed', { minimum: 0, maximum: 2 ** 64 });
    const given = (text: string) => givenOf({ ...schema, settings: [seed] }, { seed: text });
    for (const large of ['18446744073709551615', '9007199254740993']) {
      expect(given(large)).toEqual({ settings: { seed: large }, problems: {} });
    }
    expect(given('9007199254740991').settings).toEqual({ seed: 9_007_199_254_740_991 });
    expect(given('007').settings).toEqual({ seed: 7 });
    expect(problemOf(seed, '18446744073709551616')).toBe('At most 18446744073709551615.');
    expect(problemOf(seed, '0'.repeat(20) + '18446744073709551615')).toContain('At most');
    for (const other of ['-1', '1.5', '1e18', 'x']) {
      expect(problemOf(seed, other)).toBe('A whole number is needed.');
    }
    expect(rangeOf(seed)).toBe('0 or more');
  });

  it('keeps to numbers that JavaScript can write where there is no text for them', () => {
    const large = setting('large', { minimum: 0, maximum: 2 ** 60 });
    expect(problemOf(large, '9007199254740993')).toContain('At most');
    expect(problemOf(large, '9007199254740991')).toBeUndefined();
  });

  it('says what holds where nothing is written', () => {
    expect(unwritten(schema.settings[0]!, undefined)).toBe('16');
    const planned = (origin: SettingOrigin) => ({
      settings: { rank: 8 } as TrainConfig,
      origins: { rank: origin },
    });
    expect(unwritten(schema.settings[0]!, planned('strength'))).toBe('8');
    expect(unwritten(schema.settings[0]!, planned('request'))).toBeUndefined();
    expect(unwritten(setting('resolution'), undefined)).toBe('as the base');
  });

  it('has words of its own for each setting without a value', () => {
    const words = ['strength', 'resolution', 'preview_every', 'brand_new'].map((name) =>
      valueWords(name, null),
    );
    expect(words).toEqual(['none', 'as the base', 'as often as it fits', 'none given']);
    expect(valueWords('preview_prompts', [])).toBe('of the category');
  });

  it('shows numbers that differ differently, also in their last digits', () => {
    expect(plainNumber(0.30000001192092896)).toBe('0.3');
    expect(plainNumber(100_000)).toBe('100,000');
    expect([plainNumber(9_007_199_254_740_990), plainNumber(9_007_199_254_740_991)]).toEqual([
      '9,007,199,254,740,990',
      '9,007,199,254,740,991',
    ]);
    expect([plainNumber(0.0001), plainNumber(0.00010000001)]).toEqual(['0.0001', '0.00010000001']);
    expect(plainNumber(Math.fround(16.000002))).not.toBe(plainNumber(16));
    expect(valueWords('seed', 4_294_967_295)).toBe('4294967295');
  });

  it('keeps every digit of a seed that browsers would round', () => {
    const text =
      '{"a \\"12345678901234567890":"18446744073709551615","seed":18446744073709551615,"b":[9007199254740993,-1,0.12345678901234567,1.5e300]}';
    expect(exactJson(text)).toEqual({
      'a "12345678901234567890': '18446744073709551615',
      seed: '18446744073709551615',
      b: ['9007199254740993', -1, 0.12345678901234567, 1.5e300],
    });
  });

  it('takes over a base that is installed, and tells of another', () => {
    const bases = [{ name: 'atelier-mini' }];
    expect(baseLike('atelier-mini', bases)).toEqual({ base: 'atelier-mini' });
    expect(baseLike('/models/own.safetensors', bases)).toEqual({ absentBase: '/models/own.safetensors' });
  });

  it('writes what another run had been given, and nothing else', () => {
    const plain = { rank: 16, alpha: 16, epochs: 40, resolution: null } as TrainConfig;
    const settings = { ...plain, rank: 32, epochs: 12 };
    expect(writtenFor(settings, plain)).toEqual({ rank: '32', epochs: '12' });
  });
});

describe('a question that follows what is typed', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('is asked once after a rest, and late answers to older ones are dropped', async () => {
    const answers = new Map<string, (answer: string) => void>();
    const ask = vi.fn((question: string) => new Promise<string>((done) => answers.set(question, done)));
    const asked = new Asked(ask, 100);
    asked.about('a');
    await vi.advanceTimersByTimeAsync(50);
    asked.about('ab');
    await vi.advanceTimersByTimeAsync(120);
    expect(ask).toHaveBeenCalledTimes(1);
    expect(asked.isStale).toBe(true);
    asked.about('abc');
    await vi.advanceTimersByTimeAsync(120);
    answers.get('abc')!('to abc');
    await vi.advanceTimersByTimeAsync(0);
    answers.get('ab')!('to ab');
    await vi.advanceTimersByTimeAsync(0);
    expect(asked.answer).toBe('to abc');
    expect(asked.isStale).toBe(false);
  });

  it('says what is wrong, keeps the last answer meanwhile, and forgets both without a question', async () => {
    let fails = false;
    const asked = new Asked(async (question: number) => {
      if (fails) throw new Error('refused');
      return question;
    }, 10);
    asked.about(1);
    await vi.advanceTimersByTimeAsync(20);
    fails = true;
    asked.about(2);
    expect(asked.answer).toBe(1);
    await vi.advanceTimersByTimeAsync(20);
    expect(asked.error?.message).toBe('refused');
    asked.about(undefined);
    expect([asked.answer, asked.error, asked.isStale]).toEqual([undefined, undefined, false]);
  });
});

describe('the memory of a training', () => {
  const plan = { memory_bytes: 6e9, free_bytes: 8e9, total_bytes: 16e9 };

  it('stands beside what the machine has and what of that is free', () => {
    expect(memoryWords(plan)).toEqual({
      needed: '6.0 GB',
      machine: 'of 16 GB, 8.0 GB free now',
      isTight: false,
    });
    expect(memoryWords({ ...plan, free_bytes: null }).machine).toBe('of 16 GB');
    expect(memoryWords({ ...plan, total_bytes: null }).machine).toBe('of 8.0 GB free');
    expect(memoryWords({ ...plan, free_bytes: null, total_bytes: null }).machine).toBe('');
  });

  it('is tight by what is free, not by what there is', () => {
    expect(memoryWords({ ...plan, memory_bytes: 7.5e9 }).isTight).toBe(true);
    expect(memoryWords({ ...plan, memory_bytes: 7.5e9, free_bytes: null }).isTight).toBe(false);
  });
});
