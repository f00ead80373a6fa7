// In which version a square is known to the server, so that it can be asked for a sharp picture of it.

import { thumbnailSide, thumbnailUrl } from '../api/calls/addresses';
import type { Crop, Image, Version } from '../api/model';
import { cropOf, type Size } from './geometry';

const LARGEST_SIDE = 1024;
/** By image and square, the first version that was seen with them: an address that stays the same is not fetched again. */
const known = new Map<string, number>();

function keyOf(image: string, { left, top, side }: Crop): string {
  return `${image} ${left} ${top} ${side}`;
}

/** Notes the squares of a version. */
export function noteCrops({ number, images }: Pick<Version, 'number' | 'images'>): void {
  for (const image of images) {
    const key = keyOf(image.id, cropOf(image));
    if (!known.has(key)) known.set(key, number);
  }
}

/** How large the whole picture has to be so that its square is sharp at `pixels`. */
export function wholeSide(image: Size, square: Crop, pixels: number): number {
  const longest = Math.max(image.width, image.height);
  return Math.min(longest, (pixels * longest) / square.side);
}

/** A picture of the square alone, where one cut from the whole thumbnail would be blurred and the server knows it. */
export function squareUrl(
  dataset: string,
  image: Pick<Image, 'id' | 'width' | 'height'>,
  square: Crop,
  pixels: number,
): string | undefined {
  const version = known.get(keyOf(image.id, square));
  if (version === undefined || wholeSide(image, square, pixels) <= LARGEST_SIDE) return undefined;
  const side = thumbnailSide(Math.min(pixels, square.side));
  return `${thumbnailUrl(dataset, image.id, side)}&crop=true&version=${version}`;
}
