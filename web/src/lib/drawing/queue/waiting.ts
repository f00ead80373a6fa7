// The drawings that wait for their turn, as a whole.

import { errorOf } from '../../api/error';
import type { Job } from '../../api/model';

/** Those that are not begun and that nobody has taken back yet. */
export function waitingDrawings(jobs: Job[]): Job[] {
  return jobs.filter(({ kind, state, wish }) => kind === 'generation' && state === 'queued' && wish === null);
}

/**
 * Takes each of them back, the last one first, so that none begins meanwhile. One that cannot be does not keep the others, unless
 * the server is gone; one that does not wait any more is left alone.
 *
 * What went wrong first, if anything did.
 */
export async function cancelAll(
  jobs: string[],
  waits: (job: string) => boolean,
  cancel: (job: string) => Promise<unknown>,
): Promise<unknown> {
  let failure: unknown;
  for (const id of [...jobs].reverse()) {
    if (!waits(id)) continue;
    try {
      await cancel(id);
    } catch (thrown) {
      failure ??= thrown;
      if (errorOf(thrown).isUnreachable) break;
    }
  }
  return failure;
}
