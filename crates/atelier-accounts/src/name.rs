//! Names of accounts.

/// Longest name.
const MOST_CHARS: usize = 60;

/// The name without blanks around it.
///
/// # Errors
/// In words, when nothing is left, it is too long, or it has characters that show nothing.
pub fn checked_name(name: &str) -> Result<String, String> {
    let name = name.trim();
    if name.is_empty() {
        return Err("it is empty".to_owned());
    }
    if name.chars().count() > MOST_CHARS {
        return Err(format!("it has more than {MOST_CHARS} characters"));
    }
    if name.contains(char::is_control) {
        return Err("it has control characters".to_owned());
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_something_to_show_and_fit_a_line() {
        assert_eq!(checked_name(" Ana María "), Ok("Ana María".to_owned()));
        for bad in ["", "  ", "a\nb", &"a".repeat(61)] {
            assert!(checked_name(bad).is_err(), "{bad:?}");
        }
    }
}
