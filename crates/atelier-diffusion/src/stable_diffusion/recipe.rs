//! How adapters of this family are trained: which layers, which timesteps, which target.

use atelier_core::Targets;

/// Whether a layer of the denoiser gets an adapter.
pub fn is_target(layer: &str, targets: Targets) -> bool {
    let attention = || {
        ["to_q", "to_k", "to_v", "to_out.0"]
            .iter()
            .any(|end| layer.ends_with(end))
            && layer.contains(".attn")
    };
    let transformer = || layer.contains("attentions.");
    let convolution = || {
        ["resnets.", "downsamplers.", "upsamplers."]
            .iter()
            .any(|part| layer.contains(part))
    };
    match targets {
        Targets::Attention => attention(),
        Targets::Transformer => transformer(),
        Targets::TransformerAndConvolution => transformer() || convolution(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_select_what_their_names_say() {
        let attention = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0";
        let feed_forward = "down_blocks.0.attentions.0.transformer_blocks.0.ff.net.2";
        let convolution = "down_blocks.0.resnets.1.conv1";
        let selected = |targets| {
            [attention, feed_forward, convolution, "conv_in"].map(|layer| is_target(layer, targets))
        };
        assert_eq!(selected(Targets::Attention), [true, false, false, false]);
        assert_eq!(selected(Targets::Transformer), [true, true, false, false]);
        assert_eq!(
            selected(Targets::TransformerAndConvolution),
            [true, true, true, false]
        );
    }
}
