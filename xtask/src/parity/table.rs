//! Comparisons, gathered into rows: a group, and of it what is held to one limit.

use anyhow::{Result, bail};

use super::group::{Group, is_own};
use super::record::{Measure, Record, exceeds};

/// The rows by group, in the order of the groups.
pub(super) struct Table<'g>(Vec<(&'g Group, Vec<Row>)>);

/// The comparisons of a group that are held to one limit.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) measure: Measure,
    pub(super) limit: f64,
    /// The largest.
    pub(super) error: f64,
    pub(super) count: usize,
}

impl<'g> Table<'g> {
    /// Gathers the comparisons; one that belongs to no group is an error.
    pub(super) fn of(groups: &'g [Group], records: &[Record]) -> Result<Self> {
        let mut table: Vec<_> = groups.iter().map(|group| (group, Vec::new())).collect();
        let mut strangers = Vec::new();
        for record in records.iter().filter(|record| !is_own(record)) {
            match table.iter_mut().find(|(group, _)| group.has(record)) {
                Some((_, rows)) => add(rows, record),
                None => strangers.push(format!("`{}` in {}", record.test, record.file)),
            }
        }
        if !strangers.is_empty() {
            strangers.sort();
            strangers.dedup();
            bail!(
                "comparisons of no group: {}; add them to xtask/src/parity/groups.rs",
                strangers.join(", ")
            );
        }
        for (_, rows) in &mut table {
            rows.sort_by(|a, b| b.limit.total_cmp(&a.limit));
        }
        Ok(Self(table))
    }

    /// Groups and their rows.
    pub(super) fn groups(&self) -> impl Iterator<Item = (&Group, &[Row])> {
        self.0.iter().map(|(group, rows)| (*group, rows.as_slice()))
    }

    /// How many comparisons there are.
    pub(super) fn count(&self) -> usize {
        let rows = self.0.iter().flat_map(|(_, rows)| rows);
        rows.map(|row| row.count).sum()
    }

    /// Groups without a comparison, and errors above their limit.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (group, rows) in self.groups() {
            if rows.is_empty() {
                problems.push(format!("`{}` was not measured", group.what));
            }
            for row in rows.iter().filter(|row| exceeds(row.error, row.limit)) {
                let (error, limit) = (row.error, row.limit);
                problems.push(format!(
                    "`{}` is off by {error:.1e}, limit {limit:.1e}",
                    group.what
                ));
            }
        }
        problems
    }
}

fn add(rows: &mut Vec<Row>, record: &Record) {
    let same = |row: &&mut Row| {
        row.measure == record.measure && row.limit.to_bits() == record.limit.to_bits()
    };
    match rows.iter_mut().find(same) {
        Some(row) => {
            row.error = if record.error.is_nan() {
                f64::INFINITY
            } else {
                row.error.max(record.error)
            };
            row.count += record.count;
        }
        None => rows.push(Row {
            measure: record.measure,
            limit: record.limit,
            error: record.error,
            count: record.count,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::groups::groups;
    use super::*;

    fn record(file: &str, error: f64, limit: f64) -> Record {
        Record {
            file: format!("crates/atelier-diffusion/tests/it/{file}"),
            test: "a::test".to_owned(),
            measure: Measure::Relative,
            count: 1,
            error,
            limit,
            what: String::new(),
        }
    }

    #[test]
    fn a_row_has_the_largest_error_that_is_held_to_its_limit() {
        let groups = groups();
        let records = [
            record("unet.rs", 2e-7, 1e-4),
            record("unet.rs", 3e-7, 1e-4),
            record("unet.rs", 1e-9, 1e-6),
        ];
        let table = Table::of(&groups, &records).unwrap();
        let (_, rows) = table
            .groups()
            .find(|(group, _)| group.what == "denoisers")
            .unwrap();
        assert_eq!((rows[0].error, rows[0].count), (3e-7, 2));
        assert_eq!((rows[1].error, rows[1].count), (1e-9, 1));
        assert_eq!(table.count(), 3);
    }

    #[test]
    fn groups_without_a_comparison_and_exceeded_limits_are_problems() {
        let groups = groups();
        let records = [
            record("unet.rs", 2e-4, 1e-4),
            record("vae.rs", f64::NAN, 1e-4),
        ];
        let problems = Table::of(&groups, &records).unwrap().problems();
        assert!(problems.contains(&"`denoisers` is off by 2.0e-4, limit 1.0e-4".to_owned()));
        assert!(
            problems
                .iter()
                .any(|problem| problem.starts_with("`autoencoders` is off by"))
        );
        assert!(problems.contains(&"`AdamW` was not measured".to_owned()));
        assert_eq!(problems.len(), groups.len());
    }

    #[test]
    fn a_comparison_of_no_group_is_named() {
        let groups = groups();
        let error = Table::of(&groups, &[record("new.rs", 0.0, 1.0)])
            .err()
            .unwrap();
        assert!(
            error
                .to_string()
                .contains("`a::test` in crates/atelier-diffusion/tests/it/new.rs")
        );
    }
}
