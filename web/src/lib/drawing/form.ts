// What to draw, as it is written in the form: from there to a request, and from what was drawn back to the form.

import type { Base, Drawing, DrawingRequest, Model, StartPicture } from '../api/model';
import { decimalOf } from '../words/format';
import { MOST_SEED, randomSeed, seedOf } from './seed';
import { sizeOver, type Start, startOf, startRequest, USUAL_DENOISE } from './start/start';

export type Sampler = NonNullable<DrawingRequest['sampler']>;
export type Schedule = NonNullable<DrawingRequest['schedule']>;

/** A model that takes part, and how strongly. */
export interface Used {
  model: string;
  /** The model's own where there is none. */
  strength: number | null;
  /** The epoch of its run, where it is not the model's own. */
  epoch?: number | null;
  /** On text encoders, where that is another. */
  text_strength?: number | null;
}

/** What stands in the form. Numbers are texts there, so that half-typed ones are no other numbers. */
export interface Written {
  base: string | null;
  models: Used[];
  prompt: string;
  negative: string;
  /** Whether the negative prompt is empty and yet given, which some bases draw otherwise than without one. */
  isEmptyNegative: boolean;
  count: string;
  width: string;
  height: string;
  /** Empty for another one each time. */
  seed: string;
  steps: string;
  guidance: string;
  sampler: Sampler;
  schedule: Schedule;
  clipSkip: string;
  syntax: NonNullable<DrawingRequest['prompt_syntax']>;
  start: Start | null;
  /** What the form has no fields for, and a restored picture had. */
  rest: Partial<DrawingRequest>;
}

/** What is drawn where nothing is said, as the server has it. */
export function usualDrawing(): Required<DrawingRequest> {
  return {
    base: null,
    models: [],
    prompt: '',
    prompt_2: null,
    negative: null,
    negative_2: null,
    prompt_syntax: 'weighted',
    steps: 30,
    guidance: 7,
    guidance_rescale: 0,
    sampler: 'ddim',
    schedule: 'base',
    seed: 0,
    noise: 'torch-cpu',
    width: null,
    height: null,
    count: 1,
    clip_skip: 0,
    precision: 'f32',
    vae_tiling: 'auto',
    start: null,
  };
}

export function emptyForm(): Written {
  return { ...writtenOf(usualDrawing()), seed: '', count: '4' };
}

/** The form that draws this again: `seed` has the digits of that of one picture among several. */
export function writtenOf(asked: DrawingRequest & Partial<Drawing>, seed?: string): Written {
  const drawing = { ...usualDrawing(), ...asked };
  const { prompt_2, negative_2, guidance_rescale, noise, precision, vae_tiling } = drawing;
  return {
    base: drawing.base,
    models: drawing.models.map(({ strength, ...one }) => ({ ...one, strength: strength ?? null })),
    prompt: drawing.prompt,
    negative: drawing.negative ?? '',
    isEmptyNegative: drawing.negative?.trim() === '',
    count: String(seed === undefined ? drawing.count : 1),
    width: textOf(drawing.width),
    height: textOf(drawing.height),
    seed: seed ?? asked.seed_text ?? String(drawing.seed),
    steps: String(drawing.steps),
    guidance: String(Number(drawing.guidance.toPrecision(6))),
    sampler: drawing.sampler,
    schedule: drawing.schedule,
    clipSkip: String(drawing.clip_skip),
    syntax: drawing.prompt_syntax,
    start: startOf(drawing),
    rest: { prompt_2, negative_2, guidance_rescale, noise, precision, vae_tiling },
  };
}

function textOf(value: number | null): string {
  return value === null ? '' : String(value);
}

type Numbers = Pick<Written, 'count' | 'width' | 'height' | 'steps' | 'guidance' | 'clipSkip'>;

const RANGES: Record<keyof Numbers, { least: number; most: number; words: string; isWhole: boolean }> = {
  count: { least: 1, most: 64, words: '1 to 64 pictures', isWhole: true },
  width: { least: 8, most: 2048, words: 'a multiple of 8 up to 2048', isWhole: true },
  height: { least: 8, most: 2048, words: 'a multiple of 8 up to 2048', isWhole: true },
  steps: { least: 1, most: 200, words: '1 to 200', isWhole: true },
  guidance: { least: 0, most: 50, words: '0 to 50', isWhole: false },
  clipSkip: { least: 0, most: 11, words: '0 to 11', isWhole: true },
};
const MAY_BE_EMPTY: (keyof Numbers)[] = ['width', 'height'];

/** What is wrong with the fields, by their names. */
export function problemsOf(written: Written): Partial<Record<keyof Written, string>> {
  const problems: Partial<Record<keyof Written, string>> = {};
  for (const name of Object.keys(RANGES) as (keyof Numbers)[]) {
    const text = written[name].trim();
    const { least, most, words, isWhole } = RANGES[name];
    if (!text && MAY_BE_EMPTY.includes(name)) continue;
    const value = isWhole ? Number(text) : decimalOf(text);
    const isSide = name === 'width' || name === 'height';
    const isGood =
      text !== '' &&
      value >= least &&
      value <= most &&
      (!isWhole || Number.isInteger(value)) &&
      (!isSide || value % 8 === 0);
    if (!isGood) problems[name] = `Expected is ${words}.`;
  }
  if (written.seed.trim() && seedOf(written.seed) === undefined)
    problems.seed = `Expected is a whole number up to ${MOST_SEED}, or nothing.`;
  if (!written.prompt.trim()) problems.prompt = 'Say what the picture shows.';
  return problems;
}

/** What to ask for; nothing while a field is wrong. An empty seed is one of `roll`. */
export function requestOf(written: Written, roll: () => string = randomSeed): DrawingRequest | undefined {
  if (Object.keys(problemsOf(written)).length > 0) return undefined;
  const number = (text: string) => (text.trim() ? Number(text) : null);
  return {
    ...usualDrawing(),
    ...written.rest,
    base: written.base,
    models: written.models,
    prompt: written.prompt.trim(),
    negative: written.negative.trim() || (written.isEmptyNegative ? '' : null),
    count: Number(written.count),
    width: number(written.width),
    height: number(written.height),
    seed: seedOf(written.seed) ?? roll(),
    steps: Number(written.steps),
    guidance: decimalOf(written.guidance),
    sampler: written.sampler,
    schedule: written.schedule,
    clip_skip: Number(written.clipSkip),
    prompt_syntax: written.syntax,
    start: startRequest(written.start),
  };
}

/** The form with a picture to draw over, in its shape and about as many pixels as the base was made for. */
export function withStart(
  written: Written,
  picture: StartPicture,
  base: Pick<Base, 'native_size'> | undefined,
): Written {
  const { width, height } = sizeOver(picture, base);
  const denoise = written.start?.denoise ?? USUAL_DENOISE;
  const start = { picture: picture.id, name: picture.name, mask: null, maskName: null, denoise };
  return { ...written, start, width: String(width), height: String(height) };
}

/** The form without one: in the size of the base. */
export function withoutStart(written: Written): Written {
  return { ...written, start: null, width: '', height: '' };
}

/** The prompt with a trigger word in it, unless it is there already. */
export function withTrigger(prompt: string, trigger: string): string {
  if (!trigger || hasWord(prompt, trigger)) return prompt;
  return prompt.trim() ? `${trigger}, ${prompt.trimStart()}` : `${trigger}, `;
}

/** The prompt without a trigger word that stands at its beginning. */
export function withoutTrigger(prompt: string, trigger: string): string {
  if (!trigger || !prompt.startsWith(trigger)) return prompt;
  const rest = prompt.slice(trigger.length);
  return /^[\p{L}\p{N}]/u.test(rest) ? prompt : rest.replace(/^\s*,?\s*/, '');
}

function hasWord(text: string, word: string): boolean {
  const [lower, wanted] = [text.toLowerCase(), word.toLowerCase()];
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, at + 1)) {
    const around = (lower[at - 1] ?? ' ') + (lower[at + wanted.length] ?? ' ');
    if (!/[\p{L}\p{N}]/u.test(around)) return true;
  }
  return false;
}

/** The form with another model, at its own strength, and its trigger word in the prompt. */
export function withModel(written: Written, model: Model): Written {
  if (written.models.some((used) => used.model === model.id)) return written;
  const strength = Math.round(model.strength * 100) / 100;
  return {
    ...written,
    models: [...written.models, { model: model.id, strength }],
    prompt: withTrigger(written.prompt, model.trigger_word),
  };
}

export function withoutModel(written: Written, model: Pick<Model, 'id' | 'trigger_word'>): Written {
  return {
    ...written,
    models: written.models.filter((used) => used.model !== model.id),
    prompt: withoutTrigger(written.prompt, model.trigger_word),
  };
}

export interface Size {
  label: string;
  width: number;
  height: number;
}

/** Usual shapes of about as many pixels as the base was made for. */
export function sizesOf(base: Pick<Base, 'native_size'> | undefined): Size[] {
  const side = base?.native_size ?? 512;
  const eighths = (value: number) => Math.max(8, Math.round(value / 8) * 8);
  const [short, long] = [eighths(side * 0.8), eighths(side * 1.2)];
  return [
    { label: 'Square', width: side, height: side },
    { label: 'Portrait', width: short, height: long },
    { label: 'Landscape', width: long, height: short },
  ];
}
