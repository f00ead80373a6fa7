//! Names of moving averages, which training stores without dots: `diffusion_modelinput_blocks00weight`.

/// Everything that can stand behind the number of a block, with its dots.
const TAILS: [&str; 26] = [
    "weight",
    "bias",
    "in_layers.0.",
    "in_layers.2.",
    "emb_layers.1.",
    "out_layers.0.",
    "out_layers.3.",
    "skip_connection.",
    "op.",
    "conv.",
    "norm.",
    "proj_in.",
    "proj_out.",
    "norm1.",
    "norm2.",
    "norm3.",
    "attn1.to_q.",
    "attn1.to_k.",
    "attn1.to_v.",
    "attn1.to_out.0.",
    "attn2.to_q.",
    "attn2.to_k.",
    "attn2.to_v.",
    "attn2.to_out.0.",
    "ff.net.0.proj.",
    "ff.net.2.",
];
/// Layers outside of the numbered blocks.
const OUTER: [&str; 6] = [
    "time_embed.0.",
    "time_embed.2.",
    "label_emb.0.0.",
    "label_emb.0.2.",
    "out.0.",
    "out.2.",
];
const TRANSFORMER: &str = "transformer_blocks";

/// The original name, without the U-Net's prefix, of a moving average's name behind `model_ema.`.
pub(super) fn original_name(flat: &str) -> Option<String> {
    let flat = flat.strip_prefix("diffusion_model")?;
    if let Some(outer) = dotted(&OUTER, flat) {
        return Some(outer);
    }
    if let Some(rest) = flat.strip_prefix("middle_block") {
        let (block, rest) = digits(rest)?;
        return Some(format!("middle_block.{block}.{}", tail(rest)?));
    }
    for way in ["input_blocks", "output_blocks"] {
        if let Some(rest) = flat.strip_prefix(way) {
            // The last digit is the place in the block, since no block has more than three.
            let (number, rest) = digits(rest)?;
            let (block, place) = number.split_at_checked(number.len() - 1)?;
            let complete = !block.is_empty();
            return complete.then(|| Some(format!("{way}.{block}.{place}.{}", tail(rest)?)))?;
        }
    }
    None
}

fn tail(flat: &str) -> Option<String> {
    if let Some(rest) = flat.strip_prefix(TRANSFORMER) {
        let (depth, rest) = digits(rest)?;
        return Some(format!("{TRANSFORMER}.{depth}.{}", dotted(&TAILS, rest)?));
    }
    dotted(&TAILS, flat)
}

/// The name with dots among `table`; an entry that ends with a dot has `weight` or `bias` behind it.
fn dotted(table: &[&str], flat: &str) -> Option<String> {
    table.iter().find_map(|name| {
        let rest = flat.strip_prefix(name.replace('.', "").as_str())?;
        let complete = if name.ends_with('.') {
            matches!(rest, "weight" | "bias")
        } else {
            rest.is_empty()
        };
        complete.then(|| format!("{name}{rest}"))
    })
}

/// The digits in front, at least one, and what follows.
fn digits(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dots_come_back_where_they_were() {
        for name in [
            "time_embed.2.bias",
            "label_emb.0.2.weight",
            "out.2.weight",
            "input_blocks.0.0.weight",
            "input_blocks.11.0.in_layers.2.weight",
            "input_blocks.3.0.op.bias",
            "input_blocks.1.1.norm.weight",
            "input_blocks.7.1.transformer_blocks.9.attn2.to_out.0.bias",
            "middle_block.1.transformer_blocks.0.ff.net.0.proj.weight",
            "middle_block.2.out_layers.3.weight",
            "output_blocks.8.2.conv.weight",
            "output_blocks.10.1.proj_in.weight",
            "output_blocks.2.0.skip_connection.bias",
        ] {
            let flat = format!("diffusion_model{}", name.replace('.', ""));
            assert_eq!(original_name(&flat).as_deref(), Some(name));
        }
    }

    proptest! {
        #[test]
        fn arbitrary_names_never_panic(
            flat in "(diffusion_model)?(input_blocks|output_blocks|middle_block|out)?[0-9]{0,4}(transformer_blocks)?\\PC{0,8}",
        ) {
            if let Some(name) = original_name(&flat) {
                prop_assert_eq!(format!("diffusion_model{}", name.replace('.', "")), flat);
            }
        }
    }
}
