// Which versions are shown as one row: those that only changed captions and crops, one soon after the other.

import type { VersionAbout } from '../api/model';
import { count } from '../words/format';

export interface Group {
  /** Newest first. */
  versions: VersionAbout[];
  newest: VersionAbout;
  oldest: VersionAbout;
  /** What was done, in words. */
  change: string;
}

/** A longer pause begins another sitting. */
const MOST_PAUSE_MS = 15 * 60_000;
const CHANGED = /^(?:(\d+) captions? changed)?(?:, )?(?:(\d+) crops? changed)?$/;

/** The versions, newest first, in groups, but for those that are wanted apart. */
export function groupsOf(
  versions: VersionAbout[],
  isApart: (number: number) => boolean = () => false,
): Group[] {
  const groups: VersionAbout[][] = [];
  for (const version of versions) {
    const last = groups.at(-1);
    const newer = last?.at(-1);
    const isAlone = isApart(version.number) || (newer && isApart(newer.number));
    if (last && newer && !isAlone && isSameHand(newer, version)) last.push(version);
    else groups.push([version]);
  }
  return groups.map((versions) => {
    const [newest, oldest] = [versions[0]!, versions.at(-1)!];
    const change = versions.length === 1 ? newest.change : sumOf(versions);
    return { versions, newest, oldest, change };
  });
}

function isSameHand(newer: VersionAbout, older: VersionAbout): boolean {
  const isSoon = newer.created_ms - older.created_ms <= MOST_PAUSE_MS;
  return isSoon && CHANGED.test(newer.change) && CHANGED.test(older.change);
}

function sumOf(versions: VersionAbout[]): string {
  const sum = [0, 0];
  for (const { change } of versions) {
    const [, captions, crops] = CHANGED.exec(change) ?? [];
    sum[0]! += Number(captions ?? 0);
    sum[1]! += Number(crops ?? 0);
  }
  const parts = sum.map((value, at) => ({ value, what: ['caption', 'crop'][at]! }));
  const words = parts.filter(({ value }) => value > 0).map(({ value, what }) => count(value, what));
  return `${words.join(' and ')} changed`;
}
