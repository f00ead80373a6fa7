// Which files go into one upload. Each upload becomes one version of the dataset, so there are as few as possible.

export interface NamedFile {
  name: string;
  size: number;
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

export const ACCEPTED = '.png,.jpg,.jpeg,.webp,.gif,.bmp,.txt,.json,.zip';

export function batchesOf<F extends NamedFile>(files: F[], limits: Limits): Batches<F> {
  const refused: Refused[] = [];
  const loose: F[] = [];
  const batches: F[][] = [];
  for (const file of files) {
    const reason = reasonAgainst(file, limits);
    if (reason) refused.push({ fileName: file.name, reason });
    else if (ARCHIVE.test(file.name)) batches.push([file]);
    else if (!UNASKED.test(file.name)) loose.push(file);
  }
  return { batches: [...looseBatches(loose, limits), ...batches], refused };
}

function reasonAgainst(file: NamedFile, limits: Limits): string | undefined {
  if (UNASKED.test(file.name)) return undefined;
  if (ARCHIVE.test(file.name)) {
    return file.size > limits.uploadBytes
      ? 'The archive is larger than one upload may be. Split it.'
      : undefined;
  }
  if (PICTURE.test(file.name)) {
    if (file.size > limits.pictureBytes) return 'The file is larger than a picture may be. Save it smaller.';
    return file.size === 0 ? 'The file is empty.' : undefined;
  }
  if (CAPTION.test(file.name) || CROPS.test(file.name)) return undefined;
  return 'Not a picture. PNG, JPEG, WebP, GIF and BMP are, and a zip of these.';
}

/** Pictures with their captions; these stay together, since the server pairs them within one upload. */
function looseBatches<F extends NamedFile>(files: F[], limits: Limits): F[][] {
  const crops = files.filter((file) => CROPS.test(file.name));
  const groups = new Map<string, F[]>();
  for (const file of files) {
    if (CROPS.test(file.name)) continue;
    const stem = file.name.replace(/\.[^.]*$/, '');
    const group = groups.get(stem);
    if (group) group.push(file);
    else groups.set(stem, [file]);
  }
  const batches: F[][] = [];
  let [current, size]: [F[], number] = [[], 0];
  for (const group of groups.values()) {
    const groupSize = sizeOf(group);
    const isFull = current.length + group.length + crops.length > limits.uploadFiles;
    if (current.length > 0 && (isFull || size + groupSize > Math.min(BATCH_BYTES, limits.uploadBytes))) {
      batches.push(current);
      [current, size] = [[], 0];
    }
    current.push(...group);
    size += groupSize;
  }
  if (current.length > 0) batches.push(current);
  // Crops name pictures of any batch, and each batch takes those of its own.
  return crops.length > 0 ? batches.map((batch) => [...batch, ...crops]) : batches;
}

export function sizeOf(files: NamedFile[]): number {
  return files.reduce((sum, file) => sum + file.size, 0);
}

/** What an upload is called while it goes on. */
export function batchName(files: NamedFile[]): string {
  const [first] = files;
  if (files.length === 1 && first) return first.name;
  const pictures = files.filter((file) => PICTURE.test(file.name)).length;
  return pictures === 1 ? '1 picture' : `${pictures} pictures`;
}
