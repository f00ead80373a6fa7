// A real Chromium, and what every step wants of it.

import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SHOTS = process.env.ATELIER_SHOTS;
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  // Whatever is asked of another host fails, and so is noticed.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
];

export const SIZES = {
  wide: { width: 1440, height: 900 },
  phone: { width: 390, height: 844 },
  /** Of the pictures in the documentation. */
  page: { width: 1280, height: 800 },
};

export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });
}

export class Visitor {
  /** What the browser complained about: broken policy, exceptions, failed requests. */
  complaints = [];
  /** The hosts that anything was asked of. */
  hosts = new Set();

  static async open(browser, address, { size = 'wide', theme = 'light', touch = size === 'phone' } = {}) {
    const visitor = new Visitor();
    visitor.address = address;
    visitor.context = await browser.newContext({
      viewport: SIZES[size],
      colorScheme: theme,
      // Colours are looked at, not those on the way between two.
      reducedMotion: 'reduce',
      hasTouch: touch,
      isMobile: touch,
      deviceScaleFactor: { wide: 1, phone: 2, page: 1.5 }[size],
      acceptDownloads: true,
    });
    visitor.page = await visitor.context.newPage();
    visitor.page.setDefaultTimeout(30_000);
    visitor.page.on('pageerror', (error) => visitor.complaints.push(`exception: ${error.message}`));
    visitor.page.on('request', (request) => visitor.hosts.add(new URL(request.url()).host));
    visitor.page.on('console', (message) => {
      if (message.type() === 'error') visitor.complaints.push(message.text());
    });
    return visitor;
  }

  async go(path) {
    await this.page.goto(this.address + path);
    await this.settled();
  }

  /** Until nothing is fetched and every picture is there that does not wait to be scrolled to. */
  async settled() {
    await this.page.waitForLoadState('networkidle');
    await this.page.waitForFunction(() =>
      [...document.images].every((image) => image.complete || image.loading === 'lazy'),
    );
  }

  /** Fails on findings that keep people out. Moderate ones are counted. */
  async accessible(name) {
    const found = await this.page.evaluate(async (source) => {
      // As a script element this would break the page's policy, which the debugger's own evaluation is not under.
      if (!window.axe) (0, eval)(source);
      return window.axe.run(document, { resultTypes: ['violations'] });
    }, AXE);
    const told = found.violations.map(({ id, impact, nodes }) => {
      const where = nodes.slice(0, 3).map(({ target, failureSummary }) => `${target}: ${failureSummary}`);
      return `${impact} ${id} (${nodes.length}): ${where.join(' | ')}`;
    });
    const bad = told.filter((line) => /^(serious|critical)/.test(line));
    assert.deepEqual(bad, [], `${name} keeps people out`);
    return told;
  }

  async noSideways(name) {
    const over = await this.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(over <= 0, `${name} is ${over} pixels wider than the window`);
  }

  async shoot(name) {
    if (!SHOTS) return;
    await mkdir(SHOTS, { recursive: true });
    await this.page.screenshot({ path: join(SHOTS, `${name}.png`) });
  }

  /** A picture for the documentation: small, and sharp on screens with fine pixels. */
  async show(name) {
    if (!SHOTS) return;
    await mkdir(SHOTS, { recursive: true });
    const client = await this.context.newCDPSession(this.page);
    const { data } = await client.send('Page.captureScreenshot', { format: 'webp', quality: 80 });
    await writeFile(join(SHOTS, `${name}.webp`), Buffer.from(data, 'base64'));
    await client.detach();
  }

  async close() {
    await this.context.close();
  }
}
