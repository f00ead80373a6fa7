import { describe, expect, it } from 'vitest';
import { cellAfterKey, gridLayout, visibleRows } from '../../src/lib/grid/layout';

const layout = gridLayout({ width: 1000, count: 5000, leastCell: 190, gap: 18, footer: 76 });

describe('the grid', () => {
  it('has as many columns as fit', () => {
    expect(layout.columns).toBe(4);
    expect(layout.cell).toBe(236);
    expect(layout.rows).toBe(1250);
    expect(layout.height).toBe(1250 * (236 + 76 + 18) - 18);
  });

  it('has one column where hardly anything fits, and none of height where nothing is', () => {
    expect(gridLayout({ width: 120, count: 3, leastCell: 190, gap: 18, footer: 0 }).columns).toBe(1);
    expect(gridLayout({ width: 500, count: 0, leastCell: 190, gap: 18, footer: 0 }).height).toBe(0);
  });

  it('shows only the rows in the window, and some around it', () => {
    expect(visibleRows(layout, 0, 900)).toEqual({ first: 0, end: 5 });
    const middle = visibleRows(layout, 330 * 600, 900);
    expect(middle).toEqual({ first: 598, end: 605 });
    expect(visibleRows(layout, 9_999_999, 900)).toEqual({ first: 1250, end: 1250 });
  });

  it('is walked through by keys', () => {
    const key = (name: string, at: number) => cellAfterKey(name, at, 10, 4, 2);
    expect(key('ArrowRight', 3)).toBe(4);
    expect(key('ArrowLeft', 0)).toBe(0);
    expect(key('ArrowDown', 1)).toBe(5);
    expect(key('ArrowDown', 7)).toBe(9);
    expect(key('ArrowDown', 9)).toBe(9);
    expect(key('ArrowUp', 5)).toBe(1);
    expect(key('ArrowUp', 1)).toBe(1);
    expect(key('PageDown', 1)).toBe(9);
    expect(key('PageUp', 9)).toBe(1);
    expect(key('Home', 9)).toBe(0);
    expect(key('End', 0)).toBe(9);
    expect(key('x', 0)).toBeUndefined();
    expect(cellAfterKey('End', 0, 0, 4, 2)).toBeUndefined();
  });
});
