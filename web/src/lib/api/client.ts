// The typed client, and the one place that notices whether the server can be reached and whether somebody is logged in.

import createClient from 'openapi-fetch';
import { access, isChange } from './access.svelte';
import { connection } from './connection.svelte';
import { ApiError, failureOf, unreachable } from './error';
import type { paths } from './schema';
import { fetchWithin } from './time_limit';
import { underway } from './underway.svelte';

/** More than the server lets a request wait for its turn, so that it can say itself that it is busy. */
const MOST_MS = 45_000;

/** Reads every file that a model comes from, however long that takes; the server stops where nobody waits. */
const PROOF = /^\/api\/v1\/models\/[^/]+\/lineage$/;

/** What is asked about the session says itself that there is none, or that a password is wrong. */
const SESSION = '/api/v1/session';

/** The answer to a request. One that needs a login waits for it, so that nothing that was pressed or typed is lost. */
export function watchedFetch(request: Request): Promise<Response> {
  const isOfSession = new URL(request.url).pathname.startsWith(SESSION);
  const answer = admitted(request, isOfSession);
  return isChange(request.method) && !isOfSession ? underway.add(answer) : answer;
}

async function admitted(request: Request, isOfSession: boolean): Promise<Response> {
  for (;;) {
    const { session } = access;
    const response = await reached(signed(request));
    // What somebody may do can change while the page is open.
    if (response.status === 403) access.doubt();
    if (response.status !== 401 || isOfSession) return response;
    await access.reopened(session, request.signal);
  }
}

/** The same request with what changes carry; the first one stays unread, to be sent again. */
function signed(request: Request): Request {
  const copy = request.clone();
  for (const [name, value] of Object.entries(access.headers(request.method))) copy.headers.set(name, value);
  return copy;
}

async function reached(request: Request): Promise<Response> {
  try {
    const isProof = PROOF.test(new URL(request.url).pathname);
    const response = isProof ? await fetch(request) : await fetchWithin(MOST_MS, request);
    if (!isProxyFailure(response)) {
      connection.answered();
      return response;
    }
  } catch (error) {
    if (request.signal.aborted) throw error;
  }
  connection.lost();
  throw unreachable();
}

/** Whether a proxy answers for a server that is gone: the server's own failures are JSON. */
function isProxyFailure(response: Response): boolean {
  return response.status >= 500 && !response.headers.get('content-type')?.includes('json');
}

export const client = createClient<paths>({ fetch: watchedFetch });

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The data of an answer, or its failure thrown. */
export async function dataOf<T>(answer: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await answer;
  if (response.ok && data !== undefined) return data;
  throw failureOf(response.status, error);
}

/** Until a request is answered that has no data to give, or its failure thrown. */
export async function done(answer: Promise<Answer<unknown>>): Promise<void> {
  const { error, response } = await answer;
  if (!response.ok) throw failureOf(response.status, error);
}

/** Whether something thrown only says that nobody waits for the answer any more. */
export function isAbort(thrown: unknown): boolean {
  return !(thrown instanceof ApiError) && thrown instanceof Error && thrown.name === 'AbortError';
}
