// The typed client, and the one place that notices whether the server can be reached.

import createClient from 'openapi-fetch';
import { connection } from './connection.svelte';
import { ApiError, failureOf, unreachable } from './error';
import type { paths } from './schema';

async function watchedFetch(request: Request): Promise<Response> {
  try {
    const response = await fetch(request);
    connection.answered();
    return response;
  } catch (error) {
    if (request.signal.aborted) throw error;
    connection.lost();
    throw unreachable();
  }
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
  const failure = failureOf(response.status, error);
  if (failure.isUnreachable) connection.lost();
  throw failure;
}

/** Whether something thrown only says that nobody waits for the answer any more. */
export function isAbort(thrown: unknown): boolean {
  return !(thrown instanceof ApiError) && thrown instanceof Error && thrown.name === 'AbortError';
}
