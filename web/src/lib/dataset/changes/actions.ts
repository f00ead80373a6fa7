// What is done to the pictures of an open dataset, each with a way to take it back.

import { afterLoss } from '../../api/connection.svelte';
import type { Edit, Image } from '../../api/model';
import { type CaptionChange, changedCaption, editOf } from '../../caption/edit';
import { notices } from '../../shell/notices.svelte';
import { count } from '../../words/format';
import type { Made } from './changes.svelte';
import { settingOf } from './merge';
import { filesOf } from './put_back';
import type { OpenDataset } from '../open_dataset.svelte';
import { editsBack } from './undo';

/** Saves what was changed in one picture, which was seen as `was`. */
export async function saveImage(opened: OpenDataset, was: Image, edits: Edit[]): Promise<void> {
  const made = await opened.edit(edits, [was]);
  if (made) doneWithUndo(opened, made, [was.id], `“${was.file_name}” is saved.`);
}

/** Changes the captions of several pictures. */
export async function changeCaptions(
  opened: OpenDataset,
  change: CaptionChange,
  images: Image[],
): Promise<void> {
  const ids = images
    .filter((image) => changedCaption(change, image.caption) !== image.caption)
    .map(({ id }) => id);
  if (ids.length === 0) return;
  const made = await opened.edit([editOf(change, ids)], []);
  if (made) doneWithUndo(opened, made, ids, `${count(ids.length, 'caption')} changed.`);
}

/** Sets captions and crops as files said that came for pictures which were here already. */
export async function setAsInFiles(opened: OpenDataset, edits: Edit[], what: string): Promise<void> {
  const ids = new Set(edits.flatMap((edit) => settingOf(edit)?.image ?? []));
  const was = opened.images.filter(({ id }) => ids.has(id));
  const made = await opened.edit(edits, was);
  if (made) doneWithUndo(opened, made, [...ids], `${what} set.`);
}

/** Takes pictures out. */
export async function removeImages(opened: OpenDataset, images: Image[]): Promise<void> {
  const edits = images.map((image) => ({ remove: { image: image.id } }));
  if (!(await opened.edit(edits, []))) return;
  notices.done(`${count(images.length, 'picture')} removed. Older versions keep them.`, {
    label: 'Put back',
    run: () => void putBack(opened, images),
  });
}

/** Adds pictures again that only older versions have. */
export async function putBack(opened: OpenDataset, images: Image[]): Promise<void> {
  const { id, uploads, limits } = opened;
  try {
    uploads.add(await afterLoss(() => filesOf(id, images)), limits);
  } catch (thrown) {
    notices.failed(thrown);
  }
}

function doneWithUndo(opened: OpenDataset, made: Made, ids: string[], text: string): void {
  const { before, version } = made;
  const undo = () =>
    void opened.edit(editsBack(before, version.images, ids), version.images, 'changes taken back');
  notices.done(text, { label: 'Undo', run: undo });
}
