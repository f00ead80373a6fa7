// How long a run still takes: its steps, and the previews between them.

import type { Job, Run, RunPreviews } from '../api/model';

/** Seconds of a step, as its steps until now, also those that were made twice; nothing before the first. */
export function secondsPerStep(run: Run): number {
  return run.trained_steps > 0 ? run.training_secs / run.trained_steps : 0;
}

/**
 * The seconds that are left of steps and previews, where that can be said. `stretch` are those of what is done now, by its own
 * pace.
 */
export function secondsLeft(
  run: Run,
  progress: Job['progress'],
  stretch: number | undefined,
  previews: RunPreviews | undefined,
): number | undefined {
  const perStep = secondsPerStep(run);
  const isTraining = progress?.phase === 'training';
  if (!isTraining && progress?.phase !== 'previewing') return undefined;
  const done = isTraining ? progress.done : run.done_steps;
  const bySteps = perStep > 0 ? (run.total_steps - done) * perStep : undefined;
  const steps = isTraining ? (stretch ?? bySteps) : bySteps;
  if (steps === undefined) return undefined;
  const stretchOfPreviews = isTraining ? 0 : (stretch ?? 0);
  return steps + stretchOfPreviews + secondsOfPreviews(run, done, perStep, previews);
}

/** Those of previews that are still to be begun. */
function secondsOfPreviews(
  run: Run,
  done: number,
  perStep: number,
  previews: RunPreviews | undefined,
): number {
  if (!previews) return 0;
  const epochs = (done / Math.max(1, run.total_steps)) * run.settings.epochs;
  // The one that has just ended has its previews, or gets them now.
  const coming = previews.planned_epochs.filter((epoch) => epoch > epochs + 1e-6).length;
  // Until some were drawn: a sampler step is two passes forward, and a training step about as much work.
  const each =
    run.preview_pictures > 0 ? run.preview_secs / run.preview_pictures : perStep * run.settings.preview_steps;
  return coming * previews.prompts.length * each;
}
