import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Leaving } from '../../../src/lib/account/leave.svelte';
import { Session } from '../../../src/lib/account/session.svelte';
import { access } from '../../../src/lib/api/access.svelte';
import { watchedFetch } from '../../../src/lib/api/client';
import { connection } from '../../../src/lib/api/connection.svelte';
import { ApiError } from '../../../src/lib/api/error';
import { Underway, underway } from '../../../src/lib/api/underway.svelte';
import { Changes } from '../../../src/lib/dataset/changes/changes.svelte';
import { SlidStrength } from '../../../src/lib/models/slid_strength.svelte';
import { notices } from '../../../src/lib/shell/notices.svelte';
import { called, caption, image, Library } from '../library';

/** A page with a strength that was moved just now, and a server that takes `answerMs` to save it. */
function page(answerMs: number) {
  const done: string[] = [];
  const changes = new Underway();
  const slid = new SlidStrength(async (strength) => {
    await new Promise((after) => setTimeout(after, answerMs));
    done.push(`strength ${strength}`);
  });
  const leaving = new Leaving(
    {
      send: () => void changes.add(slid.flush()),
      isMoving: () => !changes.isEmpty,
      isBusy: () => false,
      logOut: async () => void done.push('logged out'),
    },
    4000,
  );
  return { done, slid, leaving };
}

describe('logging out', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    vi.useRealTimers();
    for (const { id } of notices.list) notices.dismiss(id);
  });

  it('waits for a strength that was set just before, and for the one after that', async () => {
    const { done, slid, leaving } = page(800);
    slid.settle(0.6, 0.5, true);
    slid.settle(0.7, 0.5);
    void leaving.leave();
    await vi.advanceTimersByTimeAsync(1000);
    expect([done, leaving.isBusy]).toEqual([['strength 0.6'], true]);
    await vi.advanceTimersByTimeAsync(1000);
    expect([done, leaving.isBusy]).toEqual([['strength 0.6', 'strength 0.7', 'logged out'], false]);
  });

  it('waits a few seconds at most', async () => {
    const { done, slid, leaving } = page(60_000);
    slid.settle(0.6, 0.5);
    void leaving.leave();
    await vi.advanceTimersByTimeAsync(4200);
    expect(done).toEqual(['logged out']);
  });

  it('is done once, however often it is pressed', async () => {
    const { done, slid, leaving } = page(500);
    slid.settle(0.6, 0.5);
    for (let press = 0; press < 3; press++) void leaving.leave();
    await vi.advanceTimersByTimeAsync(5000);
    expect(done).toEqual(['strength 0.6', 'logged out']);
  });

  it('is refused at once where something is in the way that does not pass', async () => {
    const logOut = vi.fn();
    const leaving = new Leaving({ send: () => {}, isMoving: () => false, isBusy: () => true, logOut });
    await leaving.leave();
    expect([logOut.mock.calls.length, leaving.isBusy]).toEqual([0, false]);
    expect(notices.list.map(({ text }) => text)).toEqual(['Changes or uploads are still on their way.']);
  });

  it('is done too where the session has ended already', async () => {
    const begunAnew = vi.fn();
    const gone = new ApiError('unauthenticated', 'nobody is logged in', '', 401);
    const view = { needs_login: true, account: null, csrf_token: null };
    const calls = {
      getSession: async () => view,
      logIn: async () => view,
      logOut: () => Promise.reject(gone),
    };
    await new Session(calls, begunAnew).logOut();
    expect(begunAnew).toHaveBeenCalledWith('/');
  });
});

describe('what is on its way', () => {
  afterEach(() => {
    access.open(null);
    vi.unstubAllGlobals();
  });

  it('is every change until it is answered, and nothing that is only read or of the session', async () => {
    let answer = () => {};
    const waits = new Promise<void>((done) => (answer = done));
    vi.stubGlobal('fetch', async () => {
      await waits;
      return new Response('{}', { headers: { 'content-type': 'application/json' } });
    });
    const ask = (method: string, path: string) =>
      watchedFetch(new Request(`http://studio${path}`, { method }));
    const others = [ask('GET', '/api/v1/models'), ask('DELETE', '/api/v1/session')];
    expect(underway.isEmpty).toBe(true);
    const change = ask('PATCH', '/api/v1/models/1');
    expect(underway.isEmpty).toBe(false);
    answer();
    await Promise.all([change, ...others]);
    expect(underway.isEmpty).toBe(true);
  });

  it('is nothing any more where the server is gone', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('failed')));
    const change = watchedFetch(new Request('http://studio/api/v1/models/1', { method: 'PATCH' }));
    await expect(change).rejects.toMatchObject({ code: 'unreachable' });
    expect(underway.isEmpty).toBe(true);
    connection.answered();
  });

  it('of a dataset moves by itself unless it was refused', async () => {
    const library = new Library([image('1', 'a')]);
    const changes = new Changes('id', library);
    expect(changes.isMoving).toBe(false);
    library.failures = [403];
    const made = changes.add({ edits: [caption('1', 'b')], was: [image('1', 'a')], called });
    expect(changes.isMoving).toBe(true);
    await vi.waitFor(() => expect(changes.refused).toHaveLength(1));
    expect(changes.isMoving).toBe(false);
    changes.again();
    expect(changes.isMoving).toBe(true);
    await made;
    expect([changes.isMoving, library.captions()]).toEqual([false, ['b']]);
  });
});
