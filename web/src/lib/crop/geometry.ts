// The square of a picture that is trained on: where it is, and where it goes when it is moved or resized. Pictures are
// never stretched, so that a crop is always a square of whole pixels inside the picture.

import type { Crop } from '../api/model';

export interface Size {
  width: number;
  height: number;
}

/** A corner by which a crop is resized; the opposite one stays. */
export type Corner = 'nw' | 'ne' | 'sw' | 'se';

/** Sides below this are hardly any picture; smaller pictures can be taken as a whole. */
const SMALLEST_SIDE = 32;

export function longestSide({ width, height }: Size): number {
  return Math.min(width, height);
}

export function smallestSide(size: Size): number {
  return Math.min(SMALLEST_SIDE, longestSide(size));
}

/** The largest square in the middle, which is trained on where no crop is chosen. It is rounded as the trainer rounds. */
export function middleCrop(size: Size): Crop {
  const side = longestSide(size);
  return {
    left: Math.floor((size.width - side) / 2),
    top: Math.floor((size.height - side) / 2),
    side,
  };
}

/** The square that is trained on. */
export function cropOf(image: Size & { crop?: Crop | null }): Crop {
  return image.crop ?? middleCrop(image);
}

export function isSameCrop(a: Crop | null | undefined, b: Crop | null | undefined): boolean {
  if (!a || !b) return !a && !b;
  return a.left === b.left && a.top === b.top && a.side === b.side;
}

/** The nearest crop that lies in the picture, with at least the side `least`. */
export function clampCrop(crop: Crop, size: Size, least = smallestSide(size)): Crop {
  const side = clamp(Math.round(crop.side), least, longestSide(size));
  return {
    left: clamp(Math.round(crop.left), 0, size.width - side),
    top: clamp(Math.round(crop.top), 0, size.height - side),
    side,
  };
}

export function moveCrop(crop: Crop, right: number, down: number, size: Size): Crop {
  return clampCrop({ ...crop, left: crop.left + right, top: crop.top + down }, size, crop.side);
}

/** The crop when `corner` is dragged to the point (x, y); the opposite corner stays where it is. */
export function resizeCrop(crop: Crop, corner: Corner, x: number, y: number, size: Size): Crop {
  const isWest = corner === 'nw' || corner === 'sw';
  const isNorth = corner === 'nw' || corner === 'ne';
  const fixedX = isWest ? crop.left + crop.side : crop.left;
  const fixedY = isNorth ? crop.top + crop.side : crop.top;
  const wantedX = isWest ? fixedX - x : x - fixedX;
  const wantedY = isNorth ? fixedY - y : y - fixedY;
  const roomX = isWest ? fixedX : size.width - fixedX;
  const roomY = isNorth ? fixedY : size.height - fixedY;
  const room = Math.min(roomX, roomY);
  // The longer of both ways leads, so that the corner follows the pointer in every direction.
  const wanted = Math.round(Math.max(wantedX, wantedY));
  const side = clamp(wanted, Math.min(leastSide(crop, size), room), room);
  return {
    left: isWest ? fixedX - side : fixedX,
    top: isNorth ? fixedY - side : fixedY,
    side,
  };
}

/** The crop with its side changed by `by` pixels around its middle, as far as the picture allows. */
export function growCrop(crop: Crop, by: number, size: Size): Crop {
  const side = clamp(crop.side + by, leastSide(crop, size), longestSide(size));
  const shift = (crop.side - side) / 2;
  return clampCrop({ left: crop.left + shift, top: crop.top + shift, side }, size, side);
}

/** How small a crop may be made: one that came smaller, as from the command line, stays so. */
function leastSide(crop: Crop, size: Size): number {
  return Math.min(smallestSide(size), crop.side);
}

/** What is sent to the server: no crop where it is the one in the middle anyway. */
export function chosenCrop(crop: Crop, size: Size): Crop | null {
  return isSameCrop(crop, middleCrop(size)) ? null : crop;
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}
