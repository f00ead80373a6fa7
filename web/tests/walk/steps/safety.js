// Nothing that was typed gets lost: reloads, keys, other pages, refusals, a server that is gone.

import assert from 'node:assert/strict';
import { closed, imageNamed, until } from './pictures.js';

const captionOf = (page) => page.getByRole('textbox', { name: 'Caption' });

async function open(page, name) {
  await page.getByRole('link', { name: new RegExp(`^${name}`) }).click();
  await page.getByRole('dialog', { name: new RegExp(name) }).waitFor();
}

/** As another page or the command line. */
async function byOthers(visitor, name, caption) {
  const dataset = new URL(visitor.page.url()).pathname.split('/')[2];
  const { id: image } = await imageNamed(visitor, name);
  await visitor.server.call(`/datasets/${dataset}/edits`, { edits: [{ set_caption: { image, caption } }] });
}

export async function typedWordsSurviveReload(visitor) {
  const { page } = visitor;
  await open(page, 'tall.png');
  await captionOf(page).fill('typed before a reload');
  await page.reload();
  await until(visitor, 'tall.png', ({ caption }) => caption === 'typed before a reload');
  await page.getByRole('dialog', { name: /tall\.png/ }).waitFor();
  assert.equal(await captionOf(page).inputValue(), 'typed before a reload');
  // What others change in it later is shown, and not written over when it is closed.
  await captionOf(page).fill('saved while hidden');
  await page.evaluate(() => {
    Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
    delete document.visibilityState;
  });
  await until(visitor, 'tall.png', ({ caption }) => caption === 'saved while hidden');
  await byOthers(visitor, 'tall.png', 'by others');
  await page.waitForFunction(() => document.querySelector('textarea').value === 'by others');
  await page.keyboard.press('Escape');
  await page.getByRole('grid').waitFor();
  assert.equal((await imageNamed(visitor, 'tall.png')).caption, 'by others');
}

export async function typedNumbersSurviveEscape(visitor) {
  const { page } = visitor;
  await open(page, 'tall.png');
  await page.getByLabel('Top').fill('123');
  await closed(page);
  await until(visitor, 'tall.png', ({ crop }) => crop?.top === 123);
}

export async function removedPictureKeepsItsWords(visitor) {
  const { page } = visitor;
  await open(page, 'square.png');
  await captionOf(page).fill('typed, then removed');
  // No message covers what can be done.
  await page.getByRole('button', { name: 'Remove' }).click({ timeout: 3000 });
  await page.getByText('1 picture removed.').waitFor();
  await page.waitForFunction(() => document.activeElement?.closest('[role=dialog]'));
  assert.equal(await page.locator('.notice.failed').count(), 0);
  await page.getByRole('button', { name: 'Put back' }).click();
  await until(visitor, 'square.png', (image) => image?.caption === 'typed, then removed');
  await closed(page);
  await page.getByRole('button', { name: /^Dismiss 1 picture/ }).click();
}

export async function othersAreNotOverwritten(visitor) {
  const { page } = visitor;
  await open(page, 'square.png');
  await captionOf(page).fill('mine');
  await byOthers(visitor, 'square.png', 'theirs');
  await page.keyboard.press('Escape');
  const dialog = page.getByRole('dialog', { name: 'Changed elsewhere meanwhile' });
  await dialog.getByText('theirs', { exact: true }).waitFor();
  assert.equal((await imageNamed(visitor, 'square.png')).caption, 'theirs');
  await visitor.accessible('the question whose caption stays');
  await visitor.shoot('clash');
  // Keys that were meant for a caption answer nothing.
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  await dialog.getByRole('button', { name: 'Keep mine' }).click();
  await until(visitor, 'square.png', ({ caption }) => caption === 'mine');
  visitor.complaints = visitor.complaints.filter((line) => !line.includes('409'));
}

export async function refusedWordsStay(visitor) {
  const { page } = visitor;
  const body = { error: { code: 'invalid_input', message: 'no', hint: 'yes', details: {} } };
  await page.route('**/edits', (route) => route.fulfill({ status: 400, json: body }));
  await open(page, 'square.png');
  await captionOf(page).fill('refused words');
  await page.keyboard.press('Escape');
  await page.getByText('1 change not saved.').waitFor();
  await page.getByText('refused words').waitFor();
  await visitor.accessible('a refused change');
  await visitor.shoot('refused');
  await page.unroute('**/edits');
  await page.getByRole('button', { name: 'Try again' }).click();
  await until(visitor, 'square.png', ({ caption }) => caption === 'refused words');
  await page.getByText('1 change not saved.').waitFor({ state: 'detached' });
  visitor.complaints = visitor.complaints.filter((line) => !line.includes('400'));
}

export async function changesOutlastThePage(visitor) {
  const { page, server } = visitor;
  const address = page.url();
  await open(page, 'five.png');
  await server.kill();
  await captionOf(page).fill('sent from another page');
  await page.keyboard.press('Escape');
  await page.getByText('The studio does not answer.').waitFor();
  await page.getByRole('link', { name: 'Generate' }).click();
  await page.getByRole('heading', { level: 1, name: 'Generate' }).waitFor();
  await server.run();
  await page.getByText('The studio does not answer.').waitFor({ state: 'detached' });
  await page.getByText('“five.png” is saved.').waitFor();
  await page.goBack();
  await page.getByText('sent from another page').waitFor();
  assert.equal(page.url(), address);
  assert.equal((await imageNamed(visitor, 'five.png')).caption, 'sent from another page');
}
