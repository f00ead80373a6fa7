import type { Component } from 'svelte';
import { render } from 'svelte/server';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ApiError } from '../../../src/lib/api/error';
import { Refusal } from '../../../src/lib/components/refusal.svelte';
import AboutForm from '../../../src/lib/dataset/AboutForm.svelte';
import GridToolbar from '../../../src/lib/dataset/GridToolbar.svelte';
import SelectionBar from '../../../src/lib/dataset/SelectionBar.svelte';
import { Selection } from '../../../src/lib/dataset/selection.svelte';
import SheetFields from '../../../src/lib/models/SheetFields.svelte';
import PageTitle from '../../../src/lib/components/PageTitle.svelte';
import RunPicker from '../../../src/lib/runs/compare/RunPicker.svelte';
import CaptionEditor from '../../../src/lib/viewer/CaptionEditor.svelte';

beforeAll(() => void vi.stubGlobal('location', { pathname: '/', search: '', origin: 'http://studio' }));
afterAll(() => void vi.unstubAllGlobals());

const shown = (what: Component, props: object) => render(what, { props: props as never }).body;
const about = { name: 'Café', description: '', category: 'object', trigger_word: '' } as const;
const refused = (message: string) => new ApiError('invalid_input', message, '', 400);

/** The tag of the element with this name. */
const field = (body: string, name: string) =>
  new RegExp(`<(input|textarea)[^>]* name="${name}"[^>]*>`).exec(body)![0];

describe('a refused field', () => {
  const fields = (message?: string) => {
    const refusal = new Refusal(() => ({ ...about }));
    if (message) refusal.take(refused(message));
    return shown(AboutForm as Component, { fields: { ...about }, refusal });
  };

  it('is marked, and says beside it what is wrong', () => {
    const body = fields('there is a dataset `Café` already');
    const name = field(body, 'name');
    expect(name).toContain('aria-invalid="true"');
    const help = /aria-describedby="([^"]+)"/.exec(name)![1]!;
    expect(body).toMatch(new RegExp(`<p id="${help}"[^>]*>There is a dataset “Café” already\\.</p>`));
    expect(field(body, 'trigger_word')).not.toContain('aria-invalid');
  });

  it('is marked also where it is another one than the name', () => {
    const word = fields('trigger word `x`: it has control characters');
    expect(field(word, 'trigger_word')).toContain('aria-invalid="true"');
    expect(word).toContain('Trigger word “x”: it has control characters.');
    const description = fields('description `x`: it is too long');
    expect(field(description, 'description')).toContain('aria-invalid="true"');
    expect(description).toMatch(/role="alert"[^>]*>Description “x”: it is too long\./);
  });

  it('is none where nothing was refused', () => {
    expect(fields()).not.toContain('aria-invalid');
  });
});

describe('what people write', () => {
  it('runs in the direction of its letters, wherever it is written or stands', () => {
    const captioned = { value: 'חתול, כלב.', trigger: '', category: 'style', isReadOnly: false };
    const runs = [{ id: '1', name: 'ריצה', dataset_name: 'שלום', created_ms: 0 }];
    const refusal = new Refusal(() => ({}));
    for (const [what, props] of [
      [CaptionEditor, captioned],
      [SheetFields, { written: { prompt: '', seed: '', steps: '' }, epochs: [], wanted: [] }],
      [AboutForm, { fields: { ...about }, refusal }],
      [PageTitle, { title: 'שלום' }],
      [RunPicker, { runs, chosen: [] }],
    ] as [Component, object][]) {
      expect(shown(what, props)).toContain('dir="auto"');
    }
    // Numbers beside a name stay where they are.
    expect(shown(RunPicker as Component, { runs, chosen: [] })).toContain('<bdi>שלום</bdi>, ');
  });
});

describe('numbers of many pictures', () => {
  it('are all written in the same way', () => {
    const toolbar = { words: '', kind: 'all', shown: 2000, total: 3000, hasTrigger: false };
    expect(shown(GridToolbar as Component, toolbar)).toContain('2,000 pictures of 3,000');
    const ids = Array.from({ length: 3000 }, (_, at) => ({ id: String(at) }));
    const selection = new Selection();
    selection.only(['0', '1']);
    const bar = { opened: { dataset: {} }, selection, images: ids, shown: ids };
    expect(shown(SelectionBar as Component, bar)).toMatch(/Select all\s+3,000/);
    selection.all(ids.map(({ id }) => id));
    expect(shown(SelectionBar as Component, bar)).not.toContain('Select all');
    const some = shown(SelectionBar as Component, { ...bar, shown: ids.slice(0, 1500) });
    expect(some).toContain('3,000 pictures selected, 1,500 not shown');
    expect(some).toMatch(/Select only the\s+1,500 shown/);
  });
});
