// Which files go into one upload. Each upload becomes one version of the dataset, so there are as few as possible.

import { count } from '../words/format';

/** A file with the folders before its name. */
export interface PlacedFile {
  path: string;
  file: { size: number };
}

export interface Limits {
  pictureBytes: number;
  uploadBytes: number;
  uploadFiles: number;
}

export interface Refused {
  fileName: string;
  reason: string;
}

export interface Batches<F> {
  batches: F[][];
  refused: Refused[];
}

/** Larger uploads are split, so that a lost connection does not cost all of them. */
const BATCH_BYTES = 512 * 1024 * 1024;
const PICTURE = /\.(png|jpe?g|webp|gif|bmp)$/i;
const ARCHIVE = /\.zip$/i;
const CAPTION = /\.txt$/i;
const CROPS = /^crops\.json$/i;
const UNASKED = /^(\.|thumbs\.db$|desktop\.ini$)/i;
const UNASKED_FOLDER = /(^|\/)__MACOSX(\/|$)/;

export const isPicture = (name: string) => PICTURE.test(name);
export const isCaption = (name: string) => CAPTION.test(name);
export const isCrops = (name: string) => CROPS.test(name);

export const ACCEPTED = '.png,.jpg,.jpeg,.jpe,.jfif,.webp,.gif,.bmp,.txt,.json,.zip';

export function batchesOf<F extends PlacedFile>(files: F[], limits: Limits): Batches<F> {
  const refused: Refused[] = [];
  const loose: F[] = [];
  const batches: F[][] = [];
  for (const file of files) {
    const { folder, name } = placeOf(file.path);
    if (UNASKED.test(name) || UNASKED_FOLDER.test(folder)) continue;
    const reason = reasonAgainst(name, file.file.size, limits);
    if (reason) refused.push({ fileName: file.path, reason });
    else if (ARCHIVE.test(name)) batches.push([file]);
    else loose.push(file);
  }
  return { batches: [...looseBatches(loose, limits), ...batches], refused };
}

function reasonAgainst(name: string, size: number, limits: Limits): string | undefined {
  if (ARCHIVE.test(name)) {
    return size > limits.uploadBytes ? 'The archive is larger than one upload may be. Split it.' : undefined;
  }
  if (PICTURE.test(name)) {
    if (size > limits.pictureBytes) return 'The file is larger than a picture may be. Save it smaller.';
    return size === 0 ? 'The file is empty.' : undefined;
  }
  if (CAPTION.test(name) || CROPS.test(name)) return undefined;
  return 'Not a picture. PNG, JPEG, WebP, GIF and BMP are, and a zip of these.';
}

/**
 * Pictures with their captions and the crops of their folder; these stay together, since the server pairs what has the same
 * name in the same folder within one upload.
 */
function looseBatches<F extends PlacedFile>(files: F[], limits: Limits): F[][] {
  const isCropsFile = ({ path }: F) => CROPS.test(placeOf(path).name);
  const others = files.filter((file) => !isCropsFile(file));
  const folders = new Set(others.map(({ path }) => placeOf(path).folder));
  const crops = new Map<string, F>();
  const groups = new Map<string, F[]>();
  for (const file of files.filter(isCropsFile)) {
    const { folder } = placeOf(file.path);
    if (folders.has(folder)) crops.set(folder, file);
    // By itself it goes, too: the answer says what becomes of it.
    else groups.set(file.path, [file]);
  }
  for (const file of others) {
    const stem = file.path.replace(/\.[^./]*$/, '');
    const group = groups.get(stem);
    if (group) group.push(file);
    else groups.set(stem, [file]);
  }
  const batches: F[][] = [];
  let [current, size]: [F[], number] = [[], 0];
  for (const group of groups.values()) {
    const groupSize = sizeOf(group);
    const isFull = withCrops([...current, ...group], crops).length > limits.uploadFiles;
    if (current.length > 0 && (isFull || size + groupSize > Math.min(BATCH_BYTES, limits.uploadBytes))) {
      batches.push(current);
      [current, size] = [[], 0];
    }
    current.push(...group);
    size += groupSize;
  }
  if (current.length > 0) batches.push(current);
  return batches.map((batch) => withCrops(batch, crops));
}

/** The same files, and for each of their folders the crops that are told there. */
function withCrops<F extends PlacedFile>(files: F[], crops: Map<string, F>): F[] {
  if (crops.size === 0) return files;
  const folders = new Set(files.map(({ path }) => placeOf(path).folder));
  return [...files, ...[...crops].filter(([folder]) => folders.has(folder)).map(([, file]) => file)];
}

export function placeOf(path: string): { folder: string; name: string } {
  const at = path.lastIndexOf('/');
  return { folder: path.slice(0, Math.max(at, 0)), name: path.slice(at + 1) };
}

export function sizeOf(files: PlacedFile[]): number {
  return files.reduce((sum, file) => sum + file.file.size, 0);
}

/** What an upload is called while it goes on. */
export function batchName(files: PlacedFile[]): string {
  const [first] = files;
  if (files.length === 1 && first) return placeOf(first.path).name;
  const pictures = files.filter((file) => PICTURE.test(file.path)).length;
  return pictures === 0 ? count(files.length, 'file') : count(pictures, 'picture');
}
