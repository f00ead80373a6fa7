// What the states of runs are called.

import type { Job, Model, Run, RunPreviews, RunWithCheckpoints } from '../api/model';
import { number } from '../words/format';
import { jobWords } from '../live/progress';

export type Tone = 'busy' | 'good' | 'bad' | 'still';

/** Where a run stands: what its job says is newer than what the run does. */
export function stateOf(run: Run, job?: Job): { words: string; tone: Tone } {
  const isOpen = job && (job.state === 'queued' || job.state === 'running' || job.state === 'paused');
  if (isOpen) {
    const tone = job.state === 'running' ? 'busy' : 'still';
    return { words: job.state === 'paused' ? 'Paused' : jobWords(job), tone };
  }
  switch (run.state) {
    case 'running':
      return { words: 'Training in a terminal', tone: 'busy' };
    case 'completed':
      return { words: 'Completed', tone: 'good' };
    case 'failed':
      return { words: 'Failed', tone: 'bad' };
    case 'stopped':
      return { words: 'Stopped', tone: 'still' };
    default:
      return { words: 'Not begun', tone: 'still' };
  }
}

/** Steps that are done, by whoever heard of them last. */
export function doneSteps(run: Run, job?: Job): number {
  const progress = job?.state === 'running' && job.progress?.phase === 'training' ? job.progress : undefined;
  return Math.max(run.done_steps, progress?.done ?? 0);
}

/** What can be done with a run now. */
export function deedsOf(
  run: Run & Partial<RunWithCheckpoints>,
  job?: Job,
  models: Model[] = [],
): { stop: boolean; resume?: string; withdraw: boolean } {
  const state = job?.state;
  if (state === 'running') return { stop: job?.wish == null, withdraw: false, resume: undefined };
  if (state === 'queued') return { stop: true, withdraw: true };
  if (state === 'paused') return { stop: false, resume: 'Resume', withdraw: true };
  // one that was cancelled after its last step has none yet; where its job is completed, the run is about to be read again
  const completed = run.has_result || state === 'completed' ? '' : deedForModel(run, models);
  const resume = { waiting: 'Start', stopped: 'Resume', failed: 'Try again', running: '', completed }[
    run.state
  ];
  return { stop: run.state === 'running', resume: resume || undefined, withdraw: false };
}

/** How a completed run gets its model: none where its newest epoch is one already, and all steps anew where none is kept. */
function deedForModel(run: Run & Partial<RunWithCheckpoints>, models: Model[]): string {
  if (run.checkpoints?.length === 0) return 'Train again';
  const newest = run.checkpoints?.at(-1)?.epoch;
  const isMade = newest !== undefined && models.some((one) => one.run === run.id && one.epoch === newest);
  return isMade ? '' : 'Make the model';
}

/** Why a completed run has no model to show; nothing where it has one, or is about to. */
export function noModelWords(
  run: Run & Partial<RunWithCheckpoints> & { model?: string | null },
  job?: Job,
  models: Model[] = [],
): string {
  if (run.state !== 'completed' || run.model || job?.state === 'running' || job?.state === 'completed')
    return '';
  if (run.has_result) return 'Its model is in the trash, or is not shared with you.';
  return deedForModel(run, models)
    ? 'It has no model: it was cancelled after its last step, the model could not be made then, or was removed since.'
    : '';
}

/** Why a run has no previews yet, or none at all. */
export function noPreviewWords(run: Run, { planned_epochs }: RunPreviews): string {
  const first = planned_epochs[0];
  if (first !== undefined && run.state !== 'completed') {
    return `After epoch ${number(first)}, the first pictures show how far it is: the same prompts and seeds each time, drawn by what was learned by then.`;
  }
  if (first !== undefined)
    return 'None were drawn: there was no room for them in memory, or they could not be drawn.';
  const { preview_every: every } = run.settings;
  return every === 0
    ? 'This run draws none: so short a training takes little longer than its previews would, or they were turned off in its settings.'
    : 'None are planned for this run.';
}
