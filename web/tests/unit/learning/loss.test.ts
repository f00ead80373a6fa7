import { describe, expect, it } from 'vitest';
import { linePath, nearest, rangeOf, scale, ticks } from '../../../src/lib/runs/chart';
import { rowsOf, smoothed, summaryOf } from '../../../src/lib/runs/smooth';

/** Numbers between 0 and 1 that look random, the same each time: Park and Miller's generator. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

const points = (losses: number[], every = 1) => losses.map((loss, at) => ({ step: (at + 1) * every, loss }));

describe('smoothing', () => {
  it('leaves a level line level from its first value on', () => {
    for (const value of smoothed(points(Array(200).fill(0.4)))) expect(value).toBeCloseTo(0.4, 10);
  });

  it('keeps a jump from being taken for a trend', () => {
    const losses = Array(200).fill(0.2);
    losses[150] = 2;
    expect(Math.max(...smoothed(points(losses)))).toBeLessThan(0.45);
  });

  it('follows a fall', () => {
    const values = smoothed(points(Array.from({ length: 400 }, (_, at) => 1 / (1 + at / 40))));
    expect(values.at(-1)!).toBeLessThan(0.15);
    for (let at = 1; at < values.length; at++) expect(values[at]!).toBeLessThan(values[at - 1]!);
  });

  it('does not depend on how many steps a point stands for', () => {
    const fine = Array.from({ length: 1000 }, (_, at) => 1 - at / 1000);
    const coarse = points(
      Array.from({ length: 100 }, (_, at) => fine.slice(at * 10, at * 10 + 10).reduce((a, b) => a + b) / 10),
      10,
    );
    const [one, other] = [smoothed(points(fine)), smoothed(coarse)];
    for (const at of [20, 50, 99]) expect(other[at]!).toBeCloseTo(one[at * 10 + 9]!, 1);
  });

  it('is not swallowed by what is no number', () => {
    const values = smoothed(points([NaN, 0.5, NaN, 0.5]));
    expect(values[0]).toBeNaN();
    expect(values.slice(1)).toEqual([0.5, 0.5, 0.5]);
    expect(smoothed([])).toEqual([]);
  });
});

describe('a curve in words', () => {
  const of = (count: number, lossAt: (at: number) => number) =>
    summaryOf(points(Array.from({ length: count }, (_, at) => lossAt(at))));

  it('says where it went, by the means of its first and last fifth', () => {
    const words = of(250, (at) => (at < 50 ? 0.4 : 0.1) * (at % 2 ? 1.2 : 0.8));
    expect(words).toBe(
      'The loss fell by 75 %: its mean was 0.400 over the first fifth of the steps and 0.100 over the last.',
    );
    expect(of(250, (at) => (at < 50 ? 0.1 : 0.2) * (at % 2 ? 1.2 : 0.8))).toContain('rose by 100 %');
    expect(of(100, (at) => (at < 50 ? 1 : 0.999))).toContain('fell by less than 1 %');
  });

  it('takes what single steps make of the means for chance', () => {
    // Log-normal losses whose deviation is 0.8 of their mean, which do not change.
    const spread = Math.sqrt(Math.log(1 + 0.8 ** 2));
    const random = numbers(7);
    const told = Array.from({ length: 300 }, () =>
      of(160, () => {
        const normal = Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
        return 0.2 * Math.exp(spread * normal - spread ** 2 / 2);
      }),
    );
    const changed = told.filter((words) => !words!.includes('by no more than steps differ by chance'));
    expect(changed.length).toBeLessThan(30);
    expect(of(100, () => 0.3)).toContain('by no more than steps differ by chance');
  });

  it('says nothing of few steps, and of none', () => {
    expect(of(24, (at) => 1 / (at + 1))).toBe('The loss of so few steps does not say where it goes.');
    expect(of(1, () => NaN)).toBeUndefined();
    expect(summaryOf([])).toBeUndefined();
  });

  it('has few rows as a table, the first and the last among them', () => {
    const rows = rowsOf(Array.from({ length: 600 }, (_, at) => at));
    expect(rows).toHaveLength(12);
    expect([rows[0], rows.at(-1)]).toEqual([0, 599]);
    expect(rowsOf([1, 2])).toEqual([1, 2]);
  });
});

describe('drawing a curve', () => {
  it('places values, also where all are alike', () => {
    expect(scale([0, 10], [0, 100]).place(2.5)).toBe(25);
    expect(scale([3, 3], [0, 100]).place(3)).toBe(50);
  });

  it('is not pressed flat by a single jump', () => {
    const [, most] = rangeOf([...Array.from({ length: 400 }, (_, at) => 0.1 + at / 4000), 90]);
    expect(most).toBeLessThan(1);
    expect(rangeOf([])).toEqual([0, 1]);
    expect(rangeOf([0.5])[0]).toBeLessThan(0.5);
  });

  it('has round numbers at its edge', () => {
    expect(ticks(0, 608, 3)).toEqual([0, 500]);
    expect(ticks(0.051, 0.22)).toEqual([0.1, 0.15, 0.2]);
    expect(ticks(1, 1)).toEqual([1]);
  });

  it('breaks where there is no number', () => {
    expect(
      linePath([
        { x: 0, y: 1 },
        { x: 1, y: NaN },
        { x: 2, y: 3 },
        { x: 3, y: 4 },
      ]),
    ).toBe('M0.0 1.0M2.0 3.0L3.0 4.0');
  });

  it('finds the point that is pointed at', () => {
    const all = points([1, 2, 3, 4], 10);
    expect(nearest(all, 24)?.step).toBe(20);
    expect(nearest(all, 26)?.step).toBe(30);
    expect(nearest(all, -5)?.step).toBe(10);
    expect(nearest(all, 999)?.step).toBe(40);
    expect(nearest([], 3)).toBeUndefined();
  });
});
