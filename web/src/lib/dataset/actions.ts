// What is done to the pictures of an open dataset, each with a way to take it back.

import type { Edit, Image } from '../api/model';
import { type CaptionChange, changedCaption, editOf } from '../caption/edit';
import { notices } from '../shell/notices.svelte';
import { count } from '../words/format';
import { filesOf } from './put_back';
import type { DatasetRoom } from './room.svelte';
import { editsBack } from './undo';

/** Saves what was changed in one picture. */
export async function saveImage(room: DatasetRoom, image: Image, edits: Edit[]): Promise<void> {
  const before = await room.edit(edits);
  if (before) doneWithUndo(room, before, [image.id], `“${image.file_name}” is saved.`);
}

/** Changes the captions of several pictures. */
export async function changeCaptions(
  room: DatasetRoom,
  change: CaptionChange,
  images: Image[],
): Promise<void> {
  const ids = images
    .filter((image) => changedCaption(change, image.caption) !== image.caption)
    .map(({ id }) => id);
  if (ids.length === 0) return;
  const before = await room.edit([editOf(change, ids)]);
  if (before) doneWithUndo(room, before, ids, `${count(ids.length, 'caption')} changed.`);
}

/** Takes pictures out. */
export async function removeImages(room: DatasetRoom, images: Image[]): Promise<void> {
  const before = await room.edit(images.map((image) => ({ remove: { image: image.id } })));
  if (!before) return;
  notices.done(`${count(images.length, 'picture')} removed. Older versions keep them.`, {
    label: 'Put back',
    run: () => void putBack(room, images),
  });
}

/** Adds pictures again that only older versions have. */
export async function putBack(room: DatasetRoom, images: Image[]): Promise<void> {
  try {
    room.uploads.add(await filesOf(room.id, images), room.limits);
  } catch (thrown) {
    notices.failed(thrown);
  }
}

function doneWithUndo(room: DatasetRoom, before: Image[], ids: string[], text: string): void {
  const undo = () => void room.edit(editsBack(before, room.images, ids), 'changes taken back');
  notices.done(text, { label: 'Undo', run: undo });
}
