//! How much memory this process took at most.

/// The peak of the resident memory in bytes, where the system tells.
pub(crate) fn peak_bytes() -> Option<u64> {
    peak_in(&fs_err::read_to_string("/proc/self/status").ok()?)
}

fn peak_in(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let number = line.trim().strip_suffix("kB")?.trim();
    Some(number.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_the_system_file() {
        assert_eq!(peak_in("Name:\tx\nVmHWM:\t     12 kB\n"), Some(12 * 1024));
        assert_eq!(peak_in("Name:\tx\n"), None);
    }
}
