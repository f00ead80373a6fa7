import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { keptDraft } from '../../../src/lib/account/drafts';
import type {
  Base,
  Dataset,
  PlannedTraining,
  RunWithCheckpoints,
  SettingsSchema,
} from '../../../src/lib/api/model';
import { beginningOf, keptTraining } from '../../../src/lib/training/draft';
import { TrainForm } from '../../../src/lib/training/train_form.svelte';
import { entriesOf } from './entries';

const schema: SettingsSchema = { groups: [], settings: [] };
const dataset = (id: string, more: Partial<Dataset> = {}) =>
  ({ id, name: id, category: 'object', trigger_word: `${id}V1`, image_count: 3, ...more }) as Dataset;
const settings = { trigger: 'FoxV1', category: 'character', strength: 'high', learning_rate: 0.5 };
const run = { id: 'r', dataset: 'a', dataset_version: 2, base: 'mine', settings };

/** A library that counts what is asked of it. */
function library(found: Dataset = dataset('a')) {
  return {
    dataset: vi.fn(async () => found),
    run: vi.fn(async () => run as unknown as RunWithCheckpoints),
    bases: vi.fn(async () => [{ name: 'mine' }] as Base[]),
    plan: vi.fn(async () => ({ settings: { learning_rate: 0.1 } }) as unknown as PlannedTraining),
  };
}

function begun(address: string, about?: Dataset) {
  const form = new TrainForm(() => schema);
  form.begin(address);
  form.fill({ dataset: about });
  form.keep();
  return form;
}

beforeEach(() => void vi.stubGlobal('sessionStorage', entriesOf()));
afterEach(() => void vi.unstubAllGlobals());

describe('the form of a training', () => {
  it('is kept by its address once something is written, and there again', async () => {
    const address = '/train?dataset=a';
    const form = begun(address, dataset('a'));
    expect(keptDraft(address)).toBeUndefined();
    form.fields.name = 'second try';
    form.fields.written = { epochs: '17' };
    form.keep();
    const again = new TrainForm(() => schema);
    again.begin(address);
    again.fill(await beginningOf(address, { dataset: 'a' }, true, library()));
    again.keep();
    expect(again.isRestored).toBe(true);
    expect([again.dataset?.id, again.fields.name, again.fields.written]).toEqual([
      'a',
      'second try',
      { epochs: '17' },
    ]);
    // Also when nothing else is written then.
    expect(keptDraft(address)).toBeDefined();
    again.forget();
    expect(keptTraining(address)).toBeUndefined();
  });

  it('is not kept any more where it is again as it began', () => {
    const form = begun('/train?dataset=a', dataset('a'));
    form.fields.name = 'x';
    form.keep();
    form.fields.name = '';
    form.keep();
    expect(keptDraft('/train?dataset=a')).toBeUndefined();
  });

  it('is that of another dataset, with what else stands in it, once that is chosen', () => {
    const form = begun('/train?run=r', dataset('a'));
    form.fields.written = { rank: '8' };
    form.fields.version = 2;
    form.keep();
    form.choose(dataset('b'));
    form.keep();
    expect(form.address).toBe('/train?dataset=b');
    expect(keptDraft('/train?run=r')).toBeUndefined();
    expect(keptTraining('/train?dataset=b')).toMatchObject({
      dataset: 'b',
      fields: { trigger: 'bV1', category: 'object', written: { rank: '8' } },
    });
    expect(form.fields.version).toBeUndefined();
  });

  it('leaves what was kept where it could not be begun, until something is written', () => {
    const address = '/train?dataset=a';
    const form = begun(address, dataset('a'));
    form.fields.name = 'mine';
    form.keep();
    begun(address);
    expect(keptTraining(address)?.fields.name).toBe('mine');
  });

  it('is as another dataset was left, where something was written for that, and kept itself', () => {
    const other = begun('/train?dataset=b', dataset('b'));
    other.fields.name = 'of b';
    other.keep();
    const form = begun('/train?dataset=a', dataset('a'));
    form.fields.name = 'of a';
    form.choose(dataset('b'));
    form.keep();
    expect([form.address, form.fields.name, form.isRestored]).toEqual(['/train?dataset=b', 'of b', true]);
    expect(keptTraining('/train?dataset=a')?.fields.name).toBe('of a');
    expect(keptTraining('/train?dataset=b')?.fields.name).toBe('of b');
  });

  it('has nothing to keep where only another dataset was chosen', () => {
    const form = begun('/train?dataset=a', dataset('a'));
    form.choose(dataset('b'));
    form.keep();
    expect(keptDraft('/train?dataset=b')).toBeUndefined();
  });

  it('has nothing of a run at another address', async () => {
    const form = new TrainForm(() => schema);
    form.begin('/train?run=r');
    form.fill(await beginningOf('/train?run=r', { run: 'r' }, true, library()));
    expect(form.fields).toMatchObject({ written: { learning_rate: '0.5' }, version: 2, strength: 'high' });
    form.begin('/train');
    expect([form.dataset, form.fields.written, form.fields.version]).toEqual([undefined, {}, undefined]);
  });

  it('begins nothing with a dataset in the trash, and says why', async () => {
    const trashed = library(dataset('a', { trashed_ms: 1 }));
    const form = new TrainForm(() => schema);
    form.begin('/train?run=r');
    form.fill(await beginningOf('/train?run=r', { run: 'r' }, true, trashed));
    expect(form.trashed?.id).toBe('a');
    expect(form.missing).toContain('in the trash');
    expect(form.request).toBeUndefined();
    expect(trashed.plan).not.toHaveBeenCalled();
  });

  it('asks for no plan in the name of who may not train', async () => {
    const asked = library();
    const { fields, dataset } = await beginningOf('/train?run=r', { run: 'r' }, false, asked);
    expect([fields, dataset?.id]).toEqual([undefined, 'a']);
    expect(asked.plan).not.toHaveBeenCalled();
  });

  it('is as the run where nothing else was kept, and as kept where it was', async () => {
    const asked = library();
    const draft = { dataset: 'b', fields: { name: 'mine' } };
    const beginning = await beginningOf('/train?run=r', { run: 'r' }, true, asked, () => draft);
    expect(asked.run).not.toHaveBeenCalled();
    expect(asked.dataset).toHaveBeenCalledWith('b');
    expect(beginning.draft?.fields).toMatchObject({ name: 'mine', strength: 'medium' });
  });

  it('takes nothing that has another shape', () => {
    for (const fields of [
      3,
      null,
      { name: 3 },
      { written: null },
      { written: { rank: 3 } },
      { category: 'x' },
    ]) {
      expect(keptTraining('/train', () => ({ fields }))).toBeUndefined();
    }
  });

  it('takes note of what became of its dataset elsewhere, and keeps what is written', () => {
    const form = begun('/train?dataset=a', dataset('a', { image_count: 40 }));
    form.fields.name = 'mine';
    const before = form.dataset;
    form.renew([dataset('b'), dataset('a', { image_count: 40 })]);
    expect(form.dataset).toBe(before);
    form.renew([dataset('a', { image_count: 25 })]);
    expect([form.dataset?.image_count, form.fields.name]).toEqual([25, 'mine']);
  });

  it('like that of a run is there also where the usual plan would not fit into memory', async () => {
    const ask = library();
    await beginningOf('/train?run=r', { run: 'r' }, true, ask, () => undefined);
    expect(ask.plan).toHaveBeenCalledWith(
      expect.objectContaining({ settings: expect.objectContaining({ recompute: 'none' }) }),
    );
  });
});
