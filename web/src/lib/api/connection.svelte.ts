// Whether the server answers. When it does not, it is asked again until it does, and then everything shown is fetched anew.

import { errorOf } from './error';
import { Listeners } from './listeners';

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 8000;
const HEARTBEAT_MS = 15_000;
const PING = '/healthz';
const PING_MOST_MS = 10_000;

class Connection {
  isLost = $state(false);
  #back = new Listeners<[]>();
  #waitMs = FIRST_WAIT_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking: Promise<void> | undefined;

  /** Calls `back` each time the server answers again after it did not. */
  onBack(back: () => void): () => void {
    return this.#back.add(back);
  }

  /** Until the server answers, at once where it does. */
  untilBack(): Promise<void> {
    if (!this.isLost) return Promise.resolve();
    return new Promise((done) => {
      const forget = this.onBack(() => {
        forget();
        done();
      });
    });
  }

  /** A request got an answer. */
  answered(): void {
    if (!this.isLost) return;
    this.isLost = false;
    clearTimeout(this.#timer);
    this.#waitMs = FIRST_WAIT_MS;
    this.#back.tell();
  }

  /** A request got none. */
  lost(): void {
    if (this.isLost) return;
    this.isLost = true;
    this.#askLater();
  }

  /** Asks at once, and says whether there was an answer. Who asks meanwhile gets the same one. */
  async answers(): Promise<boolean> {
    await (this.#asking ??= this.ask().finally(() => (this.#asking = undefined)));
    return !this.isLost;
  }

  /** Asks at once. */
  async ask(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      const response = await fetch(PING, { cache: 'no-store', signal: AbortSignal.timeout(PING_MOST_MS) });
      if (!response.ok) throw new Error('not ready');
      this.answered();
    } catch {
      if (!this.isLost) this.lost();
      else this.#askLater();
    }
  }

  /** Keeps an eye on the server while the page is looked at. */
  watch(): () => void {
    const look = () => {
      if (document.visibilityState === 'visible') void this.ask();
    };
    const timer = setInterval(() => {
      if (!this.isLost) look();
    }, HEARTBEAT_MS);
    addEventListener('online', look);
    addEventListener('offline', look);
    return () => {
      clearInterval(timer);
      removeEventListener('online', look);
      removeEventListener('offline', look);
    };
  }

  #askLater(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.ask(), this.#waitMs);
    this.#waitMs = Math.min(this.#waitMs * 1.6, LONGEST_WAIT_MS);
  }
}

export const connection = new Connection();

/** The outcome of `work`, which is done again when the connection is back from being lost under it. */
export async function afterLoss<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (thrown) {
      if (!errorOf(thrown).isUnreachable) throw thrown;
      await connection.untilBack();
    }
  }
}
