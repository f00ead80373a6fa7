// What is said of runs side by side.

import type { ComparedRuns, Model, Run } from '../../api/model';
import { MOST_SEED, seedOf, seedProblem } from '../../drawing/seed';
import { valueWords } from '../../training/form';
import { count } from '../../words/format';

export const MOST_COMPARED = 5;

/** What is written for the drawings side by side, while other runs are chosen too. */
export interface WrittenDrawings {
  /** Those of the first model where nothing is written. */
  prompts: string | undefined;
  seed: string;
  many: string;
}

/** Which of the wanted runs are compared, and which of them are not in the library, as soon as that is known. */
export function chosenAmong(
  wanted: string[],
  runs: Pick<Run, 'id'>[] | undefined,
): { chosen: string[]; absent: string[] } {
  if (!runs) return { chosen: [], absent: [] };
  const isListed = (id: string) => runs.some((run) => run.id === id);
  return {
    chosen: wanted.filter(isListed).slice(0, MOST_COMPARED),
    absent: wanted.filter((id) => !isListed(id)),
  };
}

/** What is said of those that are absent; `trash` are the runs in there. */
export function absentWords(absent: string[], trash: Pick<Run, 'id' | 'name'>[]): string {
  const names = trash.filter(({ id }) => absent.includes(id)).map(({ name }) => `“${name}”`);
  const gone = absent.length - names.length;
  const are = (many: number) => (many === 1 ? 'is' : 'are');
  return [
    names.length > 0 ? `${names.join(', ')} ${are(names.length)} in the trash.` : '',
    gone > 0 ? `${count(gone, 'run')} of this address ${are(gone)} not in the library.` : '',
  ]
    .filter(Boolean)
    .join(' ');
}

export interface ComparedRow {
  label: string;
  values: string[];
}

type DatasetDifference = ComparedRuns['datasets'][number];

/** How what a run trained on differs from what the first one trained on. */
export function datasetWords({ is_same, difference }: DatasetDifference): string {
  if (is_same) return 'the same pictures';
  if (!difference) return 'another dataset';
  const parts = [
    difference.added.length > 0 ? `${count(difference.added.length, 'picture')} more` : '',
    difference.removed.length > 0 ? `${count(difference.removed.length, 'picture')} fewer` : '',
    difference.changed.length > 0 ? `${count(difference.changed.length, 'picture')} changed` : '',
  ].filter(Boolean);
  return parts.join(', ') || 'the same pictures';
}

/** The rows of the table: the dataset, then each setting that is not the same in all. */
export function rowsOf(compared: ComparedRuns): ComparedRow[] {
  const names = compared.runs.map((run) => `${run.dataset_name}, version ${run.dataset_version}`);
  const rows: ComparedRow[] = [
    {
      label: 'Dataset',
      values: names.map((name, at) => {
        const other = compared.datasets[at - 1];
        return at === 0 || !other ? name : `${name}: ${datasetWords(other)}`;
      }),
    },
  ];
  if (new Set(compared.runs.map(({ base }) => base)).size > 1) {
    rows.push({ label: 'Base', values: compared.runs.map(({ base }) => base) });
  }
  for (const { name, label, values } of compared.settings) {
    rows.push({ label, values: values.map((value) => valueWords(name, value)) });
  }
  return rows;
}

/** The model that stands for a run: the one that it made last, where that is still there. */
export function modelOfRun(run: Run, models: Model[]): Model | undefined {
  return models.find(({ id }) => id === run.model) ?? models.find((model) => model.run === run.id);
}

/** A prompt with the trigger word of one model in place of another's. */
export function promptFor(prompt: string, from: string, to: string): string {
  if (!from || !to || from === to) return prompt;
  const escaped = from.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return prompt.replace(new RegExp(`(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])`, 'giu'), () => to);
}

export const MOST_SEEDS = 4;

/** What is wrong with the first seed, and with how many there are. */
export function seedProblems(first: string, many: string): { first?: string; many?: string } {
  const isGood = /^\d+$/.test(many.trim()) && Number(many) >= 1 && Number(many) <= MOST_SEEDS;
  if (!isGood) return { first: seedProblem(first), many: `1 to ${MOST_SEEDS} are drawn.` };
  const most = MOST_SEED - BigInt(many) + 1n;
  const isPast = seedOf(first) !== undefined && BigInt(first) > most;
  return { first: isPast ? `At most ${most}.` : seedProblem(first) };
}

/** So many seeds, one after the other; none while a field is wrong. */
export function seedsFrom(first: string, many: string): string[] {
  const problems = seedProblems(first, many);
  if (problems.first || problems.many) return [];
  return Array.from({ length: Number(many) }, (_, at) => String(BigInt(first) + BigInt(at)));
}

export function promptsOf(text: string, most = 6): string[] {
  const lines = text.split('\n').map((line) => line.trim());
  return [...new Set(lines.filter(Boolean))].slice(0, most);
}
