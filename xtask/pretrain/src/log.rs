//! What is told while a stage works.

/// One line of progress.
#[expect(clippy::print_stderr, reason = "a development tool's log")]
pub(crate) fn log(line: &str) {
    eprintln!("{line}");
}

/// Makes what only shows how a training stands. Where that fails, what is to be logged of it: the training goes on.
pub(crate) fn missed(what: &str, make: impl FnOnce() -> anyhow::Result<()>) -> Option<String> {
    let error = make().err()?;
    Some(format!(
        "no {what}, the training goes on without it: {error:#}"
    ))
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_sheet_that_cannot_be_made_is_told_and_no_failure() {
        assert_eq!(missed("sheet", || Ok(())), None);
        let line = missed("sheet", || {
            fs_err::read("no/such/folder/sheet.png").context("cannot look at it")?;
            Ok(())
        });
        let line = line.unwrap();
        for part in ["no sheet", "goes on", "cannot look at it", "sheet.png`"] {
            assert!(line.contains(part), "{line}");
        }
    }
}
