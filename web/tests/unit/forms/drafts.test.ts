import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { forgetDraft, keepDraft, keepFields, keptDraft, keptFields } from '../../../src/lib/account/drafts';
import { Session } from '../../../src/lib/account/session.svelte';
import { access } from '../../../src/lib/api/access.svelte';
import type { Session as View } from '../../../src/lib/api/model';
import { NewDataset } from '../../../src/lib/dataset/new_dataset.svelte';
import { entriesOf } from './entries';

const as = (name: string): View => ({
  needs_login: true,
  account: { id: `id of ${name}`, name, role: 'member' },
  csrf_token: null,
});

let tab: Storage;

beforeEach(() => {
  tab = entriesOf();
  vi.stubGlobal('sessionStorage', tab);
});
afterEach(() => {
  access.open(null);
  vi.unstubAllGlobals();
});

describe('drafts of forms', () => {
  it('are kept until they are forgotten', () => {
    keepDraft('form', { name: 'x' });
    expect(keptDraft('form')).toEqual({ name: 'x' });
    forgetDraft('form');
    expect(keptDraft('form')).toBeUndefined();
  });

  it('that cannot be read are none', () => {
    for (const text of ['{', '3', 'null']) {
      tab.setItem('atelier.draft.form', text);
      expect(keptDraft('form')).toBeUndefined();
    }
    vi.unstubAllGlobals();
    keepDraft('form', {});
    expect(keptDraft('form')).toBeUndefined();
  });

  it('of a few fields are texts of those fields, and none where they are as at first', () => {
    const first: { prompts: string | undefined; seed: string } = { prompts: undefined, seed: '7' };
    expect(keptFields('form', first)).toEqual(first);
    keepFields('form', { prompts: 'at night', seed: '7' }, first);
    expect(keptFields('form', first)).toEqual({ prompts: 'at night', seed: '7' });
    keepDraft('form', { prompts: 3, seed: '8', other: 'x' });
    expect(keptFields('form', first)).toEqual({ prompts: undefined, seed: '8' });
    keepFields('form', { ...first }, first);
    expect(tab.length).toBe(0);
  });

  it('are gone when somebody logs out', async () => {
    const calls = { getSession: async () => as('Kim'), logIn: async () => as('Kim'), logOut: async () => {} };
    const session = new Session(calls, vi.fn());
    await session.look();
    keepDraft('form', { name: 'x' });
    await session.logOut();
    expect(keptDraft('form')).toBeUndefined();
  });

  it('are not those of who logs in next', async () => {
    const begunAnew = vi.fn();
    const studio = (name: string) =>
      new Session(
        { getSession: async () => as(name), logIn: async () => as(name), logOut: async () => {} },
        begunAnew,
      );
    await studio('Kim').look();
    keepDraft('form', { name: 'x' });
    await studio('Kim').look();
    expect(keptDraft('form')).toEqual({ name: 'x' });
    await studio('Noor').look();
    expect(keptDraft('form')).toBeUndefined();
    expect(begunAnew).toHaveBeenCalledOnce();
  });
});

describe('a dataset that is not made yet', () => {
  const written = { name: 'Lamp', description: 'old', category: 'object', trigger_word: 'LampV1' } as const;

  it('is there again as it was written', () => {
    const form = new NewDataset();
    form.fields = { ...written };
    form.keep();
    expect(new NewDataset().fields).toEqual(written);
  });

  it('is forgotten once it is made, with the files that waited for it', () => {
    const form = new NewDataset();
    form.fields = { ...written };
    form.keep();
    form.add([{ path: 'a.png', file: new File(['x'], 'a.png') }]);
    form.add([{ path: 'b.png', file: new File(['x'], 'b.png') }]);
    expect(form.files.map(({ path }) => path)).toEqual(['a.png', 'b.png']);
    form.clear();
    form.keep();
    expect([form.files, tab.length]).toEqual([[], 0]);
    expect(new NewDataset().fields.name).toBe('');
  });

  it('is empty where what was kept has another shape', () => {
    keepDraft('/datasets/new', { name: 3, category: 'object' });
    expect(new NewDataset().fields).toEqual({
      name: '',
      description: '',
      category: 'character',
      trigger_word: '',
    });
  });
});
