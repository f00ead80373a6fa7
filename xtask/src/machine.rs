//! The machine that measured, as far as it decides how fast things are, and how exact.

use std::fmt;

use anyhow::Result;

/// Vector instructions that decide which kernels run, as the system names them.
const LEVELS: [&str; 5] = ["avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16"];

/// What is told of the machine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    model: String,
    processors: usize,
    levels: Vec<&'static str>,
    /// Processes that wanted to run in the last minute.
    load: Option<String>,
}

impl Machine {
    /// The machine that this runs on, before anything is measured.
    pub(crate) fn here() -> Result<Self> {
        let cpu_info = fs_err::read_to_string("/proc/cpuinfo")?;
        let load = fs_err::read_to_string("/proc/loadavg").ok();
        Ok(Self::read(&cpu_info, load.as_deref()))
    }

    fn read(cpu_info: &str, load: Option<&str>) -> Self {
        let values = |name: &str| {
            let lines = cpu_info.lines().filter_map(|line| line.split_once(':'));
            let of_name = |(key, value): (&str, _)| (key.trim() == name).then_some(value);
            lines.filter_map(of_name).map(str::trim).collect::<Vec<_>>()
        };
        let flags: Vec<_> = values("flags")
            .first()
            .map_or(Vec::new(), |flags| flags.split(' ').collect());
        let model = values("model name").first().copied();
        Self {
            model: model.unwrap_or("a processor without a name").to_owned(),
            processors: values("processor").len(),
            levels: LEVELS.into_iter().filter(|it| flags.contains(it)).collect(),
            load: load.and_then(|load| Some(load.split_once(' ')?.0.to_owned())),
        }
    }

    /// Whether it has a unit that multiplies matrices of bf16, which kernels use where it is.
    pub(crate) fn multiplies_bf16_matrices(&self) -> bool {
        self.levels.contains(&"amx_bf16")
    }

    /// Whether something else kept a processor to itself.
    pub(crate) fn is_busy(&self) -> bool {
        let load = self.load.as_ref().and_then(|load| load.parse::<f64>().ok());
        load.is_some_and(|load| load >= 1.0)
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} processors, ", self.model, self.processors)?;
        if self.levels.is_empty() {
            write!(f, "none of {}", LEVELS.join(", "))?;
        } else {
            write!(f, "with {}", self.levels.join(", "))?;
        }
        match &self.load {
            Some(load) if self.is_busy() => write!(
                f,
                "; load {load} before: **the machine was busy, which threads that wait for each other suffer from most, so ratios mean little**"
            ),
            Some(load) => write!(f, "; load {load} before"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_files_are_read() {
        let info = "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu avx2 avx512f avx512_bf16\n\nprocessor\t: 1\nmodel name\t: AMD EPYC\n";
        let machine = Machine::read(info, Some("0.52 0.58 0.59 1/467 12345\n"));
        assert_eq!(
            machine.to_string(),
            "AMD EPYC, 2 processors, with avx2, avx512f, avx512_bf16; load 0.52 before"
        );
        assert!(!machine.multiplies_bf16_matrices());
        let info = info.replace("avx512_bf16", "amx_bf16 amx_int8");
        assert!(Machine::read(&info, None).multiplies_bf16_matrices());
    }

    #[test]
    fn a_busy_machine_is_said_to_be_busy() {
        let machine = |load| Machine::read("processor : 0\n", Some(load)).to_string();
        assert!(machine("1.00 0.2 0.2 1/467 1").contains("the machine was busy"));
        assert!(machine("0.99 5.0 5.0 1/467 1").ends_with("load 0.99 before"));
    }

    #[test]
    fn what_the_system_does_not_say_is_not_made_up() {
        let machine = Machine::read("processor : 0\nflags : avx avx512fp16\n", None);
        assert_eq!(
            machine.to_string(),
            "a processor without a name, 1 processors, none of avx2, avx512f, avx512_vnni, avx512_bf16, amx_bf16"
        );
    }
}
