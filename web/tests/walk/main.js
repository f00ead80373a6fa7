// Walks through the pages in a real Chromium, against the real server. `ATELIER_PROGRAM` is the program, and with
// `ATELIER_SHOTS=FOLDER` what was seen is kept there.

import assert from 'node:assert/strict';
import { launch, Visitor } from './browser.js';
import { lookAtAll } from './pages.js';
import { Server } from './server.js';
import * as conditions from './steps_conditions.js';
import * as datasets from './steps_datasets.js';
import * as pictures from './steps_pictures.js';
import * as drawing from './steps_drawing.js';
import * as safety from './steps_safety.js';
import * as training from './steps_training.js';

const WALK = [
  datasets.emptyLibraryTeaches,
  datasets.datasetIsCreated,
  datasets.picturesAreUploaded,
  datasets.archiveIsDropped,
  datasets.detailsAreChanged,
  pictures.cropIsDragged,
  pictures.cropIsMovedByKeys,
  pictures.captionsAreTyped,
  pictures.captionsChangeTogether,
  pictures.picturesAreRemoved,
  pictures.versionsAreCompared,
  safety.typedWordsSurviveReload,
  safety.typedNumbersSurviveEscape,
  safety.removedPictureKeepsItsWords,
  safety.othersAreNotOverwritten,
  safety.refusedWordsStay,
];

const STUDIO = [
  training.trainingIsPlanned,
  training.trainingOutlastsTheServer,
  training.modelIsTuned,
  drawing.picturesAreDrawn,
  drawing.settingsAreRestored,
  drawing.pictureIsDeletedAndBack,
  drawing.pictureGoesIntoDataset,
  drawing.runsAreCompared,
  drawing.modelIsImported,
];

const server = await Server.start();
const browser = await launch();

async function step(name, work) {
  const start = performance.now();
  const result = await work();
  console.log(`ok  ${name}  ${Math.round(performance.now() - start)} ms`, result ?? '');
  return result;
}

async function visit(options, work) {
  const visitor = await Visitor.open(browser, server.address, options);
  visitor.server = server;
  try {
    await work(visitor);
    assert.deepEqual(visitor.complaints, [], 'the browser complains');
    assert.deepEqual([...visitor.hosts], [new URL(server.address).host], 'nothing is asked of other hosts');
  } catch (error) {
    await visitor.shoot('failed');
    throw error;
  } finally {
    await visitor.close();
  }
}

let failure;
try {
  await visit({}, async (visitor) => {
    await visitor.go('/');
    await visitor.shoot('first-visit');
    await visitor.accessible('the first visit');
    for (const work of WALK) await step(work.name, () => work(visitor));
    await step('changesOutlastThePage', () => safety.changesOutlastThePage(visitor));
    await step('lostConnectionRecovers', () => conditions.lostConnectionRecovers(visitor));
    await step('trashGivesBack', () => datasets.trashGivesBack(visitor));
  });
  const { datasets: all } = await server.call('/datasets');
  const id = all[0].id;
  await visit({}, async (visitor) => {
    await visitor.go(`/datasets/${id}`);
    for (const work of STUDIO) await step(work.name, () => work(visitor));
  });
  await visit({ size: 'phone' }, async (visitor) => {
    await visitor.go(`/datasets/${id}`);
    await step('cropIsTouched', () => conditions.cropIsTouched(visitor));
  });
  await visit({}, (visitor) => step('keyboardAloneWorks', () => conditions.keyboardAloneWorks(visitor)));
  const many = await step('manyPicturesAreThere', () => conditions.manyPicturesAreThere(server));
  await visit({}, (visitor) =>
    step('thousandsScrollSmoothly', () => conditions.thousandsScrollSmoothly(visitor, many)),
  );
  const { images } = await server.call(`/datasets/${id}/versions/latest`);
  const { runs } = await server.call('/runs');
  const { models } = await server.call('/models');
  const made = { runs: runs.map((run) => run.id), model: models.at(-1).id };
  for (const size of ['wide', 'phone']) {
    for (const theme of ['light', 'dark']) {
      await visit({ size, theme }, (visitor) =>
        step(`pages, ${size}, ${theme}`, () =>
          lookAtAll(visitor, `${size}-${theme}`, { dataset: id, image: images[0].id, ...made }),
        ),
      );
    }
  }
} catch (error) {
  failure = error;
}
await browser.close();
await server.stop();
if (failure) {
  console.error(failure);
  process.exit(1);
}
