// The calls that concern the queue, and what it is to draw.

import { client, dataOf } from '../client';
import type { DrawingRequest, Job } from '../model';
import { PAGE } from '../pages';

const one = '/api/v1/jobs/{job}' as const;
const at = (job: string) => ({ params: { path: { job } } });

/** The newest jobs. */
export async function listJobs(signal?: AbortSignal): Promise<Job[]> {
  const params = { query: { limit: PAGE } };
  return (await dataOf(client.GET('/api/v1/jobs', { params, signal }))).jobs;
}

export function getJob(job: string, signal?: AbortSignal): Promise<Job> {
  return dataOf(client.GET(one, { ...at(job), signal }));
}

export function cancelJob(job: string): Promise<Job> {
  return dataOf(client.POST(`${one}/cancel`, at(job)));
}

/** Higher priorities come first, then older jobs. */
export function moveJob(job: string, priority: number): Promise<Job> {
  return dataOf(client.PATCH(one, { ...at(job), body: { priority } }));
}

export function retryJob(job: string): Promise<Job> {
  return dataOf(client.POST(`${one}/retry`, at(job)));
}

export function startDrawing(body: DrawingRequest): Promise<Job> {
  return dataOf(client.POST('/api/v1/drawings', { body }));
}
