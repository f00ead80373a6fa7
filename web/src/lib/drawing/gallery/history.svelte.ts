// The pictures that were drawn, newest first, as many pages of them as were asked for.

import { untrack } from 'svelte';
import { getJob, listJobs } from '../../api/calls/jobs';
import { errorOf } from '../../api/error';
import type { Drawing, Job, Picture } from '../../api/model';
import { listPictures } from '../../api/calls/pictures';
import { onceEach } from '../../api/pages';
import { liveResource } from '../../live/refreshed.svelte';
import { usesModel } from '../uses';
import type { Resource } from '../../api/resource.svelte';
import { knownJobs } from './known_jobs';

const FIRST = 48;
const MORE = 96;
const MOST_AT_ONCE = 200;

export interface Drawn {
  pictures: Picture[];
  total: number;
  jobs: ReadonlyMap<string, Job>;
}

/** Which pictures: those in the trash instead of the others, or only those of a model. */
type Which = { trash?: boolean; model?: string };

export class History {
  readonly drawn: Resource<Drawn>;
  #most: number;

  constructor(which: Which, first = FIRST) {
    this.#most = first;
    this.drawn = liveResource(
      (signal) => load(which, this.#most, signal),
      (job) => job.state === 'completed' && (which.model ? usesModel(job, which.model) : isDrawing(job)),
    );
  }

  /** Older ones too; those that are shown stay meanwhile. */
  more(): Promise<void> {
    this.#most += MORE;
    return this.drawn.refresh();
  }
}

const isDrawing = ({ kind }: Job) => kind === 'generation';

async function load(which: Which, most: number, signal: AbortSignal): Promise<Drawn> {
  const [jobs, drawn] = await Promise.all([listJobs(signal), newest(which, most, signal)]);
  knownJobs.take(jobs);
  // Pictures need not wait for the words about them.
  void knownJobs.fetchOf(drawn.pictures);
  return { ...drawn, jobs: knownJobs.all };
}

async function newest(which: Which, most: number, signal: AbortSignal): Promise<Omit<Drawn, 'jobs'>> {
  const pictures: Picture[] = [];
  for (;;) {
    const limit = Math.min(MOST_AT_ONCE, most - pictures.length);
    const page = await listPictures({ limit, offset: pictures.length, ...which }, signal);
    pictures.push(...page.pictures);
    if (page.pictures.length === 0 || pictures.length >= Math.min(most, page.total)) {
      // What came in front meanwhile moved others to the next page.
      return { pictures: onceEach(pictures), total: page.total };
    }
  }
}

/** What a picture was drawn from: its job knows, also one that is not among the newest. Nothing where that was removed or is private. */
export async function drawingOf(
  picture: Picture,
  jobs: ReadonlyMap<string, Job>,
  ask = getJob,
): Promise<Drawing | undefined> {
  const { job } = picture;
  if (job === null) return undefined;
  try {
    // It is asked for once, also while others become known.
    const { drawing } = untrack(() => jobs.get(job)) ?? (await ask(job));
    return drawing ?? undefined;
  } catch (thrown) {
    if (errorOf(thrown).status === 404) return undefined;
    throw thrown;
  }
}
