// A phone, a lost connection, thousands of pictures, the keyboard alone.

import assert from 'node:assert/strict';
import { png } from '../files.js';
import { imageNamed, settledBox } from './pictures.js';

export async function cropIsTouched(visitor) {
  const { page } = visitor;
  await page.getByRole('link', { name: /^five\.png/ }).tap();
  const crop = page.getByRole('button', { name: 'Crop of five.png' });
  const before = await settledBox(crop);
  const client = await visitor.context.newCDPSession(page);
  const touch = (type, x, y) =>
    client.send('Input.dispatchTouchEvent', { type, touchPoints: type === 'touchEnd' ? [] : [{ x, y }] });
  const [x, y] = [before.x + before.width / 2, before.y + before.height / 2];
  await touch('touchStart', x, y);
  for (let by = 2; by <= 20; by += 2) await touch('touchMove', x, y + by);
  await touch('touchEnd');
  const after = await settledBox(crop);
  assert.ok(after.y > before.y + 10, `the crop follows the finger: ${before.y} to ${after.y}`);
  await page.getByRole('button', { name: 'Back to the pictures' }).tap();
  await page.waitForTimeout(300);
  assert.ok((await imageNamed(visitor, 'five.png')).crop.top > 22);
  // Messages stand above the bar for what is chosen, and that above the way between the rooms.
  await page.getByRole('checkbox', { name: 'Select five.png' }).tap();
  await page.getByText('1 picture selected').waitFor();
  const bar = await page.getByRole('toolbar', { name: 'Selected pictures' }).boundingBox();
  const rooms = await page.getByRole('navigation', { name: 'Rooms' }).boundingBox();
  assert.ok(bar.y + bar.height < rooms.y, 'the bar for what is chosen is covered');
  await visitor.accessible('the chosen pictures');
  await visitor.noSideways('the chosen pictures');
  await visitor.shoot('chosen-phone');
}

export async function lostConnectionRecovers(visitor) {
  const { page, server } = visitor;
  await page.getByRole('link', { name: /^four\.png/ }).click();
  await server.kill();
  const caption = page.getByRole('textbox', { name: 'Caption' });
  await caption.fill('written while nobody listened');
  await page.keyboard.press('Escape');
  await page.getByText('The studio does not answer.').waitFor();
  await page.getByText('is kept here and sent when it is back').waitFor();
  await visitor.shoot('connection-lost');
  await server.run();
  await page.getByText('The studio does not answer.').waitFor({ state: 'detached' });
  await page.getByText('written while nobody listened').waitFor();
  assert.equal((await imageNamed(visitor, 'four.png')).caption, 'written while nobody listened');
  // Changes that others make show without loading the page.
  const id = new URL(page.url()).pathname.split('/')[2];
  const { id: image } = await imageNamed(visitor, 'four.png');
  await server.call(`/datasets/${id}/edits`, {
    edits: [{ set_caption: { image, caption: 'from the terminal' } }],
  });
  await page.getByText('from the terminal').waitFor();
  visitor.complaints = visitor.complaints.filter(
    (line) => !/ERR_|Failed to load resource|50[0-9]/.test(line),
  );
}

const MANY = 3000;

export async function manyPicturesAreThere(server) {
  const { id } = await server.call('/datasets', { name: 'Thousands', category: 'style' });
  const body = new FormData();
  for (let at = 0; at < MANY; at++) {
    const name = `picture-${String(at).padStart(4, '0')}`;
    body.append('files', new Blob([png(24 + (at % 60), 24 + Math.floor(at / 60), at % 251)]), `${name}.png`);
  }
  const answer = await server.call(`/datasets/${id}/images`, body);
  assert.equal(answer.added, MANY);
  return id;
}

export async function thousandsScrollSmoothly(visitor, id) {
  const { page } = visitor;
  await visitor.go(`/datasets/${id}`);
  assert.equal(await page.getByRole('grid').getAttribute('aria-rowcount'), String(Math.ceil(MANY / 5)));
  const result = await page.evaluate(async () => {
    const times = [];
    let most = 0;
    let last = performance.now();
    for (let frame = 0; frame < 120; frame++) {
      scrollBy(0, 240);
      await new Promise((next) => requestAnimationFrame(next));
      const now = performance.now();
      times.push(now - last);
      last = now;
      most = Math.max(most, document.querySelectorAll('[role=gridcell]').length);
    }
    times.sort((a, b) => a - b);
    return { median: times[60], late: times[113], most };
  });
  assert.ok(result.most < 80, `${result.most} cells are in the page at once`);
  const cell = page.locator('[data-at="0"]');
  await page.evaluate(() => scrollTo(0, 0));
  await cell.focus();
  await page.keyboard.press('End');
  await page.waitForFunction((last) => document.activeElement?.dataset.at === String(last), MANY - 1);
  await page.keyboard.press('Control+a');
  await page.getByText('3,000 pictures selected').waitFor();
  await page.keyboard.press('Escape');
  return result;
}

export async function keyboardAloneWorks(visitor) {
  const { page } = visitor;
  await visitor.go('/');
  await page.keyboard.press('Tab');
  await page.getByRole('link', { name: 'Skip to content' }).press('Enter');
  const reached = [];
  for (let at = 0; at < 12; at++) {
    await page.keyboard.press('Tab');
    reached.push(await page.evaluate(() => document.activeElement?.textContent?.trim().slice(0, 30)));
  }
  assert.ok(
    reached.some((text) => text?.includes('New dataset')),
    `Tab reaches ${reached}`,
  );
  await page.getByRole('link', { name: 'New dataset' }).press('Enter');
  await page.waitForFunction(() => document.activeElement?.tagName === 'H1');
  await page.goBack();
  await page.getByRole('link', { name: 'Brass lamps' }).press('Enter');
  await page.waitForFunction(() => document.activeElement?.textContent === 'Brass lamps');
}
