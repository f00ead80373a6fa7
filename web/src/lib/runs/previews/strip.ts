// Previews as a strip: a column for each epoch, a row for each prompt, and places for those that are still to come.

import type { Preview, RunPreviews } from '../../api/model';

/** An epoch of the strip. */
export interface PreviewColumn {
  epoch: number;
  /** Nothing where it is still to come. */
  previews: Preview[] | undefined;
}

/** A place of the strip. */
export interface PreviewPlace {
  epoch: number;
  number: number;
}

/** The epochs that have previews, and those planned after them, where some are still drawn. */
export function columnsOf({ epochs, planned_epochs }: RunPreviews, isGoingOn: boolean): PreviewColumn[] {
  const drawn: PreviewColumn[] = epochs.map(({ epoch, previews }) => ({ epoch, previews }));
  const newest = drawn.at(-1)?.epoch ?? 0;
  const coming = isGoingOn ? planned_epochs.filter((epoch) => epoch > newest) : [];
  return [...drawn, ...coming.map((epoch) => ({ epoch, previews: undefined }))];
}

/** How many rows there are: as many as the epoch with the most previews, or as there are prompts. */
export function rowsOf({ epochs, prompts }: RunPreviews): number[] {
  const counts = epochs.map(({ previews }) => previews.length);
  const rows = epochs.length > 0 ? Math.max(...counts) : prompts.length;
  return Array.from({ length: rows }, (_, number) => number);
}

/** What a row shows: the newest prompt, since an earlier one may be another where the run was resumed with others. */
export function promptOf({ epochs, prompts }: RunPreviews, number: number): string {
  const newest = [...epochs].reverse().find(({ previews }) => previews.some((one) => one.number === number));
  return newest?.previews.find((one) => one.number === number)?.prompt ?? prompts[number] ?? '';
}

/** How many epochs later and rows further a key leads; nothing for keys that are not of the pictures. */
export function wayOf({
  key,
  altKey,
  ctrlKey,
  metaKey,
}: Pick<KeyboardEvent, 'key' | 'altKey' | 'ctrlKey' | 'metaKey'>): [number, number] | undefined {
  // With these, browsers go back to the page before.
  if (altKey || ctrlKey || metaKey) return undefined;
  const ways: Partial<Record<string, [number, number]>> = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, -1],
    ArrowDown: [0, 1],
  };
  return ways[key];
}

/** The drawn place beside one, so many epochs later or rows further; the same where there is none. */
export function placeBeside(all: RunPreviews, place: PreviewPlace, epochs: number, rows = 0): PreviewPlace {
  const drawn = all.epochs.map(({ epoch }) => epoch);
  const at = drawn.indexOf(place.epoch) + epochs;
  const next = { epoch: drawn[at] ?? place.epoch, number: place.number + rows };
  return previewAt(all, next) ? next : place;
}

/** The preview of a place. */
export function previewAt(all: RunPreviews, { epoch, number }: PreviewPlace): Preview | undefined {
  const previews = all.epochs.find((one) => one.epoch === epoch)?.previews;
  return previews?.find((one) => one.number === number);
}
