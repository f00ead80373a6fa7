import type { Component } from 'svelte';
import { render } from 'svelte/server';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

beforeAll(() => void vi.stubGlobal('location', { pathname: '/', search: '', origin: 'http://studio' }));
afterAll(() => void vi.unstubAllGlobals());

const pages = import.meta.glob<{ default: Component }>('../../../src/pages/*.svelte');
const props = { id: 'x', wanted: [], part: 'tokens', route: { page: 'dataset', dataset: 'x' } };
/** They ask the server for nothing before something is pressed. */
const AT_ONCE = ['AbsentPage', 'LoginPage', 'DatasetNewPage'];

describe('a page whose server is slow', () => {
  for (const [path, load] of Object.entries(pages)) {
    const name = /(\w+)\.svelte$/.exec(path)![1]!;
    if (AT_ONCE.includes(name)) continue;
    it(`says that it waits: ${name}`, async () => {
      const { default: Page } = await load();
      expect(render(Page, { props: props as never }).body).toContain('aria-busy="true"');
    });
  }
});
