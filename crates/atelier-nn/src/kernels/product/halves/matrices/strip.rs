//! How rows are arranged in strips: registers of the matrix unit read rows that lie evenly.
//!
//! The rows of small pictures do for as long as a line of pixels. Then a strip goes on over the border into the next lines, and
//! what comes out for the border is left aside; or strips are shorter; or rows are gathered. Whichever has the unit do least.

use super::super::super::super::level::amx;
use super::Row;

/// How many rows shorter strips may have.
const SHORT_SIDES: [usize; 2] = [8, 4];
/// What a line of a strip costs beside its rows: the registers that its products load are full of columns.
const LOAD_COST: usize = amx::SIDE;
/// What it costs to bring a line of the rows of a strip together.
const GATHER_COST: usize = 3 * amx::SIDE;
/// What it costs to bring sums of a strip to their place.
const PUT_COST: usize = 8 * amx::SIDE;

/// Where a strip reads its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Even {
    pub(super) first: *const u32,
    /// Bytes from one row to the next.
    pub(super) step: usize,
}

/// Up to as many rows as strips have.
#[derive(Clone, Copy)]
pub(super) struct Strip<'a> {
    pub(super) rows: &'a [Row],
    /// Where it reads as many rows as strips have, among them these in their order. Without it they are gathered.
    pub(super) even: Option<Even>,
    /// The distance of its rows in the result in bytes, where the strip is whole and they lie evenly.
    pub(super) to_step: Option<usize>,
}

impl<'a> Strip<'a> {
    pub(super) fn empty() -> Self {
        Self {
            rows: &[],
            even: None,
            to_step: None,
        }
    }

    /// A strip of rows, up to `side`, one after the other.
    fn close(rows: &'a [Row], side: usize) -> Self {
        let even = step_of(rows, side, |row| row.from.addr());
        Self {
            rows,
            even: even.map(|step| Even {
                first: rows[0].from,
                step,
            }),
            to_step: step_of(rows, side, |row| row.to * size_of::<f32>()),
        }
    }

    /// Whether its rows have to be gathered.
    pub(super) fn is_uneven(&self) -> bool {
        self.even.is_none() && !self.rows.is_empty()
    }

    /// Which of the rows that the strip reads is the `index`-th of its own.
    pub(super) fn slot(&self, index: usize) -> usize {
        self.even.map_or(index, |even| {
            (self.rows[index].from.addr() - even.first.addr()) / even.step
        })
    }

    /// About what it takes, in cycles, where so many lines of units are summed.
    fn cost(&self, side: usize, lines: usize) -> usize {
        let gather = if self.is_uneven() { GATHER_COST } else { 0 };
        let put = if self.to_step.is_none() { PUT_COST } else { 0 };
        lines * (side + LOAD_COST + gather) + put
    }
}

/// The rows in strips for sums of so many lines of units, and how many rows these have.
pub(super) fn arranged(rows: &[Row], lines: usize) -> (usize, Vec<Strip<'_>>) {
    let close = |side: usize| -> Vec<Strip<'_>> {
        let strips = rows.chunks(side);
        strips.map(|rows| Strip::close(rows, side)).collect()
    };
    let whole = close(amx::SIDE);
    let (full, _) = rows.as_chunks::<{ amx::SIDE }>();
    if whole[..full.len()].iter().all(|strip| !strip.is_uneven()) {
        return (amx::SIDE, whole);
    }
    let cost = |(side, strips): &(usize, Vec<Strip<'_>>)| -> usize {
        let costs = strips.iter().map(|strip| strip.cost(*side, lines));
        costs.sum()
    };
    let short = SHORT_SIDES.map(|side| (side, close(side)));
    let others = over_borders(rows).map(|strips| (amx::SIDE, strips));
    let all = [(amx::SIDE, whole)].into_iter().chain(others).chain(short);
    // the first of several that cost the same
    all.min_by_key(cost).unwrap_or_default()
}

/// Whole strips that read the rows with what lies between them, where these lie in a lattice that allows it.
fn over_borders(rows: &[Row]) -> Option<Vec<Strip<'_>>> {
    let (first, last) = (rows.first()?.from.addr(), rows.last()?.from.addr());
    // a block may begin at the end of a line, whose next row is further away
    let near = rows.windows(2).take(amx::SIDE);
    let steps = near.map(|pair| pair[1].from.addr().saturating_sub(pair[0].from.addr()));
    let step = steps.min()?;
    let span = (amx::SIDE - 1) * step;
    let ascends = |pair: &[Row]| pair[0].from.addr() < pair[1].from.addr();
    if !rows.windows(2).all(ascends) || last - first < span {
        return None;
    }
    let mut strips = Vec::new();
    let mut rest = rows;
    while let Some(row) = rest.first() {
        // what a strip reads must lie between rows
        let start = row.from.addr().min(last - span);
        let slot = |row: &Row| row.from.addr() - start;
        let is_inside = |row: &&Row| slot(row) <= span && slot(row).is_multiple_of(step);
        let count = rest.iter().take_while(is_inside).count();
        if count == 0 {
            // another lattice than that of the last row
            return None;
        }
        let (rows, others) = rest.split_at(count);
        let before = (row.from.addr() - start) / size_of::<u32>();
        let strip = Strip::close(rows, amx::SIDE);
        strips.push(Strip {
            even: Some(Even {
                first: row.from.wrapping_sub(before),
                step,
            }),
            ..strip
        });
        rest = others;
    }
    Some(strips)
}

/// The distance of the places of `side` rows, where it is the same for all.
fn step_of(rows: &[Row], side: usize, place: impl Fn(&Row) -> usize) -> Option<usize> {
    if rows.len() < side {
        return None;
    }
    let step = place(&rows[1]).checked_sub(place(&rows[0]))?;
    let same = |pair: &[Row]| place(&pair[0]) + step == place(&pair[1]);
    (step > 0 && rows.windows(2).all(same)).then_some(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of pictures with a border of one pixel: every `stride`-th pixel of every `stride`-th line.
    fn rows(units: &[u32], batch: usize, [height, width]: [usize; 2], stride: usize) -> Vec<Row> {
        let [lines, pitch] = [height, width].map(|side| side * stride + 2);
        let row = |i: usize| {
            let (picture, y, x) = (i / (height * width), i / width % height, i % width);
            let pixel = (picture * lines + y * stride) * pitch + x * stride;
            Row {
                from: units[pixel * 4..].as_ptr(),
                to: i * 8,
                scale: 1.0,
            }
        };
        (0..batch * height * width).map(row).collect()
    }

    /// How rows are arranged: the rows of a strip, how many are gathered, and how many there are.
    fn arrangement(rows: &[Row], lines: usize) -> [usize; 3] {
        let (side, strips) = arranged(rows, lines);
        let mut next = 0;
        for strip in &strips {
            for (index, row) in strip.rows.iter().enumerate() {
                assert_eq!(row.from, rows[next].from, "every row once, in order");
                next += 1;
                assert!(strip.slot(index) < side, "inside of the strip");
                let Some(even) = strip.even else { continue };
                let read = even.first.addr() + strip.slot(index) * even.step;
                assert_eq!(read, row.from.addr(), "its slot reads it");
                let last = even.first.addr() + (side - 1) * even.step;
                let all = rows[0].from.addr()..=rows[rows.len() - 1].from.addr();
                let reads = [even.first.addr(), last];
                assert!(reads.iter().all(|at| all.contains(at)), "between rows");
            }
        }
        assert_eq!(next, rows.len(), "all rows");
        let uneven = strips.iter().filter(|strip| strip.is_uneven()).count();
        [side, uneven, strips.len()]
    }

    #[test]
    fn strips_go_over_borders_where_that_is_less_work() {
        let units = vec![0; 1 << 16];
        let of =
            |batch, sides, stride, lines| arrangement(&rows(&units, batch, sides, stride), lines);
        // as wide as strips
        assert_eq!(of(2, [16, 16], 1, 36), [16, 0, 32]);
        // four strips of lines of ten, and what is left of the 78
        assert_eq!(of(3, [8, 8], 1, 36), [16, 0, 15]);
        assert_eq!(of(5, [4, 4], 1, 36), [16, 0, 10]);
        // lines of 21 and two of the border: 113 pixels from the first to the last
        assert_eq!(of(1, [5, 21], 1, 36), [16, 0, 8]);
        // from the last pixel of a line on
        let later = &rows(&units, 2, [8, 9], 1)[8..];
        assert_eq!(arrangement(later, 36), [16, 0, 11]);
        // every other pixel of lines of eighteen: nothing is won
        assert_eq!(of(2, [8, 8], 2, 36), [8, 0, 16]);
        // the sums are quicker than bringing them to their place
        assert_eq!(of(3, [8, 8], 1, 2), [8, 0, 24]);
        // fewer rows than a strip has
        assert_eq!(of(1, [3, 3], 1, 36)[2], 1);
        assert_eq!(arrangement(&[], 36), [16, 0, 0]);
    }
}
