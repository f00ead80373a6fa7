//! Whether the tensors of one adapter layer fit each other.

use super::array::Array;
use super::layer::{Content, StoredFactor};

/// What is wrong with a layer's shapes among themselves, if anything.
pub(super) fn content(content: &Content) -> Result<(), String> {
    match content {
        Content::LowRank { down, up, mid } => low_rank(down, up, mid.as_ref()),
        Content::LoHa(StoredFactor::Whole(_), _) | Content::LoHa(_, StoredFactor::Whole(_)) => {
            Err("is a LoHa without its factors".to_owned())
        }
        Content::LoHa(first, second) => {
            factor(first)?;
            factor(second)?;
            if first.size() == second.size() {
                return Ok(());
            }
            Err(format!(
                "multiplies {} with {}, which differ in shape",
                shapes(first),
                shapes(second)
            ))
        }
        Content::LoKr(first, second) => factor(first).and_then(|()| factor(second)),
        Content::Full(whole) | Content::Bias(whole) => filled(&[whole]),
    }
}

/// `DoRA`'s lengths belong to the rows or to the input channels of a weight.
pub(super) fn magnitude(lengths: &Array, (rows, columns): (usize, usize)) -> Result<(), String> {
    let count = lengths.values.len();
    let per_row = lengths.length(0) == rows && count == rows;
    let per_channel = lengths.length(0) == 1
        && lengths.length(1) == count
        && columns.is_multiple_of(count.max(1));
    if count > 0 && (per_row || per_channel) {
        return Ok(());
    }
    Err(format!(
        "has DoRA lengths of shape {:?} for a weight of {rows} rows and {columns} columns",
        lengths.shape
    ))
}

fn low_rank(down: &Array, up: &Array, mid: Option<&Array>) -> Result<(), String> {
    let fits = match (&down.shape[..], &up.shape[..]) {
        ([a, _], [_, b] | [_, b, 1, 1]) | ([a, _, _, _], [_, b, 1, 1]) => a == b,
        _ => false,
    };
    let rank = down.length(0);
    let fits = fits
        && mid.is_none_or(|mid| {
            matches!(mid.shape[..], [a, b, _, _] if a == rank && b == rank)
                && down.columns() == down.length(1)
        });
    if !fits {
        let mid = mid.map_or_else(String::new, |mid| format!(", mid {:?}", mid.shape));
        return Err(format!(
            "has factors that do not fit each other: down {:?}, up {:?}{mid}",
            down.shape, up.shape
        ));
    }
    filled(&[down, up]).and_then(|()| filled(mid.as_slice()))
}

fn factor(factor: &StoredFactor) -> Result<(), String> {
    let fits = match factor {
        StoredFactor::Whole(whole) => return filled(&[whole]),
        StoredFactor::Product { a, b } => {
            a.shape.len() == 2 && b.shape.len() >= 2 && a.length(1) == b.length(0)
        }
        StoredFactor::Tucker { core, a, b } => {
            let rank = b.length(0);
            let square = matches!(core.shape[..], [i, j, _, _] if i == a.length(0) && j == rank);
            a.shape.len() == 2 && b.shape.len() == 2 && square
        }
    };
    if !fits {
        return Err(format!(
            "has factors that do not fit each other: {}",
            shapes(factor)
        ));
    }
    match factor {
        StoredFactor::Whole(_) => Ok(()),
        StoredFactor::Product { a, b } => filled(&[a, b]),
        StoredFactor::Tucker { core, a, b } => filled(&[core, a, b]),
    }
}

fn filled(arrays: &[&Array]) -> Result<(), String> {
    let empty = arrays.iter().any(|array| array.values.is_empty());
    let flat = arrays.iter().any(|array| array.shape.is_empty());
    if !empty && !flat {
        return Ok(());
    }
    let shapes: Vec<_> = arrays
        .iter()
        .map(|array| format!("{:?}", array.shape))
        .collect();
    Err(format!(
        "has rank or width 0: shapes {}",
        shapes.join(" and ")
    ))
}

fn shapes(factor: &StoredFactor) -> String {
    match factor {
        StoredFactor::Whole(whole) => format!("{:?}", whole.shape),
        StoredFactor::Product { a, b } => format!("{:?} @ {:?}", a.shape, b.shape),
        StoredFactor::Tucker { core, a, b } => {
            format!("{:?} through {:?} and {:?}", core.shape, a.shape, b.shape)
        }
    }
}
