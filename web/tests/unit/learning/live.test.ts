import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { access } from '../../../src/lib/api/access.svelte';
import { connection } from '../../../src/lib/api/connection.svelte';
import type { Job, JobChanges, Progress } from '../../../src/lib/api/model';
import {
  afterChanges,
  inTurn,
  jobOfRun,
  NO_JOBS,
  priorityBefore,
  turnedJobs,
} from '../../../src/lib/live/board';
import { LiveJobs } from '../../../src/lib/live/jobs.svelte';
import { duration, jobWords, Pace, shareOf, timeLeft } from '../../../src/lib/live/progress';
import { deedsOf, doneSteps, noModelWords, stateOf } from '../../../src/lib/runs/words';
import type { Model, Run, RunWithCheckpoints } from '../../../src/lib/api/model';

const job = (id: string, more: Partial<Job> = {}): Job =>
  ({
    id,
    kind: 'training',
    state: 'queued',
    priority: 0,
    wish: null,
    created_ms: 0,
    run: null,
    ...more,
  }) as Job;
const changes = (jobs: Job[], is_whole = false): JobChanges => ({ revision: 1, is_whole, jobs });
const progress = (done: number, reported_ms: number, more: Partial<Progress> = {}): Progress =>
  ({
    phase: 'training',
    label: 'training',
    done,
    total: 100,
    reported_ms,
    phase_began_ms: 0,
    ...more,
  }) as Progress;

describe('the board of jobs', () => {
  it('takes what changed, and everything anew after a whole event', () => {
    const first = afterChanges(NO_JOBS, changes([job('a'), job('b')], true));
    const second = afterChanges(first, changes([job('b', { state: 'running' })]));
    expect([...second.values()].map(({ id, state }) => `${id} ${state}`)).toEqual(['a queued', 'b running']);
    const third = afterChanges(second, changes([job('c')], true));
    expect([...third.keys()]).toEqual(['c']);
    expect(first.get('b')?.state).toBe('queued');
  });

  it('tells a job that turned from one that is only on its way', () => {
    const jobs = afterChanges(NO_JOBS, changes([job('a', { state: 'running' })]));
    const onItsWay = job('a', { state: 'running', progress: progress(3, 0) });
    expect(turnedJobs(jobs, changes([onItsWay]))).toEqual([]);
    expect(turnedJobs(jobs, changes([job('a', { state: 'completed' }), job('b')]))).toHaveLength(2);
    expect(turnedJobs(jobs, changes([job('a', { state: 'running', wish: 'pause' })]))).toHaveLength(1);
  });

  it('is shown in the order of turns', () => {
    const jobs = [
      job('done', { state: 'completed' }),
      job('late', { created_ms: 9 }),
      job('early', { created_ms: 2 }),
      job('first', { created_ms: 10, priority: 5 }),
      job('now', { created_ms: 20, state: 'running' }),
    ];
    expect(inTurn(jobs).map(({ id }) => id)).toEqual(['now', 'first', 'early', 'late']);
  });

  it('knows with which priority a job comes before all that wait', () => {
    const jobs = [
      job('now', { state: 'running', priority: 9 }),
      job('first', { priority: 3 }),
      job('late', { created_ms: 2 }),
      job('other', { kind: 'generation' }),
    ];
    const before = (id: string) => priorityBefore(jobs, jobs.find((one) => one.id === id) as Job);
    expect(['now', 'first', 'late', 'other'].map(before)).toEqual([undefined, undefined, 4, undefined]);
  });

  it('knows the job of a run: the open one, else the newest', () => {
    const jobs = [
      job('old', { run: 'r', state: 'paused', created_ms: 1 }),
      job('new', { run: 'r', state: 'failed', created_ms: 5 }),
      job('other', { run: 'x', created_ms: 9 }),
    ];
    expect(jobOfRun(jobs, 'r')?.id).toBe('old');
    expect(jobOfRun(jobs.slice(1), 'r')?.id).toBe('new');
    expect(jobOfRun([], 'r')).toBeUndefined();
  });
});

class FakeSource {
  readyState = 1;
  isClosed = false;
  #listeners = new Map<string, ((event: unknown) => void)[]>();
  addEventListener(kind: string, listener: (event: never) => void) {
    this.#listeners.set(kind, [...(this.#listeners.get(kind) ?? []), listener as (event: unknown) => void]);
  }
  close() {
    this.isClosed = true;
  }
  fire(kind: string, event: unknown = {}) {
    for (const listener of this.#listeners.get(kind) ?? []) listener(event);
  }
  say(what: JobChanges) {
    this.fire('jobs', { data: JSON.stringify(what) });
  }
}

describe('the stream of events', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('fetch', () => Promise.resolve(new Response('ok')));
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
  function listening() {
    const sources: FakeSource[] = [];
    const live = new LiveJobs(() => {
      const source = new FakeSource();
      sources.push(source);
      return source as never;
    });
    const stop = live.listen();
    return { live, sources, stop };
  }

  it('is one, and tells what turned', () => {
    const { live, sources, stop } = listening();
    const turned: string[] = [];
    live.onTurned((jobs) => turned.push(...jobs.map(({ id, state }) => `${id} ${state}`)));
    sources[0]!.say(changes([job('a')], true));
    sources[0]!.say(changes([job('a', { state: 'running', progress: progress(1, 0) })]));
    sources[0]!.say(changes([job('a', { state: 'running', progress: progress(2, 0) })]));
    expect(turned).toEqual(['a queued', 'a running']);
    expect(live.jobs.get('a')?.progress?.done).toBe(2);
    expect(sources).toHaveLength(1);
    stop();
    expect(sources[0]!.isClosed).toBe(true);
  });

  it('takes an answer for news of a new job only: of others it may be older than the last event', () => {
    const { live, sources, stop } = listening();
    sources[0]!.say(changes([job('a', { state: 'paused' })], true));
    live.note(job('a', { state: 'running', wish: 'pause' }));
    live.note(job('b'));
    expect([...live.jobs.values()].map(({ state }) => state)).toEqual(['paused', 'queued']);
    stop();
  });

  it('gives its connection back while nobody looks at the tab', async () => {
    let look = () => {};
    const page = {
      visibilityState: 'hidden',
      addEventListener: (_: string, listener: () => void) => (look = listener),
      removeEventListener: () => {},
    };
    vi.stubGlobal('document', page);
    const { sources, stop } = listening();
    await vi.advanceTimersByTimeAsync(60_000);
    // One that was opened behind another takes none.
    expect(sources).toHaveLength(0);
    page.visibilityState = 'visible';
    look();
    page.visibilityState = 'hidden';
    look();
    await vi.advanceTimersByTimeAsync(5000);
    expect(sources[0]!.isClosed).toBe(false);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sources[0]!.isClosed).toBe(true);
    page.visibilityState = 'visible';
    look();
    look();
    expect(sources).toHaveLength(2);
    page.visibilityState = 'hidden';
    look();
    page.visibilityState = 'visible';
    look();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sources).toHaveLength(2);
    expect(sources[1]!.isClosed).toBe(false);
    stop();
  });

  it('leaves it to the browser to ask again where that does, with the number of the last event', async () => {
    const { sources, stop } = listening();
    sources[0]!.readyState = 0;
    sources[0]!.fire('error');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sources).toHaveLength(1);
    stop();
  });

  it('has it asked at once whether the session has ended when it breaks off, unless the server is gone', async () => {
    const { sources, stop } = listening();
    const look = vi.fn();
    const forget = access.onDoubt(look);
    // The browser would ask again only after a while.
    sources[0]!.readyState = 0;
    sources[0]!.fire('error');
    await vi.advanceTimersByTimeAsync(0);
    expect(look).toHaveBeenCalledOnce();
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('failed')));
    sources[0]!.fire('error');
    await vi.advanceTimersByTimeAsync(0);
    expect([look.mock.calls.length, connection.isLost]).toEqual([1, true]);
    forget();
    stop();
    connection.answered();
  });

  it('is another one after the server was gone: the old one may be dead without a word', () => {
    const { sources, stop } = listening();
    connection.lost();
    connection.answered();
    expect(sources).toHaveLength(2);
    expect(sources[0]!.isClosed).toBe(true);
    stop();
  });

  it('asks anew where the browser gave up, and keeps what was there until the answer', async () => {
    const { live, sources, stop } = listening();
    sources[0]!.say(changes([job('a'), job('b')], true));
    sources[0]!.readyState = 2;
    sources[0]!.fire('error');
    expect(live.isHeard).toBe(false);
    await vi.advanceTimersByTimeAsync(1500);
    expect(sources).toHaveLength(2);
    expect(live.jobs.size).toBe(2);
    sources[1]!.say(changes([job('b', { state: 'completed' })], true));
    expect([...live.jobs.keys()]).toEqual(['b']);
    stop();
  });
});

describe('progress', () => {
  it('has a share only where it has a length', () => {
    expect(shareOf({ done: 25, total: 100 })).toBe(0.25);
    expect(shareOf({ done: 120, total: 100 })).toBe(1);
    expect(shareOf({ done: 0, total: 0 })).toBeUndefined();
  });

  it('leaves time by the pace of the newest steps', () => {
    const pace = new Pace();
    expect(pace.take(progress(10, 0), 1)).toBeUndefined();
    expect(pace.take(progress(20, 5000), 1)).toBeCloseTo(40);
    // The same report again changes nothing.
    expect(pace.take(progress(20, 5000), 1)).toBeCloseTo(40);
  });

  it('begins anew with another stretch and another attempt', () => {
    const pace = new Pace();
    pace.take(progress(10, 0), 1);
    pace.take(progress(20, 5000), 1);
    expect(pace.take(progress(12, 90_000), 2)).toBeUndefined();
    expect(pace.take(progress(22, 91_000), 2)).toBeCloseTo(7.8);
    expect(pace.take(progress(1, 92_000, { phase: 'saving', total: 2 }), 2)).toBeUndefined();
  });

  it('is said roughly', () => {
    expect(duration(0.2)).toBe('less than a second');
    expect(duration(1)).toBe('1 second');
    expect(duration(47)).toBe('45 seconds');
    expect(duration(200)).toBe('3 minutes');
    expect(duration(7800)).toBe('2 h 10 min');
    expect(duration(200_000)).toBe('2 d 8 h');
    expect(timeLeft(2)).toBe('a moment left');
  });

  it('says why a job waits, as a sentence', () => {
    expect(jobWords(job('a', { waiting: 'waits: run `b` is being trained' }))).toBe(
      'Waits: run “b” is being trained',
    );
    expect(jobWords(job('a', { state: 'running', wish: 'pause' }))).toContain('Stopping');
  });

  it('says why a job that is done is not over yet, unless it is being stopped', () => {
    const saving = progress(2, 0, { phase: 'saving', label: 'saving', total: 2 });
    const done = job('a', { state: 'running', progress: saving });
    const waits = { ...done, waiting: 'its results cannot be kept yet: the disk is full' };
    expect(jobWords(done)).toBe('Saving');
    expect(jobWords(waits)).toBe('Its results cannot be kept yet: the disk is full');
    expect(jobWords({ ...waits, wish: 'cancel' })).toBe('Stopping for good');
  });
});

describe('a run', () => {
  const run = { state: 'stopped', done_steps: 40, total_steps: 100 } as Run;

  it('is where its job is, which is newer', () => {
    expect(stateOf(run, job('a', { state: 'paused' })).words).toBe('Paused');
    expect(stateOf(run, job('a', { state: 'cancelled' })).words).toBe('Stopped');
    expect(stateOf({ ...run, state: 'running' }).words).toContain('terminal');
    expect(doneSteps(run, job('a', { state: 'running', progress: progress(55, 0) }))).toBe(55);
    expect(
      doneSteps(run, job('a', { state: 'running', progress: progress(3, 0, { phase: 'saving' }) })),
    ).toBe(40);
  });

  it('can be stopped while it runs and go on after', () => {
    expect(deedsOf(run, job('a', { state: 'running' }))).toMatchObject({ stop: true, resume: undefined });
    expect(deedsOf(run, job('a', { state: 'running', wish: 'pause' })).stop).toBe(false);
    expect(deedsOf(run, job('a', { state: 'paused' })).resume).toBe('Resume');
    expect(deedsOf({ ...run, state: 'failed' }, job('a', { state: 'failed' })).resume).toBe('Try again');
    const completed = { ...run, state: 'completed' as const };
    expect(deedsOf({ ...completed, has_result: true })).toMatchObject({ stop: false, resume: undefined });
    const without = { ...completed, has_result: false };
    expect(deedsOf(without).resume).toBe('Make the model');
    const kept = {
      ...without,
      checkpoints: [{ epoch: 1 }, { epoch: 2 }] as RunWithCheckpoints['checkpoints'],
    };
    const made = (epoch: number) => [{ run: without.id, epoch } as Model];
    expect(deedsOf(kept, undefined, made(1)).resume).toBe('Make the model');
    expect(deedsOf(kept, undefined, made(2)).resume).toBeUndefined();
    expect(deedsOf({ ...kept, checkpoints: [] }).resume).toBe('Train again');
    expect(deedsOf(without, job('a', { state: 'cancelled' })).resume).toBe('Make the model');
    expect(deedsOf(without, job('a', { state: 'completed' })).resume).toBeUndefined();
    expect(deedsOf({ ...run, state: 'running' }).stop).toBe(true);
  });

  it('says why it has no model when it is completed', () => {
    const completed = { ...run, state: 'completed' as const, model: null };
    expect(noModelWords({ ...completed, has_result: true })).toContain('in the trash, or is not shared');
    expect(noModelWords({ ...completed, has_result: false })).toContain('It has no model');
    expect(noModelWords({ ...completed, model: 'm' })).toBe('');
    expect(noModelWords(completed, job('a', { state: 'completed' }))).toBe('');
    expect(noModelWords({ ...run, state: 'stopped' })).toBe('');
  });
});
