// A training that somebody thinks of: what stands in the form, and what it will be.

import { session } from '../account/session.svelte';
import { asked, type Asked } from '../api/asked.svelte';
import type { Dataset, PlannedTraining, SettingsSchema, TrainingRequest } from '../api/model';
import { planTraining } from '../api/calls/trainings';
import { forgetDraft, keepDraft } from '../account/drafts';
import { addressOf } from '../shell/routes';
import { type Beginning, emptyFields, keptTraining, type TrainDraft, type TrainFields } from './draft';
import { givenOf } from './form';

export class TrainForm {
  dataset = $state.raw<Dataset>();
  fields = $state<TrainFields>(emptyFields());
  /** Whether it is as it was left. */
  isRestored = $state(false);
  readonly plan: Asked<TrainingRequest, PlannedTraining>;
  #schema: () => SettingsSchema | undefined;
  /** The address that it belongs to, by which it is kept. */
  #address = '';
  /** What it began with, which needs not be kept; nothing until that stands there. */
  #start: string | undefined;

  constructor(schema: () => SettingsSchema | undefined) {
    this.#schema = schema;
    // What a training takes does not depend on its name, which is judged when it begins.
    const unnamed = (): TrainingRequest | undefined => this.request && { ...this.request, name: null };
    this.plan = asked(() => (session.reasonAgainstMaking ? undefined : unnamed()), planTraining);
  }

  get address(): string {
    return this.#address;
  }

  /** Is empty, at this address. */
  begin(address: string): void {
    this.#address = address;
    this.#start = undefined;
    this.isRestored = false;
    this.dataset = undefined;
    this.fields = emptyFields();
  }

  /** Begins with what a dataset is for. */
  about(dataset: Dataset): void {
    const { category, trigger_word: trigger } = dataset;
    this.#start = undefined;
    this.dataset = dataset;
    this.fields = { ...this.fields, version: undefined, absentBase: undefined, category, trigger };
  }

  /** Takes note of what became of its dataset elsewhere; what is written stays. */
  renew(datasets: Dataset[]): void {
    const listed = datasets.find(({ id }) => id === this.dataset?.id);
    if (listed && JSON.stringify(listed) !== JSON.stringify(this.dataset)) this.dataset = listed;
  }

  fill({ dataset, draft, fields }: Beginning): void {
    if (dataset) this.about(dataset);
    if (fields) this.fields = fields;
    if (!draft) return;
    this.fields = draft.fields;
    this.isRestored = true;
    this.#start = '';
  }

  /**
   * Takes another dataset, for what else stands there; it belongs to the address of that from now on. What was written for that
   * one before is there again instead, and this is kept where it is.
   */
  choose(dataset: Dataset): void {
    const address = addressOf.train({ dataset: dataset.id });
    const draft = address === this.#address ? undefined : keptTraining(address);
    if (draft?.dataset === dataset.id) {
      this.keep();
      this.begin(address);
      this.fill({ dataset, draft });
      return;
    }
    const isAsBegun = this.#text === this.#start;
    forgetDraft(this.#address);
    this.#address = address;
    this.about(dataset);
    if (!isAsBegun) this.#start = '';
  }

  /** Keeps it for whoever comes back to its address, unless it is still what it began with. */
  keep(): void {
    if (this.#start === undefined) {
      // What was kept before stays until something is written.
      this.#start = this.#text;
      return;
    }
    if (this.#text === this.#start) forgetDraft(this.#address);
    else keepDraft(this.#address, this.#draft);
  }

  /** Forgets what was kept, as when the training is started. */
  forget(): void {
    forgetDraft(this.#address);
  }

  get problems(): Record<string, string> {
    const schema = this.#schema();
    return schema ? givenOf(schema, this.fields.written).problems : {};
  }

  /** The dataset where it is in the trash, which nothing is trained on. */
  get trashed(): Dataset | undefined {
    return this.dataset?.trashed_ms == null ? undefined : this.dataset;
  }

  /** Why it cannot be planned yet. */
  get missing(): string {
    if (!this.dataset) return 'Choose a dataset, and what the training will be appears here.';
    if (this.trashed) return 'This dataset is in the trash. Restore it, then train.';
    if (this.dataset.image_count === 0) return 'This dataset has no pictures yet. Add some, then train.';
    if (!this.fields.trigger.trim()) {
      return 'Give a trigger word, and what the training will be appears here.';
    }
    const count = Object.keys(this.problems).length;
    return count > 0
      ? `Mend ${count === 1 ? 'the setting' : `the ${count} settings`} marked in red first.`
      : '';
  }

  /** What to ask of the server; nothing while something is missing. */
  get request(): TrainingRequest | undefined {
    const schema = this.#schema();
    if (!schema || !this.dataset || this.missing) return undefined;
    const { version, base, name, category, trigger, strength, written } = this.fields;
    return {
      dataset: this.dataset.id,
      version: version ?? null,
      base: base ?? null,
      name: name.trim() || null,
      settings: { ...givenOf(schema, written).settings, category, strength, trigger: trigger.trim() },
    };
  }

  get #draft(): TrainDraft {
    return { dataset: this.dataset?.id, fields: $state.snapshot(this.fields) };
  }

  get #text(): string {
    return JSON.stringify(this.#draft);
  }
}
