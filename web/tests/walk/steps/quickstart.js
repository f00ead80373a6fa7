// What `atelier quickstart` leaves is there when the pages are first opened: its dataset, its run, its model.

import assert from 'node:assert/strict';
import { LONG } from './training.js';

export async function libraryIsThere(visitor) {
  const { page } = visitor;
  await visitor.go('/');
  await page.getByRole('link', { name: /^blob-faces/ }).click();
  await page.getByRole('heading', { level: 1, name: 'blob-faces' }).waitFor();
  await page.getByText('astonished face').first().waitFor();
  const dataset = new URL(page.url()).pathname.split('/')[2];
  const { images } = await visitor.server.call(`/datasets/${dataset}/versions/latest`);
  assert.ok(images.length > 20, `${images.length} pictures`);
  await page.getByRole('link', { name: `Pictures ${images.length}` }).waitFor();
  await visitor.settled();
  await visitor.show('dataset');
}

export async function runIsThere(visitor) {
  const { page } = visitor;
  await page.getByRole('navigation', { name: 'Rooms' }).getByRole('link', { name: 'Runs' }).click();
  await page.getByRole('link', { name: /^blob-faces-1/ }).click();
  await page.getByText('Completed', { exact: true }).waitFor();
  await page.getByRole('img', { name: /^Loss over steps. The loss/ }).waitFor();
  await visitor.settled();
  await visitor.show('run');
  await page.getByRole('link', { name: 'To its model' }).click();
}

/** The sheet of the model, from its epochs and strengths, and what it proves of itself. */
export async function modelIsThere(visitor) {
  const { page } = visitor;
  await page.getByRole('heading', { level: 1, name: 'blob-faces-1' }).waitFor();
  await page.getByRole('button', { name: 'Verify' }).click();
  await page.getByText(/^Proved/).waitFor(LONG);
  await page.getByLabel('Prompt of all').fill('BlobCharV1, winking face, on a blue background');
  await page.getByRole('button', { name: 'Draw 16 pictures' }).click();
  await page
    .getByRole('button', { name: /^Epoch \d+ at / })
    .nth(15)
    .waitFor(LONG);
  await page.getByRole('button', { name: 'Epoch 30 at 0.8' }).click();
  await page.getByText('Epoch 30 at 0.8 is what').waitFor();
  await page
    .getByRole('button', { name: /^Dismiss/ })
    .first()
    .click();
  await page
    .getByRole('heading', { name: 'Epoch and strength' })
    .evaluate((heading) => scrollBy(0, heading.getBoundingClientRect().top - 24));
  await visitor.settled();
  await visitor.show('sheet');
}

export async function modelDraws(visitor) {
  const { page } = visitor;
  await page.getByRole('link', { name: 'Draw with it' }).first().click();
  await page.getByRole('heading', { level: 1, name: 'Generate' }).waitFor();
  // The small base draws best when it is led less.
  await page.getByText('Expert', { exact: true }).click();
  await page.getByLabel('Guidance', { exact: true }).fill('4');
  await page.getByText('Expert', { exact: true }).click();
  const prompts = ['kissing face, on a pink background', 'winking face, on a purple background'];
  for (const words of prompts) {
    await page.getByRole('textbox', { name: 'Prompt', exact: true }).fill(`BlobCharV1, ${words}`);
    await page.getByRole('button', { name: /^Draw \d+ pictures$/ }).click();
  }
  for (const words of prompts) {
    await page
      .getByRole('button', { name: new RegExp(`^BlobCharV1, ${words}`) })
      .nth(3)
      .waitFor(LONG);
  }
  await page.getByRole('list', { name: 'Queue' }).waitFor({ ...LONG, state: 'detached' });
  await page.evaluate(() => scrollTo(0, 0));
  await visitor.settled();
  await visitor.show('generate');
}
