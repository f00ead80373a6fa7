// What a page shows of the server, fetched anew when it may have changed: another address, the connection back, the page looked at again.

import { untrack } from 'svelte';
import { isAbort } from './client';
import { connection } from './connection.svelte';
import { type ApiError, errorOf } from './error';

type Load<T> = (signal: AbortSignal) => Promise<T>;

export class Resource<T> {
  data = $state.raw<T | undefined>();
  error = $state.raw<ApiError | undefined>();
  isLoading = $state(true);
  #load: Load<T>;
  #abort: AbortController | undefined;
  /** Whether what was there stays until another address is answered. */
  #isKept = false;
  /** Whether what is there is that of another address. */
  #isOfAnother = false;

  constructor(load: Load<T>) {
    this.#load = load;
  }

  /** What is there stays until another address is answered, so that what hangs on it is not made anew. */
  kept(): this {
    this.#isKept = true;
    return this;
  }

  /** Fetches, and forgets what was there when `anew`. What `load` reads before its first wait decides when it runs again. */
  fetch(anew: boolean): Promise<void> {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    const answer = this.#load(abort.signal);
    return untrack(() => {
      if (anew) {
        this.#isOfAnother = this.#isKept && this.data !== undefined;
        if (!this.#isKept) this.data = undefined;
      }
      this.error = undefined;
      this.isLoading = true;
      return this.#settle(answer, abort);
    });
  }

  refresh = (): Promise<void> => this.fetch(false);

  /** Takes what the server answered to something else. */
  set(data: T): void {
    this.#abort?.abort();
    this.data = data;
    this.error = undefined;
    this.isLoading = false;
    this.#isOfAnother = false;
  }

  stop(): void {
    this.#abort?.abort();
  }

  async #settle(answer: Promise<T>, abort: AbortController): Promise<void> {
    try {
      const data = await answer;
      if (abort.signal.aborted) return;
      this.data = data;
      this.isLoading = false;
      this.#isOfAnother = false;
    } catch (thrown) {
      if (abort.signal.aborted || isAbort(thrown)) return;
      if (this.#isOfAnother) this.data = undefined;
      this.#isOfAnother = false;
      this.error = errorOf(thrown);
      this.isLoading = false;
    }
  }
}

/** What stands in the way of a page. */
export interface Failure {
  error: ApiError;
  again: () => void;
}

/** Why something of these cannot be shown, and how just that is asked for again. One that was got before still shows. */
export function failureAmong(
  ...all: Pick<Resource<unknown>, 'data' | 'error' | 'refresh'>[]
): Failure | undefined {
  const failed = all.filter(({ data, error }) => error && data === undefined);
  const error = failed[0]?.error;
  if (!error) return undefined;
  return {
    error,
    again: () => {
      for (const one of failed) void one.refresh();
    },
  };
}

/** A resource that lives as long as the component that makes it. */
export function resource<T>(load: Load<T>): Resource<T> {
  const made = new Resource(load);
  $effect(() => {
    void made.fetch(true);
    const look = () => {
      if (document.visibilityState === 'visible' && !connection.isLost) void made.refresh();
    };
    const forget = connection.onBack(() => void made.refresh());
    document.addEventListener('visibilitychange', look);
    return () => {
      forget();
      document.removeEventListener('visibilitychange', look);
      made.stop();
    };
  });
  return made;
}
