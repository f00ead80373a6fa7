//! How much memory this process took at most, and how much is free for it.

use std::path::{Path, PathBuf};

/// The peak of the resident memory in bytes, where the system tells.
pub fn peak_bytes() -> Option<u64> {
    kilobytes(&read("/proc/self/status")?, "VmHWM")
}

/// The memory in bytes that this process can still take without swapping, where the system tells: what the machine has,
/// and what the control groups around the process allow.
pub fn free_bytes() -> Option<u64> {
    let machine = kilobytes(&read("/proc/meminfo")?, "MemAvailable")?;
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let limits = group_folders(&groups).filter_map(|folder| free_in_group(&folder));
    Some(limits.fold(machine, u64::min))
}

/// The memory in bytes that this process could have if nothing else had any, where the system tells: the machine's, and what the
/// control groups around the process allow.
pub fn total_bytes() -> Option<u64> {
    let machine = kilobytes(&read("/proc/meminfo")?, "MemTotal")?;
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let limits = group_folders(&groups).filter_map(|folder| limit_of_group(&folder));
    Some(limits.fold(machine, u64::min))
}

/// The value of a line `name: value kB`, in bytes.
pub fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.clone().find(|(key, _)| key.trim() == name)?;
    let number = value.trim().strip_suffix("kB")?.trim();
    Some(number.parse::<u64>().ok()? * 1024)
}

/// The folders of the memory controller for this process and all groups around it, by its lines in `/proc/self/cgroup`.
fn group_folders(groups: &str) -> impl Iterator<Item = PathBuf> {
    let lines = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let root = match controllers {
            "" => Path::new("/sys/fs/cgroup"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                Path::new("/sys/fs/cgroup/memory")
            }
            _ => return None,
        };
        let own = root.join(path.trim_start_matches('/'));
        let around = own.ancestors().map(Path::to_owned).collect::<Vec<_>>();
        Some(
            around
                .into_iter()
                .filter(move |folder| folder.starts_with(root)),
        )
    });
    lines.flatten().collect::<Vec<_>>().into_iter()
}

/// The limit of a control group, where it has one: version 2, then version 1.
fn limit_of_group(folder: &Path) -> Option<u64> {
    number_in(folder, "memory.max").or_else(|| number_in(folder, "memory.limit_in_bytes"))
}

fn number_in(folder: &Path, name: &str) -> Option<u64> {
    read(folder.join(name))?.trim().parse().ok()
}

/// What a control group has left, where it has a limit: version 2, then version 1. Pages of files give way.
fn free_in_group(folder: &Path) -> Option<u64> {
    let limit = limit_of_group(folder)?;
    let used = number_in(folder, "memory.current");
    let used = used.or_else(|| number_in(folder, "memory.usage_in_bytes"))?;
    let stat = read(folder.join("memory.stat")).unwrap_or_default();
    let value = |name: &str| {
        let mut lines = stat.lines().filter_map(|line| line.split_once(' '));
        lines
            .find(|(key, _)| *key == name)?
            .1
            .trim()
            .parse::<u64>()
            .ok()
    };
    // Version 1 counts the groups below under other names, as the use does.
    let pages = ["inactive_file", "active_file"].map(|name| {
        let all = value(&format!("total_{name}"));
        all.or_else(|| value(name)).unwrap_or(0)
    });
    Some(limit.saturating_sub(used.saturating_sub(pages.iter().sum())))
}

fn read(path: impl AsRef<Path>) -> Option<String> {
    fs_err::read_to_string(path.as_ref()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_the_system_file() {
        let text = "Name:\tx\nVmHWM:\t     12 kB\n";
        assert_eq!(kilobytes(text, "VmHWM"), Some(12 * 1024));
        assert_eq!(kilobytes(text, "VmRSS"), None);
    }

    #[test]
    fn no_more_is_free_than_there_is() {
        let (free, total) = (free_bytes(), total_bytes());
        assert!(free <= total, "{free:?} of {total:?}");
    }

    #[test]
    fn the_groups_around_a_process_count_too() {
        let folders = |text| group_folders(text).collect::<Vec<_>>();
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        let second = ["/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a", "/sys/fs/cgroup"];
        assert_eq!(folders("0::/a/b\n"), paths(&second));
        let first = ["/sys/fs/cgroup/memory/c", "/sys/fs/cgroup/memory"];
        assert_eq!(folders("4:cpu,cpuacct:/x\n5:memory:/c\n"), paths(&first));
    }

    #[test]
    fn a_group_has_its_limit_less_what_it_uses_without_files() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        assert_eq!(free_in_group(folder.path()), None);
        write("memory.max", "max\n");
        assert_eq!(free_in_group(folder.path()), None);
        write("memory.max", "1000\n");
        write("memory.current", "700\n");
        assert_eq!(free_in_group(folder.path()), Some(300));
        assert_eq!(limit_of_group(folder.path()), Some(1000));
        write("memory.stat", "anon 1\ninactive_file 200\nactive_file 50\n");
        assert_eq!(free_in_group(folder.path()), Some(550));
        write(
            "memory.stat",
            "inactive_file 1\ntotal_inactive_file 300\ntotal_active_file 9\n",
        );
        assert_eq!(free_in_group(folder.path()), Some(609));
    }
}
