// What becomes of jobs, as it happens: one stream of events for the whole tab. The browser asks again by itself, with the
// number of the last event that came; where it gives up, this asks anew, and then the first event has everything.

import { access } from '../api/access.svelte';
import { EVENTS_URL } from '../api/calls/addresses';
import { connection } from '../api/connection.svelte';
import { Listeners } from '../api/listeners';
import type { Job, JobChanges } from '../api/model';
import { afterChanges, NO_JOBS, turnedJobs } from './board';

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15_000;
/** A browser has six connections to a server, for all its tabs: those that nobody looks at give theirs back. */
const HIDDEN_MS = 10_000;
/** `EventSource.CLOSED`, also where there is no such class. */
const CLOSED = 2;

type Source = Pick<EventSource, 'addEventListener' | 'close' | 'readyState'>;

export class LiveJobs {
  jobs = $state.raw(NO_JOBS);
  /** Whether an event came since the stream was opened last. */
  isHeard = $state(false);
  #turned = new Listeners<[Job[]]>();
  #source: Source | undefined;
  #waitMs = FIRST_WAIT_MS;
  #hiding: ReturnType<typeof setTimeout> | undefined;
  #hiddenMs = Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #open: (address: string) => Source;

  constructor(open: (address: string) => Source = (address) => new EventSource(address)) {
    this.#open = open;
  }

  /** Calls `listener` with jobs that came to be, began, ended, or are wanted to stop. */
  onTurned(listener: (jobs: Job[]) => void): () => void {
    return this.#turned.add(listener);
  }

  /** Listens until what this returns is called. */
  listen(): () => void {
    // Where the server was gone or this machine slept, the stream may be dead without a word, so that another is asked for.
    const forget = connection.onBack(() => {
      if (isHidden()) this.#stop();
      else this.#connect();
    });
    const look = () => {
      clearTimeout(this.#hiding);
      if (isHidden()) {
        this.#hiddenMs = Date.now();
        this.#hiding = setTimeout(() => this.#stop(), HIDDEN_MS);
        return;
      }
      // A machine that slept ran no timers, and its stream may be dead.
      const isOld = Date.now() - this.#hiddenMs > HIDDEN_MS;
      if (!this.#source || isOld) this.#connect();
      this.#hiddenMs = Infinity;
    };
    look();
    if (typeof document !== 'undefined') document.addEventListener('visibilitychange', look);
    return () => {
      forget();
      clearTimeout(this.#hiding);
      if (typeof document !== 'undefined') document.removeEventListener('visibilitychange', look);
      this.#stop();
    };
  }

  /** Takes a job that was just made, before the event says so. Of known ones the events know more than any answer. */
  note(job: Job): void {
    if (!this.jobs.has(job.id)) this.#take({ revision: 0, is_whole: false, jobs: [job] });
  }

  #connect(): void {
    this.#stop();
    const source = this.#open(EVENTS_URL);
    this.#source = source;
    source.addEventListener('jobs', (event) => {
      this.isHeard = true;
      this.#waitMs = FIRST_WAIT_MS;
      connection.answered();
      this.#take(JSON.parse((event as MessageEvent<string>).data) as JobChanges);
    });
    source.addEventListener('error', () => {
      this.isHeard = false;
      void findOut();
      if (source.readyState === CLOSED) this.#connectLater();
    });
  }

  #connectLater(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (connection.isLost) return;
      if (isHidden()) this.#stop();
      else this.#connect();
    }, this.#waitMs);
    this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_WAIT_MS);
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = undefined;
  }

  #take(changes: JobChanges): void {
    const turned = turnedJobs(this.jobs, changes);
    this.jobs = afterChanges(this.jobs, changes);
    if (turned.length > 0) this.#turned.tell(turned);
  }
}

/** A stream that broke off says neither that the server is gone nor that whoever listened may not any more. */
async function findOut(): Promise<void> {
  if (await connection.answers()) access.doubt();
}

/** Whether nobody sees this tab. */
function isHidden(): boolean {
  return typeof document !== 'undefined' && document.visibilityState === 'hidden';
}

export const live = new LiveJobs();
