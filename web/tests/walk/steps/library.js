// A library of a hundred thousand pictures: how soon it is there, how it scrolls, what a tab holds of it.

import assert from 'node:assert/strict';

const SECONDS = 10;
const MOST_CELLS = 80;
const MOST_HEAP_BYTES = 150_000_000;

/** Milliseconds until the first card is seen, and what the server took of them for each answer. */
export async function libraryOpens(visitor) {
  const { page } = visitor;
  const start = performance.now();
  await page.goto(visitor.address);
  await page.getByRole('article').first().waitFor();
  const seen = Math.round(performance.now() - start);
  await visitor.settled();
  const answers = await page.evaluate(() =>
    [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
      .filter(({ name }) => !/thumbnail|events/.test(name))
      .map(({ name, responseEnd, requestStart }) => [
        new URL(name).pathname,
        Math.round(responseEnd - requestStart),
      ]),
  );
  return { seen, answers: Object.fromEntries(answers) };
}

export async function datasetScrolls(visitor) {
  const { page } = visitor;
  await page.getByRole('article').getByRole('link').first().click();
  const start = performance.now();
  await page.getByRole('gridcell').first().waitFor();
  const opened = Math.round(performance.now() - start);
  await visitor.settled();
  const client = await visitor.context.newCDPSession(page);
  const before = await held(client);
  await page.evaluate(watchFrames);
  await page.mouse.move(800, 600);
  const end = performance.now() + SECONDS * 1000;
  while (performance.now() < end) {
    await page.mouse.wheel(0, 400);
    await page.waitForTimeout(16);
  }
  const { times, most, far } = await page.evaluate(() => window.frames_seen());
  times.sort((a, b) => a - b);
  const late = times.filter((time) => time > 50).length;
  const percentile = (part) => Math.round(times[Math.floor((times.length - 1) * part)]);
  assert.ok(most < MOST_CELLS, `${most} cells are in the page at once`);
  const after = await held(client);
  assert.ok(after.heapBytes < MOST_HEAP_BYTES, `the tab holds ${after.heapBytes} bytes`);
  return {
    opened,
    pixels: far,
    frames: times.length,
    late,
    median: percentile(0.5),
    p95: percentile(0.95),
    longest: percentile(1),
    cells: most,
    before,
    after,
  };
}

/** Runs in the page: measures each frame until it is asked what it saw. */
function watchFrames() {
  const times = [];
  let [most, last, isDone] = [0, performance.now(), false];
  const frame = (now) => {
    times.push(now - last);
    last = now;
    most = Math.max(most, document.querySelectorAll('[role=gridcell]').length);
    if (!isDone) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  window.frames_seen = () => {
    isDone = true;
    return { times, most, far: Math.round(scrollY) };
  };
}

/** What is left of a tab when everything that nobody needs is gone. */
async function held(client) {
  await client.send('HeapProfiler.collectGarbage');
  await client.send('Performance.enable');
  const { metrics } = await client.send('Performance.getMetrics');
  const of = (name) => metrics.find((metric) => metric.name === name).value;
  return { heapBytes: of('JSHeapUsedSize'), nodes: of('Nodes') };
}
