// From nothing to a dataset with pictures, by what people do on the pages.

import assert from 'node:assert/strict';
import { dropFile } from '../drop.js';
import { file, png, zip } from '../files.js';

export async function emptyLibraryTeaches({ page }) {
  await page.getByRole('heading', { name: 'Everything starts with pictures' }).waitFor();
  await page.getByRole('link', { name: 'Make the first dataset' }).click();
  await page.getByRole('heading', { level: 1, name: 'New dataset' }).waitFor();
}

export async function datasetIsCreated({ page }) {
  // Without a name nothing is made, and the field says so.
  await page.getByRole('button', { name: 'Create and add pictures' }).click();
  await page.getByText('Give the dataset a name.').waitFor();
  await page.getByLabel('Name', { exact: true }).fill('Brass lamp');
  await page.getByText('Object', { exact: true }).click();
  await page.getByLabel('Trigger word').fill('object');
  await page.locator('p.warning, p.refused').first().waitFor();
  await page.getByLabel('Trigger word').fill('');
  await page.getByRole('button', { name: 'Take BrassObjV1' }).click();
  await page.locator('p.good').first().waitFor();
  await page.getByRole('button', { name: 'Create and add pictures' }).click();
  await page.getByRole('heading', { level: 1, name: 'Brass lamp' }).waitFor();
  await page.getByRole('heading', { name: 'Drop pictures here' }).waitFor();
}

export async function picturesAreUploaded(visitor) {
  const { page } = visitor;
  const files = [
    file('wide.png', png(640, 360, 60)),
    file('wide.txt', Buffer.from('a lamp on a table')),
    file('tall.png', png(300, 520, 150)),
    file('square.png', png(400, 400, 200)),
    file('broken.png', Buffer.from('not a picture at all')),
    file('notes.psd', Buffer.from('8BPS')),
  ];
  await page.locator('input[type=file]').first().setInputFiles(files);
  const uploads = page.getByRole('list', { name: 'Uploads' });
  await uploads.getByText('3 pictures added').waitFor();
  await uploads.getByText('broken.png').waitFor();
  await uploads.getByText('notes.psd').waitFor();
  await uploads.getByText('Not a picture.').waitFor();
  await page.getByRole('gridcell').nth(2).waitFor();
  await page.getByText('a lamp on a table').waitFor();
  await visitor.accessible('uploads');
  await visitor.shoot('uploads');
  await page
    .getByRole('button', { name: /^Dismiss/ })
    .first()
    .click();
}

export async function archiveIsDropped({ page }) {
  const archive = zip([
    { name: 'folder/four.png', buffer: png(256, 256, 20) },
    { name: 'folder/four.txt', buffer: Buffer.from('a lamp in the dark') },
    { name: 'folder/five.png', buffer: png(256, 300, 240) },
  ]);
  await dropFile(page, 'lamps.zip', 'application/zip', archive);
  await page.getByText('2 pictures added').waitFor();
  await page.getByText('a lamp in the dark').waitFor();
  assert.equal(await page.getByRole('gridcell').count(), 5);
  await page
    .getByRole('button', { name: /^Dismiss/ })
    .first()
    .click();
}

export async function detailsAreChanged(visitor) {
  const { page } = visitor;
  await page.getByRole('button', { name: 'Edit details' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name', { exact: true }).fill('Brass lamps');
  await dialog.getByLabel('Description').fill('Photographed at the window.');
  // Neither a press beside it nor Escape loses what is written.
  for (const leave of [() => page.mouse.click(5, 450), () => page.keyboard.press('Escape')]) {
    await leave();
    await dialog.getByRole('button', { name: 'Keep writing' }).click();
  }
  await visitor.accessible('the dialog for details');
  await visitor.shoot('details');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { level: 1, name: 'Brass lamps' }).waitFor();
  await page.getByText('Photographed at the window.').waitFor();
}

export async function trashGivesBack({ page }) {
  await page.getByRole('button', { name: 'Edit details' }).click();
  await page.getByRole('button', { name: 'Delete dataset' }).click();
  await page.getByRole('button', { name: 'Put into the trash' }).click();
  await page.getByText('is in the trash.').waitFor();
  await page.getByRole('link', { name: 'Trash' }).click();
  await page.getByText(/\d+ days left to restore it/).waitFor();
  await page.getByRole('link', { name: 'Brass lamps' }).click();
  await page.getByText('This dataset is in the trash.').waitFor();
  // It can be looked at, and nothing is offered that would fail.
  await page.getByRole('gridcell').first().hover();
  assert.equal(await page.getByRole('checkbox').count(), 0);
  await page.getByRole('gridcell').first().getByRole('link').focus();
  await page.keyboard.press('Control+a');
  assert.equal(await page.getByRole('toolbar', { name: 'Selected pictures' }).count(), 0);
  await page.goBack();
  await page.getByRole('button', { name: 'Restore Brass lamps' }).click();
  await page.getByText('is back.').waitFor();
  await page.getByText('No dataset is in the trash.').waitFor();
  await page.getByRole('button', { name: 'Open' }).click();
  await page.getByRole('heading', { level: 1, name: 'Brass lamps' }).waitFor();
}

/** It is said beside the name, nothing that was written is lost, and cancelling brings back what is stored. */
export async function takenNameIsRefused(visitor) {
  const { page, server } = visitor;
  const other = await server.call('/datasets', { name: 'Lamps of others', category: 'object' });
  const dialog = page.getByRole('dialog', { name: 'Details' });
  const name = dialog.getByLabel('Name', { exact: true });
  const description = dialog.getByLabel('Description');
  const before = await writeTakenName();
  await visitor.accessible('a name that is taken');
  await visitor.shoot('name-taken');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await dialog.waitFor({ state: 'detached' });
  await writeTakenName();
  await name.fill('Brass lamps');
  await page.waitForFunction(() => !document.querySelector('dialog [name=name]').ariaInvalid);
  assert.equal(await description.inputValue(), `${before} Again.`);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByText(`${before} Again.`).waitFor();
  await server.remove(`/datasets/${other.id}`);
  // The browser says of itself that the name was answered with 400.
  visitor.complaints = visitor.complaints.filter((line) => !line.includes('400'));

  /** The description that is stored. */
  async function writeTakenName() {
    await page.getByRole('button', { name: 'Edit details' }).click();
    assert.equal(await name.inputValue(), 'Brass lamps');
    const stored = await description.inputValue();
    await name.fill('LAMPS OF OTHERS');
    await description.fill(`${stored} Again.`);
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.waitForFunction(() => {
      const field = document.querySelector('dialog [name=name]');
      const help = document.getElementById(field.getAttribute('aria-describedby')).textContent;
      return (
        field === document.activeElement && field.ariaInvalid === 'true' && /has this name|already/.test(help)
      );
    });
    return stored;
  }
}

export async function takenNameIsGivenBack(visitor) {
  const { page, server } = visitor;
  await page.getByRole('button', { name: 'Edit details' }).click();
  await page.getByRole('button', { name: 'Delete dataset' }).click();
  await page.getByRole('button', { name: 'Put into the trash' }).click();
  await page.getByText('is in the trash.').waitFor();
  const other = await server.call('/datasets', { name: 'brass lamps', category: 'object' });
  await page.getByRole('link', { name: 'Trash' }).click();
  await page.getByRole('button', { name: 'Restore Brass lamps' }).click();
  await page.getByText('“Brass lamps” is back as “Brass lamps 2”, since another one has its name.').waitFor();
  await visitor.accessible('a dataset whose name was taken');
  await visitor.shoot('restore-taken');
  await server.remove(`/datasets/${other.id}`);
  await page.getByRole('button', { name: 'Open' }).click();
  await page.getByRole('heading', { level: 1, name: 'Brass lamps 2' }).waitFor();
  const id = new URL(page.url()).pathname.split('/').at(-1);
  await server.change(`/datasets/${id}`, { name: 'Brass lamps' });
  await page.reload();
  await page.getByRole('heading', { level: 1, name: 'Brass lamps' }).waitFor();
}
