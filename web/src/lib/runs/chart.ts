// From values to places in a drawing of curves.

export interface Frame {
  width: number;
  height: number;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export interface Scale {
  least: number;
  most: number;
  place: (value: number) => number;
}

/** From values to pixels. Where all values are alike, they lie in the middle. */
export function scale([least, most]: [number, number], [from, to]: [number, number]): Scale {
  const range = most - least;
  return {
    least,
    most,
    place: (value) => (range > 0 ? from + ((value - least) / range) * (to - from) : (from + to) / 2),
  };
}

/** The range of the middle of the values, with some air: single jumps would press the rest flat. */
export function rangeOf(values: number[], share = 0.98): [number, number] {
  const known = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (known.length === 0) return [0, 1];
  const most = known[Math.min(known.length - 1, Math.ceil(share * (known.length - 1)))]!;
  const least = known[Math.floor((1 - share) * (known.length - 1))]!;
  const air = (most - least) * 0.08 || Math.abs(most) * 0.1 || 1;
  return [Math.max(0, least - air), most + air];
}

/** A few round numbers within a range. */
export function ticks(least: number, most: number, about = 4): number[] {
  const rough = (most - least) / about;
  if (!(rough > 0) || !Number.isFinite(rough)) return [least];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough) ?? rough;
  const first = Math.ceil(least / step);
  const all: number[] = [];
  for (let at = first; at * step <= most + step * 1e-9; at++) all.push(Number((at * step).toPrecision(12)));
  return all;
}

/** A line through the places; it breaks where there is no number. */
export function linePath(points: { x: number; y: number }[]): string {
  let path = '';
  let isBroken = true;
  for (const { x, y } of points) {
    if (!Number.isFinite(x) || !Number.isFinite(y)) {
      isBroken = true;
      continue;
    }
    path += `${isBroken ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`;
    isBroken = false;
  }
  return path;
}

/** The one nearest to a place, by its step. */
export function nearest<T extends { step: number }>(points: T[], step: number): T | undefined {
  let [low, high] = [0, points.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle]!.step < step) low = middle + 1;
    else high = middle;
  }
  const [after, before] = [points[low], points[low - 1]];
  if (!after || !before) return after;
  return step - before.step <= after.step - step ? before : after;
}
