// What the form of a training begins with, and what of it is there again after other pages and when the page is loaded anew.

import { getDataset } from '../api/calls/datasets';
import { getRun } from '../api/calls/runs';
import { listBases, planTraining } from '../api/calls/trainings';
import type {
  Base,
  Category,
  Dataset,
  PlannedTraining,
  RunWithCheckpoints,
  TrainingRequest,
  TrainingStrength,
} from '../api/model';
import { keptDraft } from '../account/drafts';
import { CATEGORIES } from '../words/categories';
import { baseLike, type Written, writtenFor } from './form';
import { STRENGTHS } from './words';

/** What stands in its fields. */
export interface TrainFields {
  /** The version of the dataset, where it is not the newest. */
  version?: number;
  base?: string;
  /** The base of the run that this is like, where it is not installed. */
  absentBase?: string;
  name: string;
  category: Category;
  trigger: string;
  strength: TrainingStrength;
  /** Epochs and the settings of experts. */
  written: Written;
}

export function emptyFields(): TrainFields {
  return { name: '', category: 'character', trigger: '', strength: 'medium', written: {} };
}

export interface TrainDraft {
  dataset?: string;
  fields: TrainFields;
}

/** What was kept of the form at this address. */
export function keptTraining(address: string, kept = keptDraft): TrainDraft | undefined {
  const { dataset, fields: some } = (kept(address) ?? {}) as Partial<TrainDraft>;
  if (typeof some !== 'object' || some === null) return undefined;
  const fields = { ...emptyFields(), ...some };
  const { name, trigger, category, strength, written } = fields;
  const isWhole =
    typeof written === 'object' &&
    written !== null &&
    [name, trigger, ...Object.values(written)].every((text) => typeof text === 'string') &&
    CATEGORIES.some(({ value }) => value === category) &&
    STRENGTHS.some(({ value }) => value === strength);
  return isWhole ? { dataset: typeof dataset === 'string' ? dataset : undefined, fields } : undefined;
}

type Plan = (body: TrainingRequest) => Promise<PlannedTraining>;

/** What stands in the form of a training that is begun as a run was, which had these settings where nobody had said anything else. */
export async function fieldsLike(run: RunWithCheckpoints, bases: Base[], plan: Plan): Promise<TrainFields> {
  const { settings, dataset, dataset_version: version } = run;
  const { trigger, category } = settings;
  const strength = settings.strength ?? 'medium';
  const { base, absentBase } = baseLike(run.base, bases);
  const fields = { ...emptyFields(), version, base, absentBase, category, trigger, strength };
  if (!dataset) return fields;
  // What the user chose is planned whatever it takes; left to the program, it is refused where there is no room for it.
  const asked = { trigger, category, strength, recompute: 'none' as const };
  const plain = await plan({ dataset, version, base, settings: asked });
  const usual = { ...plain.settings, recompute: 'auto' as const, strength, trigger, category };
  return { ...fields, written: writtenFor(settings, usual) };
}

export interface Beginning {
  dataset?: Dataset;
  /** As it was left, before anything else. */
  draft?: TrainDraft;
  fields?: TrainFields;
}

/** The calls that this makes. */
export interface Calls {
  dataset: (id: string) => Promise<Dataset>;
  run: (id: string) => Promise<RunWithCheckpoints>;
  bases: () => Promise<Base[]>;
  plan: Plan;
}

const calls: Calls = { dataset: getDataset, run: getRun, bases: listBases, plan: planTraining };

/** As the form at this address was left; else as another run was begun, or with a dataset. */
export async function beginningOf(
  address: string,
  about: { dataset?: string; run?: string },
  mayPlan: boolean,
  ask = calls,
  kept = keptDraft,
): Promise<Beginning> {
  const draft = keptTraining(address, kept);
  const run = about.run && !draft ? await ask.run(about.run) : undefined;
  const id = draft?.dataset ?? about.dataset ?? run?.dataset;
  const dataset = id ? await ask.dataset(id) : undefined;
  // Nothing is planned for one in the trash: all that is begun anew when it is restored.
  const isPlanned = run && mayPlan && dataset?.trashed_ms == null;
  const fields = isPlanned ? await fieldsLike(run, await ask.bases(), ask.plan) : undefined;
  return { dataset, draft, fields };
}
