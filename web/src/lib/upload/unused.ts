// Captions and crops that came without a new picture: what they would change in the pictures that are here already.

import type { Crop, Edit, Image, Uploaded } from '../api/model';
import { oneLine } from '../caption/edit';
import { chosenCrop, isSameCrop } from '../crop/geometry';
import { isCaption, isCrops, isPicture, placeOf, type Refused } from './batches';
import type { Picked } from './picked';

/** A file of captions or crops that the server did not use. */
export interface Unused {
  /** With its archive or its folders. */
  fileName: string;
  /** What is in it; nothing where it came in an archive. */
  text?: string;
  /** The pictures that came with it and were here already: the ids of the images by the names of the files. */
  present: [name: string, image: string][];
  /** The names of those that came with it and were refused. */
  refused: string[];
}

/** Nobody writes longer captions; the server takes none. */
const MOST_CHARS = 10_000;
/** What is longer is neither a caption nor crops. */
const MOST_BYTES = 4 * 1024 * 1024;

/** What an upload left over; `notSent` are the paths of what was refused before it was sent. */
export async function unusedOf(files: Picked[], answer: Uploaded, notSent: string[] = []): Promise<Unused[]> {
  const sent = sentOf(files, answer);
  const present = sent.filter(({ told }) => told.outcome === 'present' && told.image !== null);
  const refused = [
    ...sent.flatMap(({ told, picked }) => (told.outcome === 'refused' && picked ? picked.path : [])),
    ...notSent,
  ]
    .map(placeOf)
    .filter(({ name }) => isPicture(name));
  const left = sent.filter(({ told }) => told.outcome === 'ignored' && isAbout(told.file_name));
  return Promise.all(
    left.map(async ({ told, picked }) => {
      const { file_name: name, archive } = told;
      const folder = picked && placeOf(picked.path).folder;
      const beside = present.filter((one) => one.picked && placeOf(one.picked.path).folder === folder);
      return {
        fileName: archive ? `${archive} › ${name}` : (picked?.path ?? name),
        text: await picked?.file
          .slice(0, MOST_BYTES)
          .text()
          .catch(() => undefined),
        present: beside.map(({ told }) => [told.file_name, told.image!] as [string, string]),
        refused: refused.filter((one) => one.folder === folder).map(({ name }) => name),
      };
    }),
  );
}

const isAbout = (name: string) => isCaption(name) || isCrops(name);

/** What is told of files, each with the file that it is; those of archives are not here. */
function sentOf(files: Picked[], { files: told }: Uploaded) {
  const left = [...files];
  return told.map((one) => {
    const isIt = ({ path }: Picked) => placeOf(path).name.normalize() === one.file_name.normalize();
    const at = one.archive === null ? left.findIndex(isIt) : -1;
    // They are told in the order in which they were sent, so that the first of this name is it.
    return { told: one, picked: at < 0 ? undefined : left.splice(at, 1)[0] };
  });
}

/** How many captions and crops. */
export interface Counts {
  captions: number;
  crops: number;
}

/** What becomes of all of them. */
export interface Leftovers {
  /** What they would change. */
  edits: Edit[];
  /** How much that is. */
  other: Counts;
  /** The names of the pictures that they are of. */
  pictures: string[];
  /** What is here as it is in the files. */
  same: Counts;
  /** Files that are of no use, and why. */
  lost: Refused[];
}

export function leftoversOf(unused: Unused[], here: Here): Leftovers {
  const made: Leftovers = {
    edits: [],
    other: { captions: 0, crops: 0 },
    pictures: [],
    same: { captions: 0, crops: 0 },
    lost: [],
  };
  if (unused.length === 0) return made;
  /** What is made of each picture, as text. */
  const done = new Map<string, string>();
  const pictures = new Map<string, string>();
  for (const one of unused) {
    const kind = isCrops(nameOf(one)) ? 'crops' : 'captions';
    const found = kind === 'crops' ? cropEdits(one, here) : captionEdits(one, here);
    if (typeof found === 'string') {
      made.lost.push({ fileName: one.fileName, reason: found });
      continue;
    }
    let isSecond = false;
    for (const { image, edit } of found) {
      const key = `${kind} ${image.id}`;
      const [before, now] = [done.get(key), JSON.stringify(edit ?? null)];
      if (before !== undefined) {
        isSecond ||= before !== now;
        continue;
      }
      done.set(key, now);
      made[edit ? 'other' : 'same'][kind]++;
      if (!edit) continue;
      made.edits.push(edit);
      pictures.set(image.id, image.file_name);
    }
    if (isSecond) made.lost.push({ fileName: one.fileName, reason: SECOND });
  }
  made.pictures = [...pictures.values()];
  return made;
}

/** A picture that is meant, with the edit of it; none where it is so already. */
type Found = { image: Image; edit?: Edit }[];

function captionEdits(one: Unused, here: Here): Found | string {
  const targets = here.meantBy(one, nameOf(one), stemOf);
  if (typeof targets === 'string') return targets;
  if (one.text === undefined) return UNREAD;
  const caption = oneLine(one.text.replace(/^\uFEFF/, ''));
  if (!caption) return 'It is empty.';
  if ([...caption].length > MOST_CHARS) return `It has more than ${MOST_CHARS} characters.`;
  return targets.map((image) => ({
    image,
    edit: image.caption === caption ? undefined : { set_caption: { image: image.id, caption } },
  }));
}

function cropEdits(one: Unused, here: Here): Found | string {
  if (one.text === undefined) return UNREAD;
  let isRefused = false;
  const found = cropsIn(one.text).flatMap(([name, crop]) => {
    const targets = here.meantBy(one, name, wholeOf);
    isRefused ||= targets === REFUSED;
    return typeof targets === 'string' ? [] : targets.map((image) => ({ image, crop }));
  });
  const inside = found.filter(({ image, crop }) => isInside(crop, image));
  if (inside.length === 0) return isRefused ? REFUSED : 'It names no picture that is here.';
  return inside.map(({ image, crop }) => {
    const chosen = chosenCrop(crop, image);
    const isSame = isSameCrop(chosen, image.crop);
    return { image, edit: isSame ? undefined : { set_crop: { image: image.id, crop: chosen } } };
  });
}

const UNREAD = 'Drop this file by itself, unpacked: then it can be set.';
const REFUSED = 'The picture that it came with was refused.';
const SECOND = 'Another file says something else of the same picture.';

/** What two names have in common that mean the same picture. */
type Part = (name: string) => string;

/** The pictures that are here, by their ids and their names. */
export class Here {
  #images: Image[];
  #byId: Map<string, Image> | undefined;
  #byName = new Map<Part, Map<string, Image[]>>();

  constructor(images: Image[]) {
    this.#images = images;
  }

  /** The pictures that are meant: those that came with the file, else the one that is called so. */
  meantBy({ present, refused }: Unused, name: string, part: Part): Image[] | string {
    const beside = present.filter(([other]) => part(other) === part(name));
    const byId = (this.#byId ??= new Map(this.#images.map((image) => [image.id, image])));
    const came = new Set(beside.flatMap(([, id]) => byId.get(id) ?? []));
    if (came.size > 0) return [...came];
    if (refused.some((other) => part(other) === part(name))) return REFUSED;
    const called = this.#called(part).get(part(name)) ?? [];
    if (called.length > 1)
      return 'Several pictures here have this name: bring the one that is meant with it.';
    return called.length === 1 ? called : 'No picture here has this name.';
  }

  /** The pictures by this part of their names, put in order when it is first asked for. */
  #called(part: Part): Map<string, Image[]> {
    const there = this.#byName.get(part);
    if (there) return there;
    const named = new Map<string, Image[]>();
    for (const image of this.#images) {
      const name = part(image.file_name);
      const same = named.get(name);
      if (same) same.push(image);
      else named.set(name, [image]);
    }
    this.#byName.set(part, named);
    return named;
  }
}

function cropsIn(text: string): [string, Crop][] {
  try {
    // The server read it before, and refuses what has another shape.
    const { crops } = JSON.parse(text) as { crops: Record<string, Crop> };
    return Object.entries(crops).map(([name, { left, top, side }]) => [name, { left, top, side }]);
  } catch {
    return [];
  }
}

function isInside({ left, top, side }: Crop, { width, height }: Image): boolean {
  return left + side <= width && top + side <= height;
}

function nameOf({ fileName }: Unused): string {
  return fileName.replace(/^.*( › |\/)/, '');
}

/** The same however accents are written. */
function wholeOf(name: string): string {
  return name.normalize();
}

function stemOf(name: string): string {
  return name.normalize().replace(/\.[^.]*$/, '');
}
