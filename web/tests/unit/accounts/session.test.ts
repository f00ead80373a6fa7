import { afterEach, describe, expect, it, vi } from 'vitest';
import { Session } from '../../../src/lib/account/session.svelte';
import { access } from '../../../src/lib/api/access.svelte';
import { watchedFetch } from '../../../src/lib/api/client';
import { ApiError } from '../../../src/lib/api/error';
import type { Session as View } from '../../../src/lib/api/model';
import { entriesOf, forgetEntries } from '../../../src/lib/account/entries';

const nobody: View = { needs_login: true, account: null, csrf_token: null };
const as = (name: string): View => ({
  needs_login: true,
  account: { id: `id of ${name}`, name, role: 'member' },
  csrf_token: `proof of ${name}`,
});

/** A studio whose session is what a test says. */
function studio(first: View) {
  const server = { view: first, begunAnew: vi.fn() };
  const session = new Session(
    {
      getSession: async () => server.view,
      logIn: async (name, password) => {
        if (password !== 'right') throw new ApiError('unauthorized', 'wrong', '', 401);
        return (server.view = as(name));
      },
      logOut: async () => void (server.view = nobody),
    },
    server.begunAnew,
  );
  return { server, session };
}

afterEach(() => {
  access.open(null);
  vi.unstubAllGlobals();
});

describe('a session', () => {
  it('needs nobody where the studio has no accounts', async () => {
    const { session } = studio({ needs_login: false, account: null, csrf_token: null });
    expect(session.place).toBe('unknown');
    await session.look();
    expect(session.place).toBe('inside');
    expect(session.account).toBeNull();
    expect(session.reasonAgainstMaking).toBe('');
    expect(access.headers('POST')).toEqual({});
  });

  it('begins with a login, which proves later changes', async () => {
    const { session } = studio(nobody);
    await session.look();
    expect(session.place).toBe('outside');
    await expect(session.logIn('Kim', 'wrong')).rejects.toMatchObject({ status: 401 });
    expect(session.place).toBe('outside');
    await session.logIn('Kim', 'right');
    expect(session.account?.name).toBe('Kim');
    expect(access.headers('POST')).toEqual({ 'x-csrf-token': 'proof of Kim' });
    expect(access.headers('GET')).toEqual({});
  });

  it('that ends leaves the pages as they are, for the same account', async () => {
    const { server, session } = studio(as('Kim'));
    await session.look();
    server.view = nobody;
    await session.look();
    expect([session.place, session.hasEnded]).toEqual(['inside', true]);
    await session.logIn('Kim', 'right');
    expect(session.hasEnded).toBe(false);
    expect(server.begunAnew).not.toHaveBeenCalled();
  });

  it('of another account begins anew, and sends nothing that waited', async () => {
    const { server, session } = studio(as('Kim'));
    await session.look();
    access.close();
    await session.logIn('Noor', 'right');
    expect(server.begunAnew).toHaveBeenCalledOnce();
    expect(access.isClosed).toBe(true);
  });

  it('leaves for the front page when it is ended on purpose', async () => {
    const { server, session } = studio(as('Kim'));
    await session.look();
    await session.logOut();
    expect(server.begunAnew).toHaveBeenCalledWith('/');
    // Until that is there, nobody is asked to log in again.
    await session.look();
    expect([server.view, session.hasEnded]).toEqual([nobody, false]);
  });
});

describe('a request without a session', () => {
  const answer = (status: number) =>
    new Response('{}', { status, headers: { 'content-type': 'application/json' } });

  it('waits for the login and is sent again, with its body and the new proof', async () => {
    access.open('old');
    const seen: [string | null, string][] = [];
    const answers = [answer(401), answer(200)];
    vi.stubGlobal('fetch', async (request: Request) => {
      seen.push([request.headers.get('x-csrf-token'), await request.text()]);
      return answers.shift()!;
    });
    const request = new Request('http://studio/api/v1/trainings', { method: 'POST', body: '{"a":1}' });
    const response = watchedFetch(request);
    await vi.waitFor(() => expect(access.isClosed).toBe(true));
    expect(seen).toEqual([['old', '{"a":1}']]);
    access.open('new');
    expect((await response).status).toBe(200);
    expect(seen[1]).toEqual(['new', '{"a":1}']);
  });

  it('closes nothing that was opened again meanwhile', async () => {
    access.close();
    access.open('first');
    const answers = [answer(401), answer(200)];
    vi.stubGlobal('fetch', async () => {
      // The login happens while the first answer is on its way.
      if (answers.length === 2) {
        access.close();
        access.open('second');
      }
      return answers.shift()!;
    });
    const response = await watchedFetch(new Request('http://studio/api/v1/models'));
    expect(response.status).toBe(200);
    expect(access.isClosed).toBe(false);
  });

  it('is given up with whoever asked', async () => {
    vi.stubGlobal('fetch', async () => answer(401));
    const abort = new AbortController();
    const request = new Request('http://studio/api/v1/models', { signal: abort.signal });
    const response = expect(watchedFetch(request)).rejects.toMatchObject({ name: 'AbortError' });
    await vi.waitFor(() => expect(access.isClosed).toBe(true));
    abort.abort();
    await response;
  });

  it('that asks for one is answered as it is', async () => {
    vi.stubGlobal('fetch', async () => answer(401));
    const request = new Request('http://studio/api/v1/session', { method: 'POST', body: '{}' });
    expect((await watchedFetch(request)).status).toBe(401);
    expect(access.isClosed).toBe(false);
  });
});

describe('what a browser keeps', () => {
  class Entries {
    kept = new Map<string, string>();
    getItem = (name: string) => this.kept.get(name) ?? null;
    setItem = (name: string, value: string) => void this.kept.set(name, value);
    removeItem = (name: string) => void this.kept.delete(name);
    key = (at: number) => [...this.kept.keys()][at] ?? null;
    get length() {
      return this.kept.size;
    }
  }

  it('is of one account, apart from how things look', () => {
    const entries = new Entries();
    entries.setItem('atelier.theme', 'dark');
    expect(entriesOf('kim', entries)).toBe(false);
    entries.setItem('atelier.drawing', 'a secret');
    entries.setItem('of.another.page', 'x');
    expect(entriesOf('kim', entries)).toBe(false);
    expect(entries.getItem('atelier.drawing')).toBe('a secret');
    expect(entriesOf('noor', entries)).toBe(true);
    expect([...entries.kept.keys()]).toEqual(['atelier.theme', 'atelier.account', 'of.another.page']);
    expect(forgetEntries(entries)).toBe(false);
  });
});
