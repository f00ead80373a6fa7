// The settings of a training as they are written in a form: which fields there are, what is given, and what is wrong with it.
// Everything about a setting comes from the server's description, so that a new one needs nothing here.

import type { Base, Setting, SettingOrigin, SettingsSchema, SomeSettings, TrainConfig } from '../api/model';
import { MOST_SEED, seedOf, seedProblem } from '../drawing/seed';
import { decimalOf } from '../words/format';

/** What stands in the fields, by the names of the settings. An empty one is not given. */
export type Written = Record<string, string>;

/** These have fields of their own above the others. */
export const MAIN_SETTINGS = ['trigger', 'category', 'strength', 'epochs'];

export interface SettingsGroup {
  name: string;
  label: string;
  settings: Setting[];
}

/** The settings in their groups, without those that are shown elsewhere. */
export function groupsOf(schema: SettingsSchema, without: string[] = MAIN_SETTINGS): SettingsGroup[] {
  return schema.groups
    .map(({ name, label }) => ({
      name,
      label,
      settings: schema.settings.filter((one) => one.group === name && !without.includes(one.name)),
    }))
    .filter(({ settings }) => settings.length > 0);
}

/** What is wrong with what is written, or nothing. */
export function problemOf(setting: Setting, text: string): string | undefined {
  const written = text.trim();
  if (!written) return undefined;
  if (setting.kind === 'choice') {
    return setting.choices?.includes(written) ? undefined : `Choose one of ${setting.choices?.join(', ')}.`;
  }
  if (setting.kind === 'text') {
    const most = setting.most_chars ?? Infinity;
    return [...written].length > most ? `At most ${most} characters.` : undefined;
  }
  if (setting.kind === 'texts') {
    const texts = textsOf(written);
    const [most, chars] = [setting.most_texts ?? Infinity, setting.most_chars ?? Infinity];
    if (texts.length > most) return `At most ${most}, one in a line.`;
    return texts.some((one) => [...one].length > chars) ? `At most ${chars} characters each.` : undefined;
  }
  if (isSeed(setting)) return seedProblem(written);
  const value = setting.kind === 'whole' ? Number(written) : decimalOf(written);
  if (!Number.isFinite(value)) return 'This is not a number.';
  if (setting.kind === 'whole' && !Number.isInteger(value)) return 'A whole number is needed.';
  const { minimum, exclusive_minimum: above } = setting;
  const maximum = mostOf(setting);
  if (minimum != null && value < minimum) return `At least ${plainNumber(minimum)}.`;
  if (above != null && value <= above) return `More than ${plainNumber(above)}.`;
  if (maximum !== undefined && value > maximum) return `At most ${plainNumber(maximum)}.`;
  return undefined;
}

/** The texts of a field that holds one in a line. */
export function textsOf(written: string): string[] {
  const lines = written.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '');
}

/** Whether a setting is a seed, which is given by its digits where JavaScript would round it, as it does the greatest one. */
function isSeed({ kind, maximum }: Setting): boolean {
  return kind === 'whole' && maximum === Number(MOST_SEED);
}

/** The largest number that can be given: JavaScript loses digits of larger whole ones. */
function mostOf({ kind, maximum }: Setting): number | undefined {
  if (kind !== 'whole') return maximum ?? undefined;
  return Math.min(maximum ?? Infinity, Number.MAX_SAFE_INTEGER);
}

/** What can be given, in a few words; nothing where that is said by the field. */
export function rangeOf(setting: Setting): string {
  const { kind, minimum, exclusive_minimum: above } = setting;
  if (kind === 'choice' || kind === 'text' || kind === 'texts') return '';
  const maximum = setting.maximum;
  const isOpen = maximum == null || maximum > 1e9;
  if (above != null) return isOpen ? `more than ${above}` : `more than ${above}, at most ${maximum}`;
  if (minimum == null) return isOpen ? '' : `at most ${maximum}`;
  return isOpen ? `${minimum} or more` : `${minimum} to ${plainNumber(maximum)}`;
}

/** The settings that are given, and what is wrong with others by their names. */
export function givenOf(
  schema: SettingsSchema,
  written: Written,
): { settings: SomeSettings; problems: Record<string, string> } {
  const settings: Record<string, unknown> = {};
  const problems: Record<string, string> = {};
  for (const setting of schema.settings) {
    const text = (written[setting.name] ?? '').trim();
    if (!text) continue;
    const problem = problemOf(setting, text);
    if (problem) problems[setting.name] = problem;
    else settings[setting.name] = valueOf(setting, text);
  }
  return { settings: settings as SomeSettings, problems };
}

function valueOf(setting: Setting, text: string): unknown {
  const { kind } = setting;
  if (kind === 'texts') return textsOf(text);
  if (isSeed(setting) && !Number.isSafeInteger(Number(text))) return seedOf(text);
  if (kind === 'number') return decimalOf(text);
  return kind === 'whole' ? Number(text) : text;
}

/** What a setting is where nothing is written: as planned, else the default; `undefined` where the plan was made with what is written. */
export function unwritten(
  setting: Setting,
  plan: { settings: TrainConfig; origins: Partial<Record<string, SettingOrigin>> } | undefined,
): string | undefined {
  const { name } = setting;
  if (plan?.origins[name] === 'request') return undefined;
  const value = (plan?.settings as Record<string, unknown> | undefined)?.[name] ?? setting.default;
  return valueWords(name, value);
}

/** What is said of settings that have no value; of those that are not named here, that nothing was given. */
const WITHOUT_VALUE: Partial<Record<string, string>> = {
  strength: 'none',
  resolution: 'as the base',
  preview_every: 'as often as it fits',
  preview_prompts: 'of the category',
};

/** The value of a setting as people write it. */
export function valueWords(name: string, value: unknown): string {
  const isAbsent = value === null || value === undefined || (Array.isArray(value) && value.length === 0);
  if (isAbsent) return WITHOUT_VALUE[name] ?? 'none given';
  if (Array.isArray(value)) return value.join(' · ');
  // Seeds are copied, digit by digit.
  return typeof value === 'number' && name !== 'seed' ? plainNumber(value) : String(value);
}

/** Whole numbers with every digit; others with as many as tell them from their neighbours, also those of four bytes. */
export function plainNumber(value: number): string {
  if (!Number.isInteger(value)) return String(shortest(value));
  return Math.abs(value) >= 1e4 ? value.toLocaleString('en') : String(value);
}

function shortest(value: number): number {
  if (Math.fround(value) !== value) return value;
  const short = [6, 7, 8].map((digits) => Number(value.toPrecision(digits)));
  return short.find((one) => Math.fround(one) === value) ?? Number(value.toPrecision(9));
}

/** What has to be written so that a training has these settings, where `plain` is what it would have without. */
export function writtenFor(settings: TrainConfig, plain: TrainConfig): Written {
  const written: Written = {};
  const [all, others] = [settings, plain] as unknown as Record<string, unknown>[];
  for (const [name, value] of Object.entries(all!)) {
    if (value === null || isSame(value, others![name])) continue;
    written[name] = Array.isArray(value) ? value.join('\n') : String(value);
  }
  return written;
}

/** The base of another run, where requests can name it; one that was a file, or is gone since, is only told of. */
export function baseLike(name: string, bases: Pick<Base, 'name'>[]): { base?: string; absentBase?: string } {
  return bases.some((base) => base.name === name) ? { base: name } : { absentBase: name };
}

function isSame(one: unknown, other: unknown): boolean {
  return Array.isArray(one) ? JSON.stringify(one) === JSON.stringify(other) : one === other;
}
