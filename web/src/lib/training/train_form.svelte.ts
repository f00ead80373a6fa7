// A training that somebody thinks of: what stands in the form, and what it will be.

import { asked, type Asked } from '../api/asked.svelte';
import type {
  Base,
  Category,
  Dataset,
  PlannedTraining,
  RunWithCheckpoints,
  SettingsSchema,
  TrainingRequest,
  TrainingStrength,
} from '../api/model';
import { planTraining } from '../api/calls/trainings';
import { baseLike, givenOf, type Written, writtenFor } from './form';

export class TrainForm {
  dataset = $state.raw<Dataset>();
  version = $state<number>();
  base = $state<string>();
  /** The base of the run that this is like, where it is not installed. */
  absentBase = $state<string>();
  name = $state('');
  category = $state<Category>('character');
  trigger = $state('');
  strength = $state<TrainingStrength>('medium');
  /** Epochs and the settings of experts. */
  written = $state.raw<Written>({});
  readonly plan: Asked<TrainingRequest, PlannedTraining>;
  #schema: () => SettingsSchema | undefined;

  constructor(schema: () => SettingsSchema | undefined) {
    this.#schema = schema;
    this.plan = asked(() => this.request, planTraining);
  }

  /** Begins with what a dataset is for. */
  about(dataset: Dataset): void {
    this.dataset = dataset;
    this.version = undefined;
    this.category = dataset.category;
    this.trigger = dataset.trigger_word;
  }

  /** Begins as a run was begun, which had these settings where nobody had said anything else. */
  async like(run: RunWithCheckpoints, bases: Base[]): Promise<void> {
    const { settings } = run;
    const { base, absentBase } = baseLike(run.base, bases);
    this.version = run.dataset_version;
    [this.base, this.absentBase] = [base, absentBase];
    this.category = settings.category;
    this.trigger = settings.trigger;
    this.strength = settings.strength ?? 'medium';
    const { trigger, category, strength } = this;
    const { dataset, dataset_version: version } = run;
    if (!dataset) return;
    const plain = await planTraining({ dataset, version, base, settings: { trigger, category, strength } });
    this.written = writtenFor(settings, { ...plain.settings, strength, trigger, category });
  }

  get problems(): Record<string, string> {
    const schema = this.#schema();
    return schema ? givenOf(schema, this.written).problems : {};
  }

  /** Why it cannot be planned yet. */
  get missing(): string {
    if (!this.dataset) return 'Choose a dataset, and what the training will be appears here.';
    if (this.dataset.image_count === 0) return 'This dataset has no pictures yet. Add some, then train.';
    if (!this.trigger.trim()) return 'Give a trigger word, and what the training will be appears here.';
    const count = Object.keys(this.problems).length;
    return count > 0
      ? `Mend ${count === 1 ? 'the setting' : `the ${count} settings`} marked in red first.`
      : '';
  }

  /** What to ask of the server; nothing while something is missing. */
  get request(): TrainingRequest | undefined {
    const schema = this.#schema();
    if (!schema || !this.dataset || this.missing) return undefined;
    const { settings } = givenOf(schema, this.written);
    const { category, strength } = this;
    return {
      dataset: this.dataset.id,
      version: this.version ?? null,
      base: this.base ?? null,
      name: this.name.trim() || null,
      settings: { ...settings, category, strength, trigger: this.trigger.trim() },
    };
  }
}
