// How far a piece of work is and how long it will still take, as people want to know it.

import type { Job, Progress } from '../api/model';

/** The part of the current stretch that is done, from 0 to 1; nothing where it has no length. */
export function shareOf({ done, total }: Pick<Progress, 'done' | 'total'>): number | undefined {
  if (!(total > 0)) return undefined;
  return Math.min(1, Math.max(0, done / total));
}

/** Units are done at a rate; each report is a sample. A few of the newest decide, so that a pause does not count for long. */
export class Pace {
  #samples: { done: number; ms: number }[] = [];
  #stretch = '';

  /** Takes a report, and returns the seconds that are left of its stretch, where that can be said. */
  take(progress: Progress, attempt: number): number | undefined {
    const stretch = `${attempt} ${progress.phase} ${progress.total}`;
    const last = stretch === this.#stretch ? this.#samples.at(-1) : undefined;
    if (!last || progress.done < last.done) this.#samples = [];
    this.#stretch = stretch;
    if (!last || progress.done !== last.done) {
      this.#samples.push({ done: progress.done, ms: progress.reported_ms });
      if (this.#samples.length > MOST_SAMPLES) this.#samples.shift();
    }
    const [first, newest] = [this.#samples[0]!, this.#samples.at(-1)!];
    const [done, ms] = [newest.done - first.done, newest.ms - first.ms];
    if (done <= 0 || ms <= 0) return undefined;
    return ((progress.total - progress.done) * ms) / done / 1000;
  }
}

const MOST_SAMPLES = 40;

/** “about 3 minutes left”; rough on purpose. */
export function timeLeft(seconds: number): string {
  return seconds < 5 ? 'a moment left' : `about ${duration(seconds)} left`;
}

/** “40 seconds”, “3 minutes”, “2 h 10 min”. */
export function duration(seconds: number): string {
  if (seconds < 1) return 'less than a second';
  if (seconds < 90) return `${roughly(seconds)} second${roughly(seconds) === 1 ? '' : 's'}`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} minutes`;
  if (minutes < 24 * 60) {
    const rest = minutes % 60;
    return `${Math.floor(minutes / 60)} h${rest ? ` ${rest} min` : ''}`;
  }
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d${hours % 24 ? ` ${hours % 24} h` : ''}`;
}

function roughly(seconds: number): number {
  return seconds < 20 ? Math.round(seconds) : Math.round(seconds / 5) * 5;
}

/** Where a job stands, in a few words. */
export function jobWords(job: Job): string {
  if (job.state === 'running' && job.wish === 'pause') return 'Stopping after this step';
  if (job.state === 'running' && job.wish === 'cancel') return 'Stopping for good';
  const isOpen = job.state === 'running' || job.state === 'queued';
  if (isOpen && job.waiting) return capital(plain(job.waiting));
  if (job.state === 'running') return capital(job.progress?.label ?? 'beginning');
  if (job.state === 'queued') return 'Its turn comes';
  return capital(
    { paused: 'paused', completed: 'done', failed: 'failed', cancelled: 'taken back' }[job.state],
  );
}

function plain(text: string): string {
  return text.replace(/`([^`]*)`/g, '“$1”');
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
