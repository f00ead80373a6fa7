// A question that follows what is typed: asked after a short rest, and answers to older ones are dropped.

import { untrack } from 'svelte';
import { isAbort } from './client';
import { connection } from './connection.svelte';
import { type ApiError, errorOf } from './error';

const REST_MS = 250;

export class Asked<Q, A> {
  /** The newest answer; the one before it stays while another is awaited. */
  answer = $state.raw<A | undefined>();
  error = $state.raw<ApiError | undefined>();
  /** Whether the answer is not yet that to what stands there. */
  isStale = $state(false);
  #ask: (question: Q, signal: AbortSignal) => Promise<A>;
  #abort: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #restMs: number;

  constructor(ask: (question: Q, signal: AbortSignal) => Promise<A>, restMs = REST_MS) {
    this.#ask = ask;
    this.#restMs = restMs;
  }

  /** Asks soon, unless another question comes first. Without one there is nothing to answer. */
  about(question: Q | undefined): void {
    this.stop();
    untrack(() => {
      this.isStale = question !== undefined;
      if (question === undefined) {
        this.answer = undefined;
        this.error = undefined;
        return;
      }
      this.#timer = setTimeout(() => void this.#now(question), this.#restMs);
    });
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#abort?.abort();
  }

  async #now(question: Q): Promise<void> {
    const abort = new AbortController();
    this.#abort = abort;
    try {
      const answer = await this.#ask(question, abort.signal);
      if (abort.signal.aborted) return;
      this.answer = answer;
      this.error = undefined;
      this.isStale = false;
    } catch (thrown) {
      if (abort.signal.aborted || isAbort(thrown)) return;
      this.error = errorOf(thrown);
      this.isStale = false;
    }
  }
}

/** Asks whenever `question` changes, and again when the connection is back, for as long as the component lives. */
export function asked<Q, A>(
  question: () => Q | undefined,
  ask: (question: Q, signal: AbortSignal) => Promise<A>,
): Asked<Q, A> {
  const made = new Asked(ask);
  $effect(() => {
    made.about(question());
  });
  $effect(() => {
    const forget = connection.onBack(() => made.about(question()));
    return () => {
      forget();
      made.stop();
    };
  });
  return made;
}
