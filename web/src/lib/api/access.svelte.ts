// Whether this page may ask at all: what changes carry as proof that they are ours, and the requests that wait while nobody
// is logged in.

import { Listeners } from './listeners';

/** What changes carry. Pages of others cannot read it, and so change nothing in the name of who is logged in. */
const PROOF = 'x-csrf-token';
const READS = ['GET', 'HEAD', 'OPTIONS'];

/** Whether requests of this method change something. */
export function isChange(method: string): boolean {
  return !READS.includes(method);
}

export class Access {
  /** Whether the session has ended. */
  isClosed = $state(false);
  #proof: string | null = null;
  #session = 0;
  #opened = new Listeners<[]>();
  #doubted = new Listeners<[]>();

  /** Which session it is, so that answers from before a login are told from those after it. */
  get session(): number {
    return this.#session;
  }

  /** The headers that a request of this method needs. */
  headers(method: string): Record<string, string> {
    return this.#proof !== null && isChange(method) ? { [PROOF]: this.#proof } : {};
  }

  /** Somebody is logged in, or nobody needs to be; what waits goes on. */
  open(proof: string | null): void {
    this.#proof = proof;
    if (!this.isClosed) return;
    this.isClosed = false;
    this.#session++;
    this.#opened.tell();
  }

  /** Nobody is logged in any more. */
  close(): void {
    this.isClosed = true;
  }

  /** Calls `look` when something was refused that cannot say why, such as a stream of events. */
  onDoubt(look: () => void): () => void {
    return this.#doubted.add(look);
  }

  doubt(): void {
    this.#doubted.tell();
  }

  /** A request of that session was refused because nobody is logged in: until somebody is. */
  async reopened(session: number, signal?: AbortSignal | null): Promise<void> {
    if (session !== this.#session) return;
    this.close();
    await new Promise<void>((done, failed) => {
      const forget = this.#opened.add(() => {
        forget();
        done();
      });
      signal?.addEventListener('abort', () => {
        forget();
        failed(signal.reason);
      });
      if (signal?.aborted) failed(signal.reason);
    });
  }
}

export const access = new Access();
