// Walks through the pages in a real Chromium, against the real server. `ATELIER_PROGRAM` is the program, and with
// `ATELIER_SHOTS=FOLDER` what was seen is kept there. Words are the names of scenarios; without, all are walked.

import assert from 'node:assert/strict';
import { launch, Visitor } from './browser.js';
import { SCENARIOS } from './scenarios.js';
import { isExample, Server } from './server.js';

const named = process.argv.slice(2);
const unknown = named.filter((name) => !(name in SCENARIOS));
if (unknown.length > 0) {
  console.error(`no scenario ${unknown}; there are ${Object.keys(SCENARIOS)}`);
  process.exit(2);
}
const wanted = Object.keys(SCENARIOS).filter((name) =>
  named.length > 0 ? named.includes(name) : isUsual(name),
);

/** The example of the server's crate has no other commands, and nobody has a large library at hand. */
function isUsual(name) {
  return name !== 'large' && !(isExample && ['sample', 'people'].includes(name));
}

async function step(name, work) {
  const start = performance.now();
  const result = await work();
  console.log(`ok  ${name}  ${Math.round(performance.now() - start)} ms`, result ?? '');
  return result;
}

async function visit(browser, server, options, work) {
  const visitor = await Visitor.open(browser, server.address, options);
  visitor.server = server;
  try {
    await work(visitor);
    assert.deepEqual(visitor.complaints, [], 'the browser complains');
    assert.deepEqual([...visitor.hosts], [new URL(server.address).host], 'nothing is asked of other hosts');
  } catch (error) {
    await visitor.shoot('failed').catch((again) => console.error(again.message));
    throw error;
  } finally {
    await visitor.close();
  }
}

async function walk(name) {
  const scenario = SCENARIOS[name];
  console.log(name);
  const server = await (scenario.start ?? Server.start)();
  const browser = await launch();
  try {
    await scenario({
      step,
      browser,
      server,
      visit: (options, work) => visit(browser, server, options, work),
    });
  } finally {
    await browser.close();
    await server.stop();
  }
}

try {
  for (const name of wanted) await walk(name);
} catch (error) {
  console.error(error);
  process.exit(1);
}
