// From nothing to two runs side by side without a mouse.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { file } from '../files.js';
import { Keys } from '../keys.js';
import { LONG } from './training.js';

const EPOCHS = '2';
const SAMPLES = join(import.meta.dirname, '../../../../assets/blob-faces/train');

export async function datasetIsMadeByKeys(visitor) {
  const { page } = visitor;
  const keys = (visitor.keys = new Keys(page));
  await visitor.go('/');
  await keys.open(/^Skip to content$/);
  await keys.open(/^Make the first dataset$/);
  await page.getByRole('heading', { level: 1, name: 'New dataset' }).waitFor();
  await keys.fill(/^Name/, 'By keys alone');
  await keys.to(/^Character/);
  await keys.press('ArrowRight', 'ArrowRight');
  assert.ok(await page.getByRole('radio', { name: /^Object/ }).isChecked());
  await keys.fill(/^Trigger word/, 'KeyedObjV1');
  await keys.open(/^Create and add pictures$/);
  await page.getByRole('heading', { level: 1, name: 'By keys alone' }).waitFor();
  // What chooses files is the browser's own, and not of the page.
  const chooser = page.waitForEvent('filechooser');
  await keys.open(/^(Add|Choose) pictures$/);
  await (await chooser).setFiles(await samples(page));
  await page.getByText('5 pictures added').waitFor();
}

export async function captionsAreWrittenByKeys({ page, keys, server }) {
  await keys.open(/^key-0\.png/);
  await page.waitForFunction(() => document.activeElement?.matches('textarea'));
  for (const words of ['KeyedObjV1, red', 'KeyedObjV1, green', 'KeyedObjV1, blue']) {
    await keys.type(words);
    // Enter saves, and goes to the next picture.
    await keys.press('Enter');
    await page.waitForFunction(() => document.activeElement?.value === '');
  }
  await keys.press('Escape');
  await page.waitForFunction(() => document.activeElement?.matches('[data-at]'));
  const id = new URL(page.url()).pathname.split('/')[2];
  await page.getByText('KeyedObjV1, blue').waitFor();
  const { images } = await server.call(`/datasets/${id}/versions/latest`);
  assert.deepEqual(images.map(({ caption }) => caption).filter(Boolean), [
    'KeyedObjV1, red',
    'KeyedObjV1, green',
    'KeyedObjV1, blue',
  ]);
}

/** Drawings of the sample character, and photographs as a browser writes them. */
async function samples(page) {
  const names = (await readdir(SAMPLES)).filter((name) => name.endsWith('.png')).slice(0, 3);
  const drawings = await Promise.all(names.map((name) => readFile(join(SAMPLES, name))));
  const photographs = [await photograph(page, 'teal'), await photograph(page, 'orange')];
  return [
    ...drawings.map((buffer, at) => file(`key-${at}.png`, buffer)),
    ...photographs.map((buffer, at) => file(`key-${3 + at}.jpg`, buffer)),
  ];
}

async function photograph(page, colour) {
  const url = await page.evaluate((colour) => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 400, height: 300 });
    const pen = canvas.getContext('2d');
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 400, 300);
    pen.fillStyle = 'white';
    pen.fillRect(120, 60, 160, 180);
    return canvas.toDataURL('image/jpeg');
  }, colour);
  return Buffer.from(url.split(',')[1], 'base64');
}

async function trained(page, keys, epochs) {
  await page.getByRole('heading', { level: 1, name: 'Train' }).waitFor();
  await keys.fill(/^Epochs/, epochs);
  await page.getByRole('region', { name: 'What it will be' }).getByText(`${epochs} epochs`).waitFor();
  await keys.open(/^Start training$/);
  await page.getByText('Completed', { exact: true }).waitFor(LONG);
}

export async function trainingIsStartedByKeys({ page, keys }) {
  await keys.open(/^Train$/);
  await trained(page, keys, EPOCHS);
}

export async function pictureIsDrawnByKeys({ page, keys }) {
  await keys.open(/^Draw with it$/);
  await page.getByRole('heading', { level: 1, name: 'Generate' }).waitFor();
  await keys.to(/^Strength of By keys alone-1$/, 'input');
  await keys.press('ArrowRight');
  await keys.fill(/^Prompt/, 'KeyedObjV1, violet');
  await keys.fill(/^Pictures/, '1');
  await keys.press('Control+Enter');
  const drawn = page.getByRole('button', { name: /^KeyedObjV1, violet, seed/ });
  await drawn.waitFor(LONG);
  await keys.open(/^KeyedObjV1, violet, seed/);
  await page.getByRole('dialog').waitFor();
  await keys.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.waitForFunction(() => document.activeElement?.matches('[data-picture]'));
}

export async function modelIsTunedByKeys({ page, keys }) {
  await keys.open(/^Finely Tuned Models$/);
  await page.getByRole('heading', { level: 1, name: 'Finely Tuned Models' }).waitFor();
  await keys.open(/^By keys alone-1/);
  await page.getByRole('heading', { name: 'Epoch and strength' }).waitFor();
  await keys.to(/^Strength/, 'input');
  await keys.press('ArrowRight');
  await page.getByText('Strength 0.85 is saved.').waitFor();
  // A wrong number draws nothing, and says what is needed.
  await keys.fill(/^Seed/, 'x');
  await page.getByText('A whole number is needed.').waitFor();
  assert.ok(await page.getByRole('button', { name: 'Draw', exact: true }).isDisabled());
  await keys.fill(/^Seed/, '3');
  await keys.fill(/^Steps/, '4');
  await keys.open(/^Draw 8 pictures$/);
  const cell = page.getByRole('button', { name: `Epoch ${EPOCHS} at 0.5`, exact: true });
  await cell.waitFor(LONG);
  await page.getByRole('button', { name: 'All are drawn' }).waitFor(LONG);
  await keys.open(new RegExp(`^Epoch ${EPOCHS} at 0.5$`));
  await page.getByText(`Epoch ${EPOCHS} at 0.5 is what`).waitFor();
}

export async function settingsAreChangedByKeys({ page, keys }) {
  await keys.open(/^Settings$/);
  await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
  await keys.to(/As the system/);
  await keys.press('ArrowDown', 'ArrowDown');
  assert.ok(await page.getByRole('radio', { name: 'Dark' }).isChecked());
  await keys.press('ArrowUp', 'ArrowUp');
  await keys.open(/^Leonardo clients$/);
  await keys.open(/^Models/);
  await keys.to(/^Base for/, 'select');
  await keys.press('ArrowDown');
  await page.getByText(/stands for “.*” now/).waitFor();
}

export async function runsAreComparedByKeys({ page, keys }) {
  await keys.open(/^Runs$/);
  await page.getByRole('heading', { level: 1, name: 'Runs' }).waitFor();
  await keys.open(/^By keys alone-1/);
  await keys.open(/^Another attempt$/);
  await trained(page, keys, '3');
  await keys.open(/^Compare$/);
  await page.getByRole('checkbox').nth(1).waitFor();
  await keys.to(/By keys alone-2/, 'input');
  await keys.press('Space', 'Tab', 'Space');
  await page.getByRole('rowheader', { name: 'Epochs' }).waitFor();
  await keys.fill(/^Prompts/, 'KeyedObjV1, orange');
  await keys.open(/^Draw 2 pictures$/);
  await page
    .getByRole('link', { name: /KeyedObjV1, orange, in its full size/ })
    .nth(1)
    .waitFor(LONG);
  assert.deepEqual([...keys.unseen], [], 'the focus is there and not seen');
  return `${keys.tabs} times Tab`;
}
