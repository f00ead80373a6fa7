// The edits that take others back.

import type { Edit, Image } from '../../api/model';

/** Edits that give images the captions and crops that they had in `before`, where `now` has others. */
export function editsBack(before: Image[], now: Image[], ids: Iterable<string>): Edit[] {
  const was = new Map(before.map((image) => [image.id, image]));
  const is = new Map(now.map((image) => [image.id, image]));
  const edits: Edit[] = [];
  for (const id of ids) {
    const [old, current] = [was.get(id), is.get(id)];
    if (!old || !current) continue;
    if (old.caption !== current.caption) edits.push({ set_caption: { image: id, caption: old.caption } });
    if (JSON.stringify(old.crop ?? null) !== JSON.stringify(current.crop ?? null)) {
      edits.push({ set_crop: { image: id, crop: old.crop } });
    }
  }
  return edits;
}
