// The ways through the studio, each on a library of its own.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { lookAtAll } from './pages.js';
import { newHome, runCommand, Server } from './server.js';
import * as accounts from './steps/accounts.js';
import * as conditions from './steps/conditions.js';
import * as datasets from './steps/datasets.js';
import * as drawing from './steps/drawing.js';
import * as hostile from './steps/hostile.js';
import * as kept from './steps/kept.js';
import * as keyboard from './steps/keyboard.js';
import * as library from './steps/library.js';
import * as pictures from './steps/pictures.js';
import * as queue from './steps/queue.js';
import * as quickstart from './steps/quickstart.js';
import * as safety from './steps/safety.js';
import * as slow from './steps/slow.js';
import * as training from './steps/training.js';

const PICTURES = [
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
  safety.changesOutlastThePage,
  conditions.lostConnectionRecovers,
  datasets.trashGivesBack,
  datasets.takenNameIsGivenBack,
  datasets.takenNameIsRefused,
  slow.slowSaveIsSentOnce,
];

const STUDIO = [
  training.trainingIsPlanned,
  kept.trainingFormIsKept,
  training.trainingOutlastsTheServer,
  training.previewsAreLookedAt,
  training.modelIsTuned,
  drawing.picturesAreDrawn,
  drawing.settingsAreRestored,
  kept.promptIsKept,
  drawing.pictureIsDeletedAndBack,
  drawing.picturesAreDrawnOver,
  slow.slowPagesSayThatTheyWait,
  slow.slowDrawingIsSentOnce,
  queue.longQueueIsShownAndCancelled,
  drawing.pictureGoesIntoDataset,
  drawing.runsAreCompared,
  kept.comparedPromptsAreKept,
  drawing.modelIsImported,
];

const KEYS = [
  keyboard.datasetIsMadeByKeys,
  keyboard.captionsAreWrittenByKeys,
  keyboard.trainingIsStartedByKeys,
  keyboard.pictureIsDrawnByKeys,
  keyboard.modelIsTunedByKeys,
  keyboard.settingsAreChangedByKeys,
  keyboard.runsAreComparedByKeys,
];

const PEOPLE = [
  accounts.doorKeepsTheAddress,
  accounts.accountIsMade,
  accounts.tokenIsShownOnce,
  accounts.endedSessionKeepsWords,
  accounts.datasetIsShared,
  accounts.deedsAreNoted,
  accounts.endedSessionIsSaidAtOnce,
  accounts.strengthOutlastsTheLogout,
];

const QUICKSTART = [
  quickstart.libraryIsThere,
  quickstart.runIsThere,
  quickstart.modelIsThere,
  quickstart.modelDraws,
];

/** From nothing to pictures by mouse and touch, with all that goes wrong on the way; then every page, looked at. */
async function studio({ step, visit, server }) {
  await visit({}, async (visitor) => {
    await visitor.go('/');
    await visitor.shoot('first-visit');
    await visitor.accessible('the first visit');
    for (const work of PICTURES) await step(work.name, () => work(visitor));
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
  await everyPage({ step, visit, server }, { dataset: id, image: images[0].id });
}

async function everyPage({ step, visit, server }, shown) {
  const { runs } = await server.call('/runs');
  const { models } = await server.call('/models');
  const made = { ...shown, runs: runs.map((run) => run.id), model: models.at(-1).id };
  for (const size of ['wide', 'phone']) {
    for (const theme of ['light', 'dark']) {
      await visit({ size, theme }, (visitor) =>
        step(`pages, ${size}, ${theme}`, () => lookAtAll(visitor, `${size}-${theme}`, made)),
      );
    }
  }
}

/** The same without a mouse. */
async function keys({ step, visit }) {
  await visit({}, async (visitor) => {
    for (const work of KEYS) await step(work.name, () => work(visitor));
  });
}

/** What is written to break out of the pages, and other sites. */
async function enemies({ step, visit, server, browser }) {
  await step('otherSitesAreKeptOut', () => hostile.otherSitesAreKeptOut(browser, server));
  const made = await step('hostileWordsAreKept', () => hostile.hostileWordsAreKept({ server }));
  for (const size of ['wide', 'phone']) {
    await visit({ size }, (visitor) =>
      step(`hostileWordsAreOnlyShown, ${size}`, () => hostile.hostileWordsAreOnlyShown(visitor, made)),
    );
  }
}

/** A library that `atelier quickstart` filled. */
async function sample({ step, visit }) {
  await visit({ size: 'page' }, async (visitor) => {
    for (const work of QUICKSTART) await step(work.name, () => work(visitor));
  });
}

sample.start = async () => {
  const home = await newHome();
  const made = join(home, 'quickstart');
  await runCommand(home, ['quickstart', '--out', made]);
  await rm(made, { recursive: true });
  return Server.start({ home });
};

/** A studio where people log in: an owner, and somebody who only looks. */
async function people({ step, visit }) {
  await visit({}, async (visitor) => {
    for (const work of PEOPLE) await step(work.name, () => work(visitor));
  });
  for (const size of ['wide', 'phone']) {
    await visit({ size }, async (visitor) => {
      await step(`viewerChangesNothing, ${size}`, () => accounts.viewerChangesNothing(visitor));
      await step(`viewerLogsOut, ${size}`, () => accounts.viewerLogsOut(visitor));
    });
  }
}

people.start = async () => {
  const home = await newHome();
  const { name, password } = accounts.OWNER;
  await runCommand(home, ['user', 'add', name, '--role', 'owner', '--password-stdin'], password);
  return Server.start({ home, flags: ['--require-login'] });
};

/** The library in the folder ATELIER_LIBRARY, which is measured and kept. */
async function large({ step, visit }) {
  await visit({}, async (visitor) => {
    await step('libraryOpens', () => library.libraryOpens(visitor));
    await step('datasetScrolls', () => library.datasetScrolls(visitor));
  });
}

large.start = () => {
  const home = process.env.ATELIER_LIBRARY;
  if (!home) throw new Error('ATELIER_LIBRARY names no library');
  return Server.start({ home, isKept: true });
};

export const SCENARIOS = { studio, keys, enemies, people, sample, large };
