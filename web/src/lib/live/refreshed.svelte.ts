// Resources that are fetched anew when jobs begin or end.

import { resource, type Resource } from '../api/resource.svelte';
import type { Job } from '../api/model';
import { live } from './jobs.svelte';

/** A resource that also follows the jobs that `concerns` it. */
export function liveResource<T>(
  load: (signal: AbortSignal) => Promise<T>,
  concerns: (job: Job) => boolean = () => true,
): Resource<T> {
  const made = resource(load);
  $effect(() =>
    live.onTurned((jobs) => {
      if (jobs.some(concerns)) void made.refresh();
    }),
  );
  return made;
}

/** Calls `look` at most once in `everyMs` while `isWanted`. */
export function whileRunning(isWanted: () => boolean, everyMs: number, look: () => void): void {
  $effect(() => {
    if (!isWanted()) return;
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') look();
    }, everyMs);
    return () => clearInterval(timer);
  });
}
