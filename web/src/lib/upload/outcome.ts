// What came of an upload, in words.

import { count, number } from '../words/format';
import type { Upload } from './queue.svelte';
import type { Counts, Leftovers } from './unused';

export function outcomeWords(
  { answer, present, refused }: Pick<Upload, 'answer' | 'present' | 'refused'>,
  { other, same, lost }: Leftovers,
): string {
  const [notUsed, asThere] = [countWords(other), countWords(same)];
  const others = [
    present > 0 ? `${number(present)} already here` : '',
    asThere && `${asThere} as in the files`,
    notUsed && `${notUsed} not used`,
    lost.length > 0 ? `${count(lost.length, 'file')} not used` : '',
    refused.length > 0 ? `${count(refused.length, 'file')} refused` : '',
  ].filter(Boolean);
  const isAbout = answer && (answer.added > 0 || others.length === 0);
  const added = isAbout ? `${count(answer.added, 'picture')} added` : '';
  return [added, ...others].filter(Boolean).join(' · ');
}

/** “2 captions and 1 crop” */
export function countWords({ captions, crops }: Counts): string {
  const parts = [captions > 0 && count(captions, 'caption'), crops > 0 && count(crops, 'crop')];
  return parts.filter(Boolean).join(' and ');
}

const MOST_NAMES = 3;

/** “1.png, 2.png, 3.png and 4 more” */
export function namesWords(names: string[]): string {
  const more = names.length - MOST_NAMES;
  return names.slice(0, MOST_NAMES).join(', ') + (more > 0 ? ` and ${number(more)} more` : '');
}
