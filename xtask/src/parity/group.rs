//! A row of the page: what is compared, with whose numbers, and which comparisons of the tests belong to it.

use super::record::Record;

/// Comparisons that one row of the page stands for.
pub(super) struct Group {
    /// What is compared.
    pub(super) what: String,
    /// The packages whose numbers are the reference, or the script that computes by itself.
    pub(super) references: &'static [&'static str],
    pub(super) sources: Vec<Source>,
}

/// Where a group's comparisons come from. The first group with a fitting source takes a comparison.
pub(super) struct Source {
    /// The end of the source file's path, from a whole name on.
    pub(super) file: &'static str,
    /// Part of the test's path.
    test: &'static str,
    /// Part of the case, whose words have a dot at each end.
    case: String,
}

/// Comparisons of this program with itself, which say nothing about a reference.
const OWN: [(&str, &str); 3] = [
    ("adapter_kinds.rs", "several_adapters_act_as_if_baked"),
    ("norms_and_biases.rs", ""),
    ("testkit/src/tests.rs", ""),
];

/// Whether a comparison has no reference.
pub(super) fn is_own(record: &Record) -> bool {
    OWN.iter()
        .any(|(file, test)| ends_with_path(&record.file, file) && record.test.contains(test))
}

impl Group {
    /// Whether the comparison is one of the group's.
    pub(super) fn has(&self, record: &Record) -> bool {
        let case = format!(".{}.", record.what.replace(' ', "."));
        self.sources.iter().any(|source| {
            ends_with_path(&record.file, source.file)
                && record.test.contains(source.test)
                && case.contains(&source.case)
        })
    }
}

/// Whether a path ends with another, from a whole name on.
pub(super) fn ends_with_path(path: &str, end: &str) -> bool {
    let front = path.strip_suffix(end);
    front.is_some_and(|front| front.is_empty() || front.ends_with('/'))
}

/// A row of what comes from these files, tests and cases.
pub(super) fn group(
    what: &str,
    references: &'static [&'static str],
    sources: &[(&'static str, &'static str, &str)],
) -> Group {
    let source = |&(file, test, case): &(&'static str, &'static str, &str)| Source {
        file,
        test,
        case: case.to_owned(),
    };
    Group {
        what: what.to_owned(),
        references,
        sources: sources.iter().map(source).collect(),
    }
}
