// Which jobs and pictures use a model.

import type { Job, Picture } from '../api/model';

export function usesModel(job: Job, model: string): boolean {
  return job.drawing?.models?.some((used) => used.model === model) ?? false;
}

export function byId(jobs: Job[]): ReadonlyMap<string, Job> {
  return new Map(jobs.map((job) => [job.id, job]));
}

/** The newest picture of each model, of those at hand. A model that drew alone is shown best by that. */
export function coversOf(pictures: Picture[], jobs: Job[]): Map<string, string> {
  const known = byId(jobs);
  const covers = new Map<string, string>();
  for (const isAlone of [true, false]) {
    for (const { id, job } of pictures) {
      const models = (job && known.get(job)?.drawing?.models) || [];
      for (const { model } of models) {
        if ((models.length === 1) === isAlone && !covers.has(model)) covers.set(model, id);
      }
    }
  }
  return covers;
}
