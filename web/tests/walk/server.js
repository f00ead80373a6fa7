// Runs the real server on a library of its own, behind `vite preview`, which has the newest pages and the server's policy.
// With ATELIER_EMBEDDED=1 the pages are those that were compiled into the program.
// With ATELIER_PAGES=FOLDER they are those that were built into that folder.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { preview } from 'vite';

const PROGRAM = process.env.ATELIER_PROGRAM ?? 'atelier';
export const isExample = process.env.ATELIER_EXAMPLE === '1';
const isEmbedded = process.env.ATELIER_EMBEDDED === '1';

export function newHome() {
  return mkdtemp(join(tmpdir(), 'atelier-walk-'));
}

/** Runs a command of the program to its end, on a library that no server has open; `line` is what it reads. */
export async function runCommand(home, words, line = '') {
  const command = spawn(PROGRAM, words, {
    env: { ...process.env, ATELIER_HOME: home },
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  command.stdin.end(`${line}\n`);
  let told = '';
  command.stderr.on('data', (data) => (told += data));
  const status = await new Promise((done, failed) => command.once('exit', done).once('error', failed));
  if (status !== 0) throw new Error(`\`${words.join(' ')}\` ends with ${status}: ${told}`);
}

export class Server {
  /** On an empty library, or on one that is there already; `isKept` leaves it there. `flags` are those of `serve`. */
  static async start({ home, isKept = false, flags = [] } = {}) {
    const server = new Server();
    server.home = home ?? (await newHome());
    server.isKept = isKept;
    server.flags = flags;
    server.port = await freePort();
    await server.run();
    if (isEmbedded) server.address = server.api;
    else {
      process.env.ATELIER_URL = server.api;
      server.pages = await preview({
        build: { outDir: process.env.ATELIER_PAGES ?? 'dist' },
        preview: { port: await freePort(), host: '127.0.0.1' },
        logLevel: 'error',
      });
      server.address = server.pages.resolvedUrls.local[0].replace(/\/$/, '');
    }
    return server;
  }

  get api() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts the program; it keeps its port when it is started again. */
  async run() {
    const environment = { ...process.env, ATELIER_HOME: this.home };
    const listen = `127.0.0.1:${this.port}`;
    // The example of the server's crate, which is built in seconds, takes folder and address.
    const words = isExample ? [this.home, listen] : ['serve', '--listen', listen, ...this.flags];
    this.process = spawn(PROGRAM, words, {
      env: environment,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    let failure;
    this.process.once('error', (error) => (failure = error));
    for (let tries = 0; tries < 200; tries++) {
      if (failure) throw new Error(`\`${PROGRAM}\` cannot be started`, { cause: failure });
      if (
        await fetch(`${this.api}/healthz`)
          .then((answer) => answer.ok)
          .catch(() => false)
      )
        return;
      await wait(50);
    }
    throw new Error(`the server does not answer at ${this.api}`);
  }

  /** As when its terminal is closed or the machine fails. */
  async kill() {
    const ended = new Promise((done) => this.process.once('exit', done));
    this.process.kill('SIGKILL');
    await ended;
  }

  async call(path, body) {
    const answer = await fetch(`${this.api}/api/v1${path}`, {
      method: body ? 'POST' : 'GET',
      headers: body && !(body instanceof FormData) ? { 'Content-Type': 'application/json' } : {},
      body: body instanceof FormData ? body : body && JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
    return answer.json();
  }

  async change(path, body) {
    const headers = { 'Content-Type': 'application/json' };
    const answer = await fetch(`${this.api}/api/v1${path}`, {
      method: 'PATCH',
      headers,
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
  }

  async remove(path) {
    const answer = await fetch(`${this.api}/api/v1${path}`, { method: 'DELETE' });
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
  }

  async stop() {
    await this.kill();
    await this.pages?.close();
    if (!this.isKept) await rm(this.home, { recursive: true, force: true });
  }
}

function freePort() {
  return new Promise((done, failed) => {
    const probe = createServer();
    probe.once('error', failed);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}
