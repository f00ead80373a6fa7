// Crops and captions, by mouse, by touch and by keyboard.

import assert from 'node:assert/strict';

async function newest(visitor) {
  const id = new URL(visitor.page.url()).pathname.split('/')[2];
  return visitor.server.call(`/datasets/${id}/versions/latest`);
}

export async function imageNamed(visitor, name) {
  const { images } = await newest(visitor);
  return images.find((image) => image.file_name === name);
}

/** Waits until the server has it. */
export async function until(visitor, name, isDone) {
  for (let tries = 0; tries < 60; tries++) {
    const image = await imageNamed(visitor, name);
    if (isDone(image)) return image;
    await visitor.page.waitForTimeout(50);
  }
  throw new Error(`${name} is ${JSON.stringify(await imageNamed(visitor, name))}`);
}

/** Where something is, once it stays there. */
export async function settledBox(locator) {
  let last = await locator.boundingBox();
  for (;;) {
    await locator.page().waitForTimeout(60);
    const now = await locator.boundingBox();
    if (JSON.stringify(now) === JSON.stringify(last)) return now;
    last = now;
  }
}

/** Back in the grid, with the keyboard at the picture that was open. */
export async function closed(page) {
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.waitForFunction(() => document.activeElement?.matches('[data-at]'));
}

export async function cropIsDragged(visitor) {
  const { page } = visitor;
  await page.getByRole('link', { name: /^wide\.png/ }).click();
  const crop = page.getByRole('button', { name: 'Crop of wide.png' });
  const before = await settledBox(crop);
  await page.mouse.move(before.x + before.width / 2, before.y + before.height / 2);
  await page.mouse.down();
  await page.mouse.move(before.x + before.width / 2 + 60, before.y + before.height / 2, { steps: 6 });
  await page.mouse.up();
  const moved = await settledBox(crop);
  assert.ok(Math.abs(moved.x - before.x - 60) < 4, `the crop follows the mouse: ${before.x} to ${moved.x}`);
  // A corner: the opposite one stays, and it stays a square.
  await page.mouse.move(moved.x + moved.width - 4, moved.y + moved.height - 4);
  await page.mouse.down();
  await page.mouse.move(moved.x + moved.width - 120, moved.y + moved.height - 60, { steps: 6 });
  await page.mouse.up();
  const smaller = await settledBox(crop);
  assert.ok(Math.abs(smaller.width - smaller.height) < 0.6, 'it is a square');
  assert.ok(smaller.width < moved.width - 40, 'it is smaller');
  assert.ok(Math.abs(smaller.x - moved.x) < 1.1, 'its other corner stayed');
  await page.getByText('Saved when you go on.').waitFor();
  await visitor.shoot('crop-dragged');
  await closed(page);
  const image = await until(visitor, 'wide.png', ({ crop }) => crop !== null);
  assert.ok(image.crop.side < 360 && image.crop.left + image.crop.side <= 640);
}

export async function cropIsMovedByKeys(visitor) {
  const { page } = visitor;
  const link = page.getByRole('link', { name: /^tall\.png/ });
  await link.focus();
  await page.keyboard.press('Enter');
  const crop = page.getByRole('button', { name: 'Crop of tall.png' });
  await crop.focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Shift+ArrowUp');
  await page.keyboard.press('-');
  await page.keyboard.press('-');
  await page.keyboard.press('ArrowRight');
  const side = Number(await page.getByLabel('Side').inputValue());
  assert.equal(side, 288);
  // Undo takes one step back, and exact numbers can be typed.
  await page.keyboard.press('Control+z');
  await page.getByLabel('Top').fill('200');
  await page.getByLabel('Top').press('Enter');
  assert.equal(await page.getByLabel('Top').inputValue(), '200');
  await page.keyboard.press('PageDown');
  await page.getByRole('dialog', { name: /square\.png/ }).waitFor();
  const image = await until(visitor, 'tall.png', (image) => image.crop?.top === 200);
  assert.equal(image.crop.side, 288);
  await closed(page);
  await page.waitForFunction(() => document.activeElement?.textContent?.trim().startsWith('square.png'));
}

export async function captionsAreTyped(visitor) {
  const { page } = visitor;
  await page.getByRole('link', { name: /^tall\.png/ }).click();
  const caption = page.getByRole('textbox', { name: 'Caption' });
  await page.waitForFunction(() => document.activeElement?.matches('textarea'));
  await page.keyboard.type('a tall lamp, at night');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: /square\.png/ }).waitFor();
  await page.waitForFunction(() => document.activeElement?.matches('textarea'));
  await page.keyboard.type('a square lamp');
  await page.getByRole('button', { name: 'Insert BrassObjV1' }).click();
  assert.equal(await caption.inputValue(), 'BrassObjV1, a square lamp');
  await caption.press('Shift+Enter');
  await page.getByRole('dialog', { name: /tall\.png/ }).waitFor();
  assert.equal(await caption.inputValue(), 'a tall lamp, at night');
  await until(visitor, 'square.png', (image) => image.caption === 'BrassObjV1, a square lamp');
  // What was saved can be taken back.
  await page.getByRole('status').getByText('“square.png” is saved.').waitFor();
  // It does not vanish while the focus is in it.
  await page.getByRole('button', { name: 'Undo' }).last().focus();
  await page.waitForTimeout(7500);
  await page.getByRole('button', { name: 'Undo' }).last().press('Enter');
  await until(visitor, 'square.png', (image) => image.caption !== 'BrassObjV1, a square lamp');
  await closed(page);
}

export async function captionsChangeTogether(visitor) {
  const { page } = visitor;
  await page.getByRole('link', { name: /^wide\.png/ }).focus();
  await page.keyboard.press('Control+a');
  await page.getByText('5 pictures selected').waitFor();
  await page.getByRole('button', { name: 'Captions' }).click();
  await page.getByLabel('Words that come').fill('studio light');
  await page.getByText('5 captions of 5 will change').waitFor();
  await visitor.accessible('the dialog for captions');
  await visitor.shoot('captions-dialog');
  await page.getByRole('button', { name: 'Change 5 captions' }).click();
  await until(visitor, 'wide.png', (image) => image.caption === 'a lamp on a table, studio light');
  await page.getByRole('button', { name: 'Trigger word' }).click();
  await until(
    visitor,
    'wide.png',
    (image) => image.caption === 'BrassObjV1, a lamp on a table, studio light',
  );
  await page.getByRole('button', { name: 'Captions' }).click();
  await page.getByText('Replace', { exact: true }).click();
  await page.getByLabel('Words that go').fill('lamp');
  await page.getByLabel('Words that come').fill('lantern');
  await page.getByRole('button', { name: /^Change \d captions/ }).click();
  await until(
    visitor,
    'wide.png',
    (image) => image.caption === 'BrassObjV1, a lantern on a table, studio light',
  );
  await page.keyboard.press('Escape');
}

export async function picturesAreRemoved(visitor) {
  const { page } = visitor;
  await page.getByRole('button', { name: 'Select none' }).click();
  await page.getByRole('link', { name: /^wide\.png/ }).focus();
  await page.keyboard.press(' ');
  await page.getByText('1 picture selected').waitFor();
  await page.keyboard.press('Delete');
  await page.getByRole('heading', { name: 'Remove 1 picture?' }).waitFor();
  await page.getByRole('button', { name: 'Remove', exact: true }).last().click();
  await page.getByText('1 picture removed.').waitFor();
  assert.equal(await imageNamed(visitor, 'wide.png'), undefined);
  await page.waitForFunction(() => document.activeElement?.matches('[data-at]'));
  // It comes back with its caption and its crop.
  await page.getByRole('button', { name: 'Put back' }).click();
  const image = await until(visitor, 'wide.png', (image) => image !== undefined);
  assert.equal(image.caption, 'BrassObjV1, a lantern on a table, studio light');
  assert.ok(image.crop !== null);
  await page.getByRole('button', { name: /^Dismiss 1 picture/ }).click();
}

export async function versionsAreCompared(visitor) {
  const { page } = visitor;
  await page.getByRole('link', { name: /^Versions/ }).click();
  const list = page.getByRole('list', { name: 'Versions' });
  await list.getByRole('listitem').first().waitFor();
  // Captions that were changed one after the other are one row, until each is wanted.
  const grouped = await list.getByRole('listitem').count();
  await visitor.accessible('grouped versions');
  await visitor.shoot('versions-grouped');
  await list
    .getByRole('button', { name: /^Show each/ })
    .first()
    .click();
  assert.ok((await list.getByRole('listitem').count()) > grouped);
  const each = list.getByRole('button', { name: /^Show each/ });
  while ((await each.count()) > 0) await each.first().click();
  const versions = await list.getByRole('listitem').count();
  assert.ok(versions >= 8, `${versions} versions`);
  await page.getByLabel('Compared with').selectOption('3');
  await page.getByText('with other captions or crops').waitFor();
  assert.match(page.url(), /from=3/);
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: `Download version ${versions} as a zip` }).click();
  assert.match((await download).suggestedFilename(), /\.zip$/);
  await list.getByRole('link', { name: /^Version 1 created/ }).click();
  await page.getByText('The first version is the empty dataset.').waitFor();
  await page.getByRole('link', { name: /^Pictures/ }).click();
  await page.getByRole('grid').waitFor();
}
