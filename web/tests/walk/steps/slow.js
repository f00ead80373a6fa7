// A studio that answers slowly: what was pressed shows that it is being done, and is done once.

import assert from 'node:assert/strict';
import { LONG } from './training.js';

/** Requests of this method that are held back, until they are let go. */
export class HeldBack {
  #routes = [];
  #isLetGo = false;

  static async of(page, method, path) {
    const held = new HeldBack();
    held.page = page;
    held.address = (url) => path.test(url.pathname);
    held.take = (route) => {
      if (held.#isLetGo || route.request().method() !== method) return route.continue();
      held.#routes.push(route);
    };
    await page.route(held.address, held.take);
    return held;
  }

  get count() {
    return this.#routes.length;
  }

  async letGo() {
    this.#isLetGo = true;
    for (const route of this.#routes) await route.continue();
    await this.page.unroute(this.address, this.take);
  }
}

/** Presses again what is being done already, by every way there is; what comes of it would be there a moment later. */
async function pressAgain(page, button, keys) {
  await button.evaluate((pressed) => pressed.click());
  await page.keyboard.press(keys);
  await page.waitForTimeout(200);
}

/** On the page of a dataset. */
export async function slowSaveIsSentOnce({ page }) {
  await page.getByRole('button', { name: 'Edit details' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Description').fill('Photographed at the window, slowly.');
  const held = await HeldBack.of(page, 'PATCH', /^\/api\/v1\/datasets\/[^/]+$/);
  await dialog.getByRole('button', { name: 'Save' }).click();
  const saving = dialog.getByRole('button', { name: 'Saving…', disabled: true });
  await saving.waitFor();
  await dialog.getByLabel('Name', { exact: true }).focus();
  await pressAgain(page, saving, 'Enter');
  assert.equal(held.count, 1);
  await held.letGo();
  await dialog.waitFor({ state: 'detached' });
  await page.getByText('Photographed at the window, slowly.').waitFor();
}

/** On the page for drawing. */
export async function slowDrawingIsSentOnce({ page }) {
  await page.getByRole('textbox', { name: 'Prompt', exact: true }).fill('BrassObjV1 drawn once');
  await page.getByLabel('Pictures', { exact: true }).fill('1');
  const held = await HeldBack.of(page, 'POST', /^\/api\/v1\/drawings$/);
  await page.getByRole('button', { name: 'Draw 1 picture' }).click();
  const sending = page.getByRole('button', { name: 'Sending…', disabled: true });
  await sending.waitFor();
  await pressAgain(page, sending, 'Control+Enter');
  assert.equal(held.count, 1);
  await held.letGo();
  const drawn = page.getByRole('button', { name: /^BrassObjV1 drawn once, seed/ });
  await drawn.first().waitFor(LONG);
  assert.equal(await drawn.count(), 1);
}

/** Goes to other rooms and back. */
export async function slowPagesSayThatTheyWait({ page }) {
  const rooms = page.getByRole('navigation', { name: 'Rooms' });
  for (const [name, path] of [
    ['Runs', /^\/api\/v1\/runs$/],
    ['Finely Tuned Models', /^\/api\/v1\/models$/],
  ]) {
    const held = await HeldBack.of(page, 'GET', path);
    await rooms.getByRole('link', { name, exact: true }).click();
    await page.getByRole('heading', { level: 1, name }).waitFor();
    await page.getByText('Loading…').waitFor();
    await held.letGo();
    await page.getByText('Loading…').waitFor({ state: 'detached' });
  }
  await rooms.getByRole('link', { name: 'Generate', exact: true }).click();
  await page.getByRole('textbox', { name: 'Prompt', exact: true }).waitFor();
}
