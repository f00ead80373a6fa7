import { describe, expect, it } from 'vitest';
import {
  chosenCrop,
  clampCrop,
  cropOf,
  growCrop,
  isSameCrop,
  middleCrop,
  moveCrop,
  resizeCrop,
} from '../../src/lib/crop/geometry';
import { noteCrops, squareUrl } from '../../src/lib/crop/known_crops';
import { image } from './library';

const noted = { ...image('a', '', { left: 10, top: 10, side: 100 }), width: 4000, height: 3000 };

describe('small squares', () => {
  it('are asked for by themselves once the server knows them', () => {
    const square = noted.crop!;
    expect(squareUrl('1', noted, square, 190)).toBeUndefined();
    noteCrops({ number: 7, images: [noted] });
    noteCrops({ number: 8, images: [noted] });
    expect(squareUrl('1', noted, square, 190)).toMatch(/images\/a\/thumbnail\?side=128&crop=true&version=7$/);
    expect(squareUrl('1', noted, { ...square, left: 11 }, 190)).toBeUndefined();
  });

  it('are cut from the whole picture where that is sharp', () => {
    const large = { ...noted, id: 'b', crop: { left: 0, top: 0, side: 2000 } };
    noteCrops({ number: 1, images: [large] });
    expect(squareUrl('1', large, large.crop, 190)).toBeUndefined();
  });
});

const wide = { width: 1000, height: 600 };

describe('the square that is trained on', () => {
  it('is the largest in the middle unless one was chosen', () => {
    expect(middleCrop(wide)).toEqual({ left: 200, top: 0, side: 600 });
    expect(middleCrop({ width: 601, height: 900 })).toEqual({ left: 0, top: 149, side: 601 });
    expect(cropOf({ ...wide, crop: null })).toEqual(middleCrop(wide));
    expect(cropOf({ ...wide, crop: { left: 1, top: 2, side: 64 } })).toEqual({ left: 1, top: 2, side: 64 });
  });

  it('is sent as none where it is the middle one', () => {
    expect(chosenCrop(middleCrop(wide), wide)).toBeNull();
    const own = { left: 0, top: 0, side: 600 };
    expect(chosenCrop(own, wide)).toEqual(own);
  });

  it('is compared by its numbers', () => {
    expect(isSameCrop(null, undefined)).toBe(true);
    expect(isSameCrop(null, middleCrop(wide))).toBe(false);
    expect(isSameCrop({ left: 1, top: 2, side: 3 }, { left: 1, top: 2, side: 3 })).toBe(true);
  });

  it('stays in the picture when it is moved', () => {
    const crop = { left: 100, top: 50, side: 400 };
    expect(moveCrop(crop, 50.4, -20.2, wide)).toEqual({ left: 150, top: 30, side: 400 });
    expect(moveCrop(crop, 9999, 9999, wide)).toEqual({ left: 600, top: 200, side: 400 });
    expect(moveCrop(crop, -9999, -9999, wide)).toEqual({ left: 0, top: 0, side: 400 });
  });

  it('keeps the opposite corner when a corner is dragged', () => {
    const crop = { left: 100, top: 100, side: 300 };
    expect(resizeCrop(crop, 'se', 500, 450, wide)).toEqual({ left: 100, top: 100, side: 400 });
    expect(resizeCrop(crop, 'nw', 200, 150, wide)).toEqual({ left: 150, top: 150, side: 250 });
    expect(resizeCrop(crop, 'ne', 350, 90, wide)).toEqual({ left: 100, top: 90, side: 310 });
    expect(resizeCrop(crop, 'sw', 150, 350, wide)).toEqual({ left: 150, top: 100, side: 250 });
  });

  it('is always a square inside the picture, wherever a corner is dragged', () => {
    const crop = { left: 100, top: 100, side: 300 };
    for (const corner of ['nw', 'ne', 'sw', 'se'] as const) {
      for (const [x, y] of [
        [-500, -500],
        [2000, 2000],
        [250, 250],
        [-500, 2000],
        [999, 1],
      ] as const) {
        const made = resizeCrop(crop, corner, x, y, wide);
        expect(made).toEqual(clampCrop(made, wide));
      }
    }
  });

  it('grows around its middle and no further than the picture', () => {
    expect(growCrop({ left: 300, top: 200, side: 200 }, 20, wide)).toEqual({
      left: 290,
      top: 190,
      side: 220,
    });
    expect(growCrop({ left: 0, top: 0, side: 200 }, 20, wide)).toEqual({ left: 0, top: 0, side: 220 });
    expect(growCrop({ left: 0, top: 0, side: 590 }, 200, wide).side).toBe(600);
    expect(growCrop({ left: 0, top: 0, side: 40 }, -200, wide).side).toBe(32);
  });

  it('keeps a side that is smaller than people may choose', () => {
    const small = { left: 100, top: 100, side: 20 };
    expect(moveCrop(small, 5, 0, wide)).toEqual({ left: 105, top: 100, side: 20 });
    expect(growCrop(small, -4, wide).side).toBe(20);
    expect(growCrop(small, 4, wide).side).toBe(24);
    expect(resizeCrop(small, 'se', 121, 121, wide).side).toBe(21);
  });

  it('takes pictures that are smaller than the smallest side as a whole', () => {
    expect(clampCrop({ left: 3, top: 3, side: 5 }, { width: 16, height: 20 })).toEqual({
      left: 0,
      top: 3,
      side: 16,
    });
  });
});
