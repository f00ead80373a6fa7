// What edits make of images, and where those of others got in their way.

import type { Dataset, Edit, Image } from '../../api/model';
import { type CaptionChange, changedCaption, oneLine } from '../../caption/edit';
import { isSameCrop } from '../../crop/geometry';

/** What a dataset calls its training, which `add_trigger` writes. */
export type Called = Pick<Dataset, 'trigger_word' | 'category'>;

/** An edit of one field of a picture that others changed too since it was seen. */
export interface Clash {
  edit: Edit;
  theirs: Image;
}

export interface Rebased {
  /** Those that can be made now, those that clash among them. */
  edits: Edit[];
  clashes: Clash[];
  /** Pictures with edits that others took out. */
  gone: string[];
}

/** The images once these edits are made. */
export function applied(images: Image[], edits: Edit[], called: Called): Image[] {
  if (edits.length === 0) return images;
  const made = new Map(images.map((image) => [image.id, image]));
  const set = (id: string, part: Partial<Image>) => {
    const image = made.get(id);
    if (image) made.set(id, { ...image, ...part });
  };
  for (const edit of edits) {
    if ('set_caption' in edit) set(edit.set_caption.image, { caption: oneLine(edit.set_caption.caption) });
    else if ('set_crop' in edit) set(edit.set_crop.image, { crop: edit.set_crop.crop });
    else if ('remove' in edit) made.delete(edit.remove.image);
    else {
      const [change, ids] = captionChangeOf(edit, called);
      for (const id of ids ?? made.keys()) {
        const image = made.get(id);
        if (image) made.set(id, { ...image, caption: changedCaption(change, image.caption) });
      }
    }
  }
  return [...made.values()];
}

type CaptionEdit = Exclude<Edit, { set_caption: unknown } | { set_crop: unknown } | { remove: unknown }>;

function captionChangeOf(edit: CaptionEdit, called: Called): [CaptionChange, string[] | null | undefined] {
  if ('prepend_caption' in edit) {
    return [{ kind: 'prepend', text: edit.prepend_caption.text }, edit.prepend_caption.images];
  }
  if ('append_caption' in edit) {
    return [{ kind: 'append', text: edit.append_caption.text }, edit.append_caption.images];
  }
  if ('remove_from_caption' in edit) {
    return [{ kind: 'remove', text: edit.remove_from_caption.text }, edit.remove_from_caption.images];
  }
  if ('replace_in_caption' in edit) {
    const { images, ...words } = edit.replace_in_caption;
    return [{ kind: 'replace', ...words }, images];
  }
  const { trigger_word: word, category } = called;
  return [{ kind: 'trigger', word, category }, edit.add_trigger.images];
}

/** Whether both have the same pictures with the same captions and crops. */
export function isSameImages(a: Image[], b: Image[]): boolean {
  return (
    a.length === b.length &&
    a.every((image, at) => {
      const other = b[at]!;
      return image.id === other.id && image.caption === other.caption && isSameCrop(image.crop, other.crop);
    })
  );
}

/** The edits of pictures that were seen as in `was`, for those that there are now. */
export function rebased(edits: Edit[], was: Image[], now: Image[]): Rebased {
  const [before, theirs] = [was, now].map((images) => new Map(images.map((image) => [image.id, image])));
  const made: Rebased = { edits: [], clashes: [], gone: [] };
  for (const edit of edits) {
    const id = settingOf(edit)?.image;
    if (id !== undefined) {
      const [seen, there] = [before!.get(id), theirs!.get(id)];
      if (!there) {
        made.gone.push(seen?.file_name ?? id);
        continue;
      }
      if (seen && isClash(edit, seen, there)) made.clashes.push({ edit, theirs: there });
      made.edits.push(edit);
    } else if ('remove' in edit) {
      if (theirs!.has(edit.remove.image)) made.edits.push(edit);
    } else {
      const kept = withImages(edit, (ids) => ids.filter((id) => theirs!.has(id)));
      if (kept) made.edits.push(kept);
    }
  }
  return made;
}

/** Which field of which picture an edit sets to something; nothing where it changes what there is. */
export function settingOf(edit: Edit): { image: string; field: 'caption' | 'crop' } | undefined {
  if ('set_caption' in edit) return { image: edit.set_caption.image, field: 'caption' };
  if ('set_crop' in edit) return { image: edit.set_crop.image, field: 'crop' };
  return undefined;
}

function isClash(edit: Edit, seen: Image, there: Image): boolean {
  if ('set_caption' in edit) {
    const mine = oneLine(edit.set_caption.caption);
    return seen.caption !== there.caption && there.caption !== mine;
  }
  if (!('set_crop' in edit)) return false;
  return !isSameCrop(seen.crop, there.crop) && !isSameCrop(there.crop, edit.set_crop.crop);
}

/** The same edit of some of its pictures; nothing when none is left. */
function withImages(edit: Edit, choose: (ids: string[]) => string[]): Edit | undefined {
  const [kind, about] = Object.entries(edit)[0] as [string, { images?: string[] | null }];
  if (!about.images) return edit;
  const images = choose(about.images);
  return images.length > 0 ? ({ [kind]: { ...about, images } } as unknown as Edit) : undefined;
}
