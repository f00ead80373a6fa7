import type { Component } from 'svelte';
import { render } from 'svelte/server';
import { describe, expect, it } from 'vitest';
import NoteList from '../../../src/lib/runs/NoteList.svelte';
import PlanPanel from '../../../src/lib/training/PlanPanel.svelte';

const shown = (what: Component, props: object) => render(what, { props: props as never }).body;

describe('what a person should know of a training', () => {
  it('is a list of sentences, and nothing where there is nothing', () => {
    const notes = ['epoch 3 has no previews: out of memory', 'the rest of `a.png` is not learned'];
    const body = shown(NoteList as Component, { notes, label: 'Notes on this run' });
    expect(body).toContain('aria-label="Notes on this run"');
    expect(body).toContain('Epoch 3 has no previews: out of memory.');
    expect(body).toContain('The rest of “a.png” is not learned.');
    expect(shown(NoteList as Component, { notes: [], label: 'x' })).not.toContain('<ul');
  });

  it('stands in the plan', () => {
    const answer = {
      total_steps: 160,
      arithmetic: '',
      duration: null,
      memory_bytes: 1e8,
      free_bytes: null,
      total_bytes: null,
      image_count: 4,
      version: 2,
      preview_epochs: [],
      notes: ['there are 4 pictures, and 15 to 40 are right'],
    };
    const body = shown(PlanPanel as Component, { plan: { answer, isStale: false }, missing: '' });
    expect(body).toContain('There are 4 pictures, and 15 to 40 are right.');
  });
});
