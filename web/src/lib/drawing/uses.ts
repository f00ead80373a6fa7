// Which jobs and pictures use a model.

import type { Job, Picture } from '../api/model';

export function usesModel(job: Job, model: string): boolean {
  return job.drawing?.models?.some((used) => used.model === model) ?? false;
}

/** The newest picture of each model, of those at hand. A model that drew alone is shown best by that. */
export function coversOf(pictures: Picture[], jobs: ReadonlyMap<string, Job>): Map<string, string> {
  const covers = new Map<string, string>();
  for (const isAlone of [true, false]) {
    for (const { id, job } of pictures) {
      const models = (job && jobs.get(job)?.drawing?.models) || [];
      for (const { model } of models) {
        if ((models.length === 1) === isAlone && !covers.has(model)) covers.set(model, id);
      }
    }
  }
  return covers;
}
