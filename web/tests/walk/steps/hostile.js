// Words that would be scripts if a page took them for its own, names that are too long, and other sites.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { adapter, png } from '../files.js';
import { LONG } from './training.js';

const SCRIPT = `"'><img src=x onerror="window.broken=1"><script>window.broken=1</script>{{7*7}}\${7*7}`;
/** One word of the length that names may have, without a place to break it. */
const NAME = SCRIPT + 'W'.repeat(200 - SCRIPT.length);
/** The names of runs and models are those of files too. */
const FILE_NAME = NAME.replaceAll('/', '').replaceAll(':', '');
const FILE = `<img src=x onerror=window.broken=1>.png`;

/** As another client would write it; what is refused there could not be shown either. */
export async function hostileWordsAreKept({ server }) {
  const about = { name: NAME, description: `${SCRIPT} [a](javascript:window.broken=1)`, category: 'object' };
  const dataset = await server.call('/datasets', { ...about, trigger_word: 'HostileObjV1' });
  const files = new FormData();
  const words = { parameters: SCRIPT, Title: SCRIPT, atelier: `{"prompt":${JSON.stringify(SCRIPT)}}` };
  for (const [at, name] of [FILE, 'b.png', 'c.png', 'd.png'].entries()) {
    files.append('files', new Blob([png(128, 160, at * 60, words)]), name);
    files.append('files', new Blob([SCRIPT]), name.replace(/png$/, 'txt'));
  }
  const { added } = await server.call(`/datasets/${dataset.id}/images`, files);
  assert.equal(added, 4);
  const settings = { epochs: 1 };
  // The name of a run is that of a folder too.
  const { run } = await server.call('/trainings', {
    name: NAME.replaceAll('/', ''),
    dataset: dataset.id,
    settings,
  });
  const model = new FormData();
  model.append('name', FILE_NAME);
  model.append('file', new Blob([adapter(SCRIPT.slice(0, 100))]), 'x.safetensors');
  await server.call('/models/import', model);
  const prompt = `${SCRIPT} HostileObjV1`;
  await server.call('/drawings', { prompt, negative: SCRIPT, steps: 2, count: 1 });
  return { dataset: dataset.id, run: run.id };
}

export async function hostileWordsAreOnlyShown(visitor, { dataset, run }) {
  const { page, server } = visitor;
  await visitor.go(`/runs/${run}`);
  await page.getByText('Completed', { exact: true }).waitFor(LONG);
  const { models } = await server.call('/models');
  const { images } = await server.call(`/datasets/${dataset}/versions/latest`);
  const pages = [
    '/datasets',
    `/datasets/${dataset}`,
    ...images.map(({ id }) => `/datasets/${dataset}/images/${id}`),
    `/datasets/${dataset}/versions`,
    `/train?dataset=${dataset}`,
    '/runs',
    `/runs/${run}`,
    '/models',
    ...models.map(({ id }) => `/models/${id}`),
    `/generate?models=${models.map(({ id }) => id).join(',')}`,
    `/compare?runs=${run}`,
    `/compare?runs=${encodeURIComponent(SCRIPT)}`,
    `/models/${encodeURIComponent(SCRIPT)}`,
    `/generate?picture=${encodeURIComponent(SCRIPT)}`,
    `/datasets/${encodeURIComponent('javascript:window.broken=1')}`,
  ];
  for (const [at, path] of pages.entries()) {
    await visitor.go(path);
    await page.getByRole('heading', { level: 1 }).waitFor({ state: 'attached' });
    await unbroken(visitor, path);
    await visitor.noSideways(path);
    await visitor.shoot(`hostile-${at}`);
  }
  await visitor.go('/generate');
  await page.locator('[data-picture]').first().click();
  await page.getByRole('dialog').getByText('HostileObjV1').first().waitFor();
  await unbroken(visitor, 'a drawn picture');
  // The browser says of itself that what does not exist was answered with a failure.
  visitor.complaints = visitor.complaints.filter((line) => !/status of 4\d\d/.test(line));
  return `${pages.length} pages`;
}

async function unbroken({ page }, where) {
  const found = await page.evaluate(() => ({
    broken: window.broken ?? null,
    elements: document.querySelectorAll('img[src="x"], script:not([src]), [onerror]').length,
    links: document.querySelectorAll('a[href^="javascript:"]').length,
  }));
  assert.deepEqual(found, { broken: null, elements: 0, links: 0 }, `${where} takes words for its own`);
}

/** Another site may neither show the pages in a frame nor change anything with what the browser would send along. */
export async function otherSitesAreKeptOut(browser, server) {
  const before = await server.call('/datasets');
  const elsewhere = createServer((_, answer) => {
    answer.setHeader('Content-Type', 'text/html');
    answer.end(`<iframe src="${server.api}/"></iframe>
      <form method="post" enctype="text/plain" action="${server.api}/api/v1/datasets">
        <input name='{"name":"from elsewhere","category":"style","x":"' value='"}' /><button>Win</button>
      </form>`);
  });
  await new Promise((done) => elsewhere.listen(0, '127.0.0.1', done));
  const context = await browser.newContext();
  try {
    // Another name for this machine is another site.
    await attack(await context.newPage(), `http://localhost:${elsewhere.address().port}/`, server.api);
  } finally {
    await context.close();
    elsewhere.closeAllConnections();
    elsewhere.close();
  }
  assert.equal((await server.call('/datasets')).total, before.total, 'another site makes a dataset');
  const { headers } = await fetch(`${server.api}/`);
  assert.match(headers.get('content-security-policy'), /frame-ancestors 'none'/);
  assert.equal(headers.get('x-content-type-options'), 'nosniff');
}

async function attack(page, from, api) {
  const framed = page.waitForEvent('requestfailed', (request) => request.url() === `${api}/`);
  await page.goto(from);
  const why = (await framed).failure().errorText;
  assert.equal(why, 'net::ERR_BLOCKED_BY_RESPONSE', 'the studio is shown in the frame of another site');
  const told = await page.evaluate(async (datasets) => {
    const body = JSON.stringify({ name: 'from elsewhere', category: 'style' });
    const headers = { 'Content-Type': 'application/json' };
    const tries = [
      fetch(datasets),
      fetch(datasets, { method: 'POST', mode: 'no-cors', body }),
      fetch(datasets, { method: 'POST', headers, body }),
    ];
    return (await Promise.allSettled(tries)).map(({ status }) => status);
  }, `${api}/api/v1/datasets`);
  assert.deepEqual(told, ['rejected', 'rejected', 'rejected'], 'another site reads answers');
  await page.getByRole('button', { name: 'Win' }).click();
  await page.waitForLoadState();
}
