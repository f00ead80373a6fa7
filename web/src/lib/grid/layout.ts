// Which rows of a long grid are to be seen, so that only these are in the page.

export interface GridWishes {
  /** The width there is, in pixels. */
  width: number;
  count: number;
  /** Cells are at least this wide, unless the grid itself is narrower. */
  leastCell: number;
  gap: number;
  /** Height below the square of each cell. */
  footer: number;
}

export interface GridLayout {
  columns: number;
  rows: number;
  cell: number;
  /** From the top of one row to that of the next. */
  rowHeight: number;
  height: number;
}

export function gridLayout({ width, count, leastCell, gap, footer }: GridWishes): GridLayout {
  const columns = Math.max(1, Math.floor((width + gap) / (leastCell + gap)));
  const cell = Math.max(1, Math.floor((width - gap * (columns - 1)) / columns));
  const rows = Math.ceil(count / columns);
  const rowHeight = cell + footer + gap;
  return { columns, rows, cell, rowHeight, height: Math.max(0, rows * rowHeight - gap) };
}

/** The rows from `first` to before `end` that a window of `viewport` pixels shows, with `spare` more on both sides. */
export function visibleRows(
  layout: GridLayout,
  scrolled: number,
  viewport: number,
  spare = 2,
): { first: number; end: number } {
  const { rowHeight, rows } = layout;
  const first = Math.max(0, Math.floor(scrolled / rowHeight) - spare);
  const end = Math.min(rows, Math.ceil((scrolled + viewport) / rowHeight) + spare);
  return { first: Math.min(first, rows), end: Math.max(end, Math.min(first, rows)) };
}

/** Where a key leads from cell `at`, or nothing for other keys. */
export function cellAfterKey(
  key: string,
  at: number,
  count: number,
  columns: number,
  pageRows: number,
): number | undefined {
  if (count === 0) return undefined;
  const last = count - 1;
  const steps: Record<string, number> = {
    ArrowRight: at + 1,
    ArrowLeft: at - 1,
    ArrowDown: at + columns > last && at < last - (last % columns) ? last : at + columns,
    ArrowUp: at - columns,
    PageDown: Math.min(last, at + columns * pageRows),
    PageUp: Math.max(at % columns, at - columns * pageRows),
    Home: 0,
    End: last,
  };
  const to = steps[key];
  if (to === undefined) return undefined;
  return to < 0 || to > last ? at : to;
}
