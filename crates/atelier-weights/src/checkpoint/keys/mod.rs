//! Tensor names of the original layout, part by part, as the names of diffusers.
//!
//! An original U-Net numbers its blocks through, level after level; with `n` residual blocks a level takes `n + 1` numbers
//! on each way, so that block indices follow from division.

pub(super) mod text;
pub(super) mod unet;
pub(super) mod vae;

use std::collections::BTreeMap;

use crate::TensorInfo;

/// A tensor of diffusers that is made from an original one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Its name.
    pub(super) name: String,
    /// How it is made.
    pub(super) form: Form,
}

/// How a tensor of diffusers is made from an original one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Unchanged.
    Same,
    /// A 1×1 convolution read as a matrix.
    Matrix,
    /// The n-th of three equal parts along the first axis.
    Third(usize),
    /// Rows and columns exchanged.
    Transposed,
}

impl Target {
    fn new(name: String, form: Form) -> Self {
        Self { name, form }
    }
}

/// One target, unchanged.
fn same(name: String) -> Vec<Target> {
    vec![Target::new(name, Form::Same)]
}

/// Original tensors of one part, by their names without the part's prefix.
pub(super) type Originals = BTreeMap<String, Original>;

/// An original tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Original {
    /// Its full name in the file.
    pub(super) stored: String,
    /// Its format and shape.
    pub(super) info: TensorInfo,
}

/// Whether any name starts with this.
pub(super) fn any_under<V>(names: &BTreeMap<String, V>, prefix: &str) -> bool {
    let mut from_here = names.range::<str, _>((
        std::ops::Bound::Included(prefix),
        std::ops::Bound::Unbounded,
    ));
    from_here
        .next()
        .is_some_and(|(name, _)| name.starts_with(prefix))
}

/// How many of `prefix0.`, `prefix1.`, … there are without a gap.
pub(super) fn count_under<V>(names: &BTreeMap<String, V>, prefix: &str) -> usize {
    (0..=names.len())
        .take_while(|index| any_under(names, &format!("{prefix}{index}.")))
        .count()
}

/// A number of few digits in front of a dot, and what follows the dot.
fn leading_index(text: &str) -> Option<(usize, &str)> {
    let (digits, rest) = text.split_once('.')?;
    let plain =
        !digits.is_empty() && digits.len() <= 4 && digits.bytes().all(|b| b.is_ascii_digit());
    let canonical = digits == "0" || !digits.starts_with('0');
    (plain && canonical).then(|| Some((digits.parse().ok()?, rest)))?
}

/// The name in the second column for one in the first, which a `.` and more follow.
fn renamed(table: &[(&str, &str)], name: &str) -> Option<String> {
    table.iter().find_map(|(old, new)| {
        let rest = name.strip_prefix(old)?;
        rest.starts_with('.').then(|| format!("{new}{rest}"))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Words of real names, so that random ones come close to them.
    fn name() -> impl Strategy<Value = String> {
        let word = prop_oneof![
            "input_blocks|middle_block|output_blocks|time_embed|out|label_emb|transformer|resblocks|attn",
            "encoder|decoder|down|up|mid|block|block_1|attn_1|q|norm|nin_shortcut|conv|op|quant_conv",
            "in_proj_weight|weight|bias|text_model|embeddings|layers|ln_1|mlp|c_fc|text_projection",
            "[0-9]{1,12}",
            "\\PC{0,4}",
        ];
        proptest::collection::vec(word, 0..8).prop_map(|words| words.join("."))
    }

    proptest! {
        #[test]
        fn arbitrary_names_never_panic(name in name(), levels in 0usize..6, layers in 0usize..6) {
            let _ = unet::targets(&name, unet::Frame { levels, layers });
            let _ = vae::targets(&name, levels);
            let _ = text::clip_targets(&name);
            let _ = text::openclip_targets(&name, layers, levels > 2);
        }

        #[test]
        fn indices_are_plain_numbers(text in "\\PC{0,12}") {
            if let Some((index, rest)) = leading_index(&text) {
                prop_assert_eq!(format!("{index}.{rest}"), text);
            }
        }
    }
}
