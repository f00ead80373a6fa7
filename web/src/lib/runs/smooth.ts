// The loss of single steps jumps; what a run learns shows in a mean over many of them.

import type { LossPoint } from '../api/model';

/** How much of the run a smoothed value looks back on. */
const WINDOW_SHARE = 0.06;

/** An exponential mean that is right from its first value on; steps weigh by how far they lie back, not by their number. */
export function smoothed(points: Pick<LossPoint, 'step' | 'loss'>[], window?: number): number[] {
  const last = points.at(-1)?.step ?? 0;
  const width = Math.max(1, window ?? last * WINDOW_SHARE);
  let [sum, weight, before] = [0, 0, 0];
  return points.map(({ step, loss }) => {
    const covered = Math.max(1, step - before);
    const keep = Math.exp(-covered / width);
    before = step;
    // A value that is no number says nothing, and must not swallow the others.
    if (Number.isFinite(loss)) {
      sum = sum * keep + loss * (1 - keep);
      weight = weight * keep + (1 - keep);
    }
    return weight > 0 ? sum / weight : NaN;
  });
}

/** A run is looked at in so many parts, of which the first and the last are compared. */
const PARTS = 5;
/** Fewer points than these in a part say nothing of it. */
const LEAST_POINTS = 5;
/** A difference of more standard errors than these is seldom chance. */
const TELLING_ERRORS = 2;

/**
 * A curve in words, for those who do not see it and for those in a hurry. Losses of single steps differ by more than half of their
 * mean, so that a change is one only where it is larger than what that makes of the means by chance.
 */
export function summaryOf(points: Pick<LossPoint, 'loss'>[]): string | undefined {
  const losses = points.map(({ loss }) => loss).filter(Number.isFinite);
  if (losses.length === 0) return undefined;
  const size = Math.floor(losses.length / PARTS);
  if (size < LEAST_POINTS) return 'The loss of so few steps does not say where it goes.';
  const [first, last] = [meanOf(losses.slice(0, size)), meanOf(losses.slice(-size))];
  const change = last.mean - first.mean;
  const error = Math.hypot(first.error, last.error);
  const means = `its mean was ${lossWords(first.mean)} over the first fifth of the steps and ${lossWords(last.mean)} over the last`;
  if (Math.abs(change) <= TELLING_ERRORS * error)
    return `The loss changed by no more than steps differ by chance: ${means}.`;
  const percent = Math.round((Math.abs(change) / first.mean) * 100);
  const by = percent < 1 ? 'less than 1 %' : `${percent} %`;
  return `The loss ${change < 0 ? 'fell' : 'rose'} by ${by}: ${means}.`;
}

/** The mean of values, and its standard error. */
function meanOf(values: number[]): { mean: number; error: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, error: Math.sqrt(squares / (values.length - 1) / values.length) };
}

export function lossWords(loss: number): string {
  return Number.isFinite(loss) ? loss.toPrecision(3) : 'no number';
}

/** About so many rows of a curve for a table, the first and the last among them. */
export function rowsOf<T>(points: T[], most = 12): T[] {
  if (points.length <= most) return points;
  return Array.from(
    { length: most },
    (_, at) => points[Math.round((at * (points.length - 1)) / (most - 1))]!,
  );
}
