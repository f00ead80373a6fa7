// Which pictures of a dataset hang in its card.

import { getVersion } from '../api/calls/datasets';
import type { Dataset, Version } from '../api/model';

export const MOST_HUNG = 5;
/** Versions never change, so that each is read once for its card. */
const read = new Map<string, Promise<string[]>>();

/** Pictures from all over the newest version. A failure is forgotten, and the next card asks again. */
export function hungImages(
  { id, version }: Pick<Dataset, 'id' | 'version'>,
  get: (dataset: string, version: string) => Promise<Version> = getVersion,
): Promise<string[]> {
  const key = `${id} ${version}`;
  const there = read.get(key);
  if (there) return there;
  const answer = get(id, String(version)).then(({ images }) => spread(images.map((image) => image.id)));
  read.set(key, answer);
  answer.catch(() => read.delete(key));
  return answer;
}

/** Neighbours are often alike. */
function spread(all: string[]): string[] {
  const step = Math.max(1, Math.floor(all.length / MOST_HUNG));
  return all.filter((_, at) => at % step === 0).slice(0, MOST_HUNG);
}
