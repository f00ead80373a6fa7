// The typed client, and the one place that notices whether the server can be reached.

import createClient from 'openapi-fetch';
import { connection } from './connection.svelte';
import { ApiError, failureOf, unreachable } from './error';
import type { paths } from './schema';
import { fetchWithin } from './time_limit';

/** More than the server lets a request wait for its turn, so that it can say itself that it is busy. */
const MOST_MS = 45_000;

export async function watchedFetch(request: Request): Promise<Response> {
  try {
    const response = await fetchWithin(MOST_MS, request);
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

/** Whether something thrown only says that nobody waits for the answer any more. */
export function isAbort(thrown: unknown): boolean {
  return !(thrown instanceof ApiError) && thrown instanceof Error && thrown.name === 'AbortError';
}
