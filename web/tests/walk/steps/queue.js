// Many drawings at once: the queue shows the first of them, all when that is wanted, and takes back those that wait.

import assert from 'node:assert/strict';
import { LONG } from './training.js';

const MANY = 7;
const FEW = 5;

/** On the page for drawing, while nothing is drawn. */
export async function longQueueIsShownAndCancelled(visitor) {
  const { page, server } = visitor;
  for (let at = 1; at <= MANY; at++) {
    await server.call('/drawings', { prompt: `BrassObjV1 queued ${at}`, count: 64, steps: 50 });
  }
  const queue = page.getByRole('list', { name: 'Queue' });
  const rows = queue.getByRole('listitem');
  await page.getByRole('button', { name: `Show all ${MANY} drawings` }).click();
  await page.getByRole('button', { name: `Show the first ${FEW}` }).waitFor();
  assert.equal(await rows.count(), MANY);
  await visitor.accessible('a long queue');
  await visitor.noSideways('a long queue');
  await visitor.shoot('queue-long');
  await page.getByRole('button', { name: `Show the first ${FEW}` }).click();
  await page.getByRole('button', { name: `Show all ${MANY} drawings` }).waitFor();
  assert.equal(await rows.count(), FEW);
  await page.getByRole('button', { name: 'Cancel all that wait' }).click();
  const dialog = page.getByRole('dialog', { name: /^Cancel \d+ drawings\?$/ });
  await dialog.getByRole('button', { name: 'Cancel all that wait' }).click();
  await dialog.waitFor({ state: 'detached' });
  // What is being drawn goes on, until it is taken back by itself.
  await page.waitForFunction(() => document.querySelectorAll('[aria-label=Queue] > li').length === 1);
  await queue.getByRole('button', { name: /^Cancel BrassObjV1 queued/ }).click();
  await queue.waitFor({ ...LONG, state: 'detached' });
}
