// What is written and not handed in is there again after the page is loaded anew.

import assert from 'node:assert/strict';
import { EPOCHS, SEED } from './training.js';

/** On the page for training, as `trainingIsPlanned` leaves it. */
export async function trainingFormIsKept({ page }) {
  const name = page.getByLabel('Name of the run');
  await name.fill('kept over a reload');
  await page.reload();
  await page.getByText('What you had written here is back.').waitFor();
  assert.equal(await name.inputValue(), 'kept over a reload');
  assert.equal(await page.getByLabel('Trigger word').inputValue(), 'BrassObjV1');
  assert.equal(await page.getByLabel('Epochs', { exact: true }).inputValue(), EPOCHS);
  assert.equal(await page.getByLabel('Seed', { exact: true }).inputValue(), SEED);
  assert.ok(await page.getByRole('radio', { name: /^High/ }).isChecked());
  await name.fill('');
  const panel = page.getByRole('region', { name: 'What it will be' });
  await panel.getByText(`${EPOCHS} epochs`).waitFor();
}

/** On the page for drawing. */
export async function promptIsKept({ page }) {
  const prompt = page.getByRole('textbox', { name: 'Prompt', exact: true });
  const negative = page.getByRole('textbox', { name: /^Without/ });
  await prompt.fill('BrassObjV1 kept over a reload');
  await negative.fill('fog');
  await page.reload();
  await prompt.waitFor();
  assert.equal(await prompt.inputValue(), 'BrassObjV1 kept over a reload');
  assert.equal(await negative.inputValue(), 'fog');
  await negative.fill('');
  await page.locator('[data-picture]').first().waitFor();
}

/** On the page that compares runs, as `runsAreCompared` leaves it. */
export async function comparedPromptsAreKept({ page }) {
  const prompts = page.getByLabel(/^Prompts/);
  await prompts.fill('BrassObjV1 at night\nBrassObjV1 at noon');
  await page.getByLabel('First seed').fill('12');
  await page.reload();
  await prompts.waitFor();
  assert.equal(await prompts.inputValue(), 'BrassObjV1 at night\nBrassObjV1 at noon');
  assert.equal(await page.getByLabel('First seed').inputValue(), '12');
  // Also while other runs are chosen.
  const run = page.getByRole('checkbox').first();
  await run.uncheck();
  await page.getByText('Choose one more.').waitFor();
  await run.check();
  await prompts.waitFor();
  assert.equal(await prompts.inputValue(), 'BrassObjV1 at night\nBrassObjV1 at noon');
}
