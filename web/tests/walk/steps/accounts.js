// A studio that asks who is there: the door, accounts and tokens, what is shared with whom, and a session that ends.

import assert from 'node:assert/strict';
import { adapter } from '../files.js';

export const OWNER = {
  name: 'Mira of the studio above the harbour by the long pier',
  password: 'a long way to the sea',
};
const LOOKER = { name: 'Client office', password: 'only looking around' };
const NAME = 'Shared blobs';

async function logIn(page, { name, password }) {
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
}

const notice = (page, words) => page.getByRole('status').getByText(words).waitFor();

export async function doorKeepsTheAddress(visitor) {
  const { page } = visitor;
  await visitor.go('/settings/accounts');
  await page.getByRole('heading', { level: 1, name: 'Log in' }).waitFor();
  await visitor.accessible('the door');
  await visitor.shoot('door');
  await logIn(page, { ...OWNER, password: 'not the one' });
  await page.getByRole('alert').waitFor();
  await logIn(page, OWNER);
  await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
  assert.ok(page.url().endsWith('/settings/accounts'));
  // The browser says of itself that the wrong password was answered with 401.
  visitor.complaints = visitor.complaints.filter((line) => !line.includes('401'));
}

export async function accountIsMade(visitor) {
  const { page } = visitor;
  await page.getByLabel('Name', { exact: true }).fill(LOOKER.name);
  await page.getByLabel('First password').fill(LOOKER.password);
  await page.getByRole('radio', { name: /^Viewer/ }).check({ force: true });
  await page.getByRole('button', { name: 'Make the account' }).click();
  await notice(page, `${LOOKER.name} can log in now.`);
  await page.getByRole('combobox', { name: `Role of ${LOOKER.name}` }).waitFor();
  await visitor.accessible('accounts');
  await visitor.shoot('accounts');
}

export async function tokenIsShownOnce(visitor) {
  const { page } = visitor;
  await page.getByRole('link', { name: 'API tokens' }).click();
  await page.getByLabel('What it is for').fill('Render farm');
  await page.getByRole('button', { name: 'Make the token' }).click();
  const token = await page.getByText(/^atl_/).textContent();
  await visitor.accessible('a token');
  await visitor.shoot('token');
  const asked = await fetch(`${visitor.server.api}/api/v1/models`, {
    headers: { Authorization: `Bearer ${token.trim()}` },
  });
  assert.equal(asked.status, 200);
  await page.getByRole('button', { name: 'I have it' }).click();
  await page.getByRole('button', { name: 'Revoke Render farm' }).click();
  await page.getByRole('button', { name: 'Revoke', exact: true }).last().click();
  await notice(page, '“Render farm” lets nobody in any more.');
  assert.equal(await page.getByText(/^atl_/).count(), 0);
}

export async function endedSessionKeepsWords(visitor) {
  const { page } = visitor;
  await visitor.go('/datasets/new');
  await page.getByLabel('Name', { exact: true }).fill(NAME);
  await visitor.context.clearCookies();
  await page.getByRole('button', { name: 'Create and add pictures' }).click();
  const dialog = page.getByRole('dialog', { name: 'Log in again' });
  await dialog.waitFor();
  await visitor.accessible('a session that ended');
  // It has to be answered: browsers ask only once whether they may close it.
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await dialog.getByLabel('Password', { exact: true }).fill(OWNER.password);
  await page.keyboard.press('Enter');
  // What was pressed before goes on by itself.
  await page.getByRole('heading', { level: 1, name: NAME }).waitFor();
  visitor.complaints = visitor.complaints.filter((line) => !line.includes('401'));
}

export async function datasetIsShared(visitor) {
  const { page } = visitor;
  await page.getByRole('radio', { name: 'Shared with the studio' }).check({ force: true });
  await page.reload();
  await page.getByRole('radio', { name: 'Shared with the studio', checked: true }).waitFor();
  await visitor.accessible('a shared dataset');
  await visitor.shoot('shared');
}

export async function deedsAreNoted(visitor) {
  await visitor.go('/settings/audit');
  await visitor.page.getByText('Added the account').first().waitFor();
  await visitor.accessible('the audit log');
  await visitor.shoot('audit');
}

export async function viewerChangesNothing(visitor) {
  const { page } = visitor;
  await visitor.go('/datasets');
  await logIn(page, LOOKER);
  await page.getByText(/^Your role is viewer/).waitFor();
  await page.getByText(`By ${OWNER.name}`).waitFor();
  await visitor.noSideways('the datasets of others');
  assert.ok(await page.getByRole('button', { name: 'New dataset' }).isDisabled());
  await page.getByRole('link', { name: NAME }).click();
  await page.getByText(`Shared by ${OWNER.name}`).waitFor();
  assert.equal(await page.getByRole('button', { name: /Add pictures|Edit details/ }).count(), 0);
  await visitor.accessible('what a viewer sees');
  await visitor.noSideways('what a viewer sees');
  await visitor.shoot('viewer');
}

export async function viewerLogsOut({ page }) {
  await page.goto(new URL('/settings/account', page.url()).href);
  await page.getByRole('main').getByRole('button', { name: 'Log out' }).click();
  await page.getByRole('heading', { level: 1, name: 'Log in' }).waitFor();
}

/** It ends elsewhere, as in another tab: the page that is open hears of it by itself. */
export async function endedSessionIsSaidAtOnce(visitor) {
  const { page } = visitor;
  await visitor.go('/runs');
  await page.evaluate(async () => {
    const { csrf_token } = await (await fetch('/api/v1/session')).json();
    await fetch('/api/v1/session', { method: 'DELETE', headers: { 'x-csrf-token': csrf_token } });
  });
  const dialog = page.getByRole('dialog', { name: 'Log in again' });
  await dialog.waitFor({ timeout: 5000 });
  await dialog.getByText('the page below shows how things were then').waitFor();
  await dialog.getByLabel('Password', { exact: true }).fill(OWNER.password);
  await page.keyboard.press('Enter');
  await dialog.waitFor({ state: 'detached' });
  visitor.complaints = visitor.complaints.filter((line) => !line.includes('401'));
}

/** Set and logged out at once, while the studio answers slowly. */
export async function strengthOutlastsTheLogout(visitor) {
  const { page } = visitor;
  await visitor.go('/models');
  await page.getByRole('button', { name: 'Import' }).click();
  const importing = page.getByRole('dialog', { name: 'Import a model' });
  const lamp = { name: 'lamp.safetensors', mimeType: 'application/octet-stream', buffer: adapter('LampV9') };
  await importing.getByLabel('File', { exact: true }).setInputFiles(lamp);
  await importing.getByRole('button', { name: 'Import' }).click();
  await page.getByRole('heading', { level: 1, name: 'lamp' }).waitFor();
  const model = new URL(page.url()).pathname;
  await page.route(
    (url) => url.pathname === `/api/v1${model}`,
    async (route) => {
      await page.waitForTimeout(800);
      await route.continue();
    },
  );
  const slider = page.getByRole('slider', { name: 'Strength' });
  const before = await slider.inputValue();
  await slider.focus();
  await page.keyboard.press('ArrowRight');
  const set = await slider.inputValue();
  assert.notEqual(set, before);
  const rooms = page.getByRole('navigation', { name: 'Rooms' });
  await rooms.getByRole('button', { name: 'Log out' }).click();
  await page.getByRole('heading', { level: 1, name: 'Log in' }).waitFor();
  await page.goto(visitor.address + model);
  await logIn(page, OWNER);
  await page.getByRole('heading', { level: 1, name: 'lamp' }).waitFor();
  assert.equal(await slider.inputValue(), set);
}
