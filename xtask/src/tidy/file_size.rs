//! A file is read in one sitting: tests do not count, exceptions stand in `tidy.toml` with a reason.

use super::Finding;
use super::settings::Settings;
use super::tree::Tree;

pub(super) fn check(tree: &Tree, settings: &Settings) -> Vec<Finding> {
    let limits = &settings.limits;
    let mut findings = Vec::new();
    for file in tree
        .code()
        .filter(|file| !file.is_test() && !settings.excepts(&file.path))
    {
        let lines = file.product_lines();
        if lines > limits.file_fail_lines {
            let message = format!(
                "{lines} lines, the limit is {}: divide the file by idea",
                limits.file_fail_lines
            );
            findings.push(Finding::failure(&file.path, message));
        } else if lines > limits.file_warn_lines {
            let message = format!(
                "{lines} lines, aim for less than {}",
                limits.file_warn_lines
            );
            findings.push(Finding::warning(&file.path, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::super::settings::{Exception, Limits};
    use super::*;

    fn settings() -> Settings {
        let limits = Limits {
            file_warn_lines: 2,
            file_fail_lines: 4,
            ..Limits::default()
        };
        let exception = vec![Exception {
            path: "table.rs".to_owned(),
            reason: "a table".to_owned(),
        }];
        Settings {
            limits,
            exception,
            ..Settings::default()
        }
    }

    #[test]
    fn long_files_warn_and_longer_ones_fail() {
        let long = "x\n".repeat(5);
        let tree = Tree::of_texts(&[("a.rs", "x\nx\n"), ("b.rs", "x\nx\nx\n"), ("c.rs", &long)]);
        let severities: Vec<_> = check(&tree, &settings())
            .iter()
            .map(|finding| finding.severity)
            .collect();
        assert_eq!(severities, [Severity::Warning, Severity::Failure]);
    }

    #[test]
    fn tests_data_and_exceptions_may_be_long() {
        let long = "x\n".repeat(5);
        let tree = Tree::of_texts(&[
            ("a/tests.rs", &long),
            ("words.txt", &long),
            ("table.rs", &long),
        ]);
        assert!(check(&tree, &settings()).is_empty());
    }
}
