//! The sources of noise that a user can name.

use serde::{Deserialize, Serialize};

use crate::closed_choice;

/// Whose random numbers a seed stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseKind {
    /// Those of `torch.Generator("cpu")`.
    #[default]
    TorchCpu,
    /// Those of `torch.Generator("cuda")`, computed without a GPU.
    TorchCuda,
}

closed_choice!(NoiseKind, "noise", { TorchCpu => "torch-cpu", TorchCuda => "torch-cuda" });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_commands_use_the_same_names() {
        for &kind in NoiseKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            assert_eq!(kind.name().parse::<NoiseKind>().unwrap(), kind);
        }
    }
}
