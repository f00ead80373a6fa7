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

export interface LossSummary {
  first: number;
  last: number;
  least: number;
  leastStep: number;
  words: string;
}

/** A curve in words, for those who do not see it and for those in a hurry. */
export function summaryOf(points: Pick<LossPoint, 'step' | 'loss'>[]): LossSummary | undefined {
  const values = smoothed(points);
  const known = values.map((value, at) => ({ value, at })).filter(({ value }) => Number.isFinite(value));
  const [start, end] = [known[0], known.at(-1)];
  if (!start || !end) return undefined;
  const lowest = known.reduce((best, one) => (one.value < best.value ? one : best));
  // The first mean is of one step alone; one after a window says more of how it began.
  const [first, last] = [known[Math.min(known.length - 1, 3)]!.value, end.value];
  const change = (last - first) / first;
  const direction =
    Math.abs(change) < 0.03
      ? 'hardly changed'
      : `${change < 0 ? 'fell' : 'rose'} by ${Math.round(Math.abs(change) * 100)} %`;
  const leastStep = points[lowest.at]!.step;
  return {
    first,
    last,
    least: lowest.value,
    leastStep,
    words: `The smoothed loss ${direction}, from ${lossWords(first)} to ${lossWords(last)}; it was lowest at step ${leastStep} with ${lossWords(lowest.value)}.`,
  };
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
