// From a dataset to a model: the plan, the start, a server that dies in mid-training, the sheet of epochs and strengths.

import assert from 'node:assert/strict';
import { isExample } from '../server.js';

/** Longer than trainings and drawings of the walk take, also those of the real program. */
export const LONG = { timeout: Number(process.env.ATELIER_LONG ?? 240_000) };

export const EPOCHS = '80';
const PREVIEWED = '40';
/** The greatest one, which numbers of browsers do not have. */
export const SEED = '18446744073709551615';
/** As many steps are done when the server dies. */
const DONE = 20;

export async function trainingIsPlanned(visitor) {
  const { page } = visitor;
  await page.getByRole('link', { name: 'Train', exact: true }).last().click();
  await page.getByRole('heading', { level: 1, name: 'Train' }).waitFor();
  const panel = page.getByRole('region', { name: 'What it will be' });
  await panel.getByText(/^\d+ steps$/).waitFor();
  // The word is judged as it is typed, and without one nothing can be started.
  const word = page.getByLabel('Trigger word');
  await word.fill('');
  await panel.getByText('Give a trigger word').waitFor();
  assert.ok(await page.getByRole('button', { name: 'Start training' }).isDisabled());
  await page.getByRole('button', { name: 'Take BrassObjV1' }).click();
  await page
    .locator(`#${await word.getAttribute('aria-describedby')} p.good, .help p`)
    .first()
    .waitFor();
  // The strength decides what is not given, and what is written counts at once.
  await page.getByText('High', { exact: true }).click();
  await page.getByText('Expert', { exact: true }).click();
  await page.getByLabel('Rank', { exact: true }).fill('0');
  await panel.getByText('Mend the setting marked in red first.').waitFor();
  await page.getByLabel('Rank', { exact: true }).fill('4');
  const seed = page.getByLabel('Seed', { exact: true });
  await seed.fill('18446744073709551616');
  await panel.getByText('Mend the setting marked in red first.').waitFor();
  await seed.fill(SEED);
  await page.getByLabel('Epochs between previews').fill(PREVIEWED);
  await page.getByLabel('Preview steps').fill('4');
  await page.getByLabel('Epochs', { exact: true }).fill(EPOCHS);
  await panel.getByText(`${EPOCHS} epochs`).waitFor();
  await visitor.accessible('the form for training');
  await visitor.noSideways('the form for training');
  await visitor.shoot('train-form');
}

export async function trainingOutlastsTheServer(visitor) {
  const { page, server } = visitor;
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByRole('progressbar', { name: /^Progress of/ }).waitFor();
  await page.waitForFunction(stepsAreDone, DONE, LONG);
  await visitor.shoot('run-training');
  await server.kill();
  const lost = page.getByText('The studio does not answer.', { exact: true });
  await lost.waitFor();
  // What is pressed now is not done, and the page says so.
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByText('The studio does not answer, so that it is not known').waitFor();
  await visitor.shoot('run-lost');
  await server.run();
  await lost.waitFor({ state: 'detached' });
  await page.getByText('It is back: look, before you press again.').waitFor();
  // It goes on by itself, and so does the page.
  await page.getByRole('button', { name: 'Pause' }).waitFor(LONG);
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByText('Paused', { exact: true }).waitFor(LONG);
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.getByText('Completed', { exact: true }).waitFor(LONG);
  await page.getByRole('img', { name: /^Loss over steps. The loss/ }).waitFor();
  await page.getByText('As a table').click();
  await page.getByRole('cell').first().waitFor();
  await visitor.accessible('a run');
  await visitor.shoot('run-completed');
  visitor.complaints = visitor.complaints.filter(
    (line) => !/ERR_|Failed to load resource|50[0-9]/.test(line),
  );
}

/** What was learned by then, drawn after two epochs: each can be enlarged, and from there one walks to the others. */
export async function previewsAreLookedAt(visitor) {
  const { page } = visitor;
  const strip = page.getByRole('region', { name: 'Previews by epoch' });
  await strip
    .getByRole('button', { name: `Enlarge Epoch ${PREVIEWED}` })
    .first()
    .click();
  const dialog = page.getByRole('dialog');
  const title = (epoch) => dialog.getByRole('heading', { name: `Epoch ${epoch}`, exact: true });
  await title(PREVIEWED).waitFor();
  await dialog.getByRole('button', { name: 'The epoch after' }).click();
  await title(EPOCHS).waitFor();
  await visitor.settled();
  await visitor.accessible('a preview');
  await visitor.noSideways('a preview');
  await visitor.shoot('preview');
  await page.keyboard.press('ArrowLeft');
  await title(PREVIEWED).waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
}

/** Runs in the page: whether it says that so many steps are done. */
function stepsAreDone(least) {
  const label = [...document.querySelectorAll('dt')].find(({ textContent }) => textContent === 'Steps');
  return parseInt(label?.nextElementSibling?.textContent ?? '', 10) >= least;
}

export async function modelIsTuned(visitor) {
  const { page } = visitor;
  await page.getByRole('link', { name: 'To its model' }).click();
  const slider = page.getByRole('slider', { name: 'Strength' });
  await slider.focus();
  await page.keyboard.press('ArrowRight');
  await page.getByText('Strength 0.85 is saved.').waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.waitForFunction(() => document.querySelector('[type=range]')?.value === '0.8');
  await page.getByRole('button', { name: 'Verify' }).click();
  // What pretends to train writes no adapter that could prove anything.
  await page.getByText(isExample ? /^Nothing speaks against it/ : /^Proved/).waitFor(LONG);
  // The sheet: the same prompt and seed over epochs and strengths.
  await page.getByLabel('Steps', { exact: true }).fill('4');
  await page.getByLabel('Steps', { exact: true }).press('Tab');
  await page.getByRole('button', { name: /^Draw \d+ pictures$/ }).click();
  const cells = page.getByRole('button', { name: /^Epoch \d+ at 0.5/ });
  await cells.first().waitFor(LONG);
  const [epoch] = /\d+/.exec(await cells.first().getAttribute('aria-label'));
  await cells.first().click();
  await page.getByText(`Epoch ${epoch} at 0.5 is what`).waitFor();
  assert.equal(await page.getByLabel('Epoch', { exact: true }).inputValue(), epoch);
  await page.getByRole('button', { name: 'All are drawn' }).waitFor(LONG);
  await visitor.settled();
  await visitor.accessible('a model');
  await visitor.noSideways('a model');
  await visitor.shoot('model-sheet');
}
