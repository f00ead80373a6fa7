// What becomes of the board of jobs with each event.

import type { Job, JobChanges } from '../api/model';

export const NO_JOBS: ReadonlyMap<string, Job> = new Map();

/** The jobs by their ids, after an event: a whole one names all, another only those that changed. */
export function afterChanges(jobs: ReadonlyMap<string, Job>, changes: JobChanges): Map<string, Job> {
  const next = new Map(changes.is_whole ? [] : jobs);
  for (const job of changes.jobs) next.set(job.id, job);
  return next;
}

/** The jobs whose state is another than before, or that were not there. Those only on their way are not. */
export function turnedJobs(jobs: ReadonlyMap<string, Job>, changes: JobChanges): Job[] {
  return changes.jobs.filter((job) => {
    const before = jobs.get(job.id);
    return !before || before.state !== job.state || before.wish !== job.wish;
  });
}

/** Neither done nor given up. */
export function isOpen(job: Job): boolean {
  return job.state === 'queued' || job.state === 'running' || job.state === 'paused';
}

/** In the order of their turns. */
export function inTurn(jobs: Iterable<Job>): Job[] {
  const rank = (job: Job) => (job.state === 'running' ? 0 : job.state === 'queued' ? 1 : 2);
  return [...jobs]
    .filter(isOpen)
    .sort((a, b) => rank(a) - rank(b) || b.priority - a.priority || a.created_ms - b.created_ms);
}

/** The priority with which a waiting job comes before all others that wait; nothing where it does already. */
export function priorityBefore(jobs: Iterable<Job>, job: Job): number | undefined {
  const waiting = inTurn(jobs).filter(({ state, kind }) => state === 'queued' && kind === job.kind);
  if (job.state !== 'queued' || !waiting[0] || waiting[0].id === job.id) return undefined;
  return waiting[0].priority + 1;
}

/** The newest job of a run: the one that has its place in the queue, where there is one. */
export function jobOfRun(jobs: Iterable<Job>, run: string): Job | undefined {
  const own = [...jobs].filter((job) => job.run === run);
  own.sort((a, b) => Number(isOpen(b)) - Number(isOpen(a)) || b.created_ms - a.created_ms);
  return own[0];
}
