//! Telling kohya's names from those of other adapter formats, so that the error can say what the file is.

use crate::TensorFile;
use crate::error::first_names;

/// Parts of names and the format that they betray, the most telling first.
const MARKS: [(&[&str], &str); 10] = [
    (&[".dora_scale"], "a DoRA adapter"),
    (
        &[".hada_w1", ".hada_w2", ".hada_t1", ".hada_t2"],
        "a LoHa adapter",
    ),
    (&[".lokr_w1", ".lokr_w2", ".lokr_t2"], "a LoKr adapter"),
    (&[".lora_mid."], "a LoCon adapter with Tucker factors"),
    (
        &[".lora_A.", ".lora_B."],
        "an adapter with PEFT names (`lora_A`, `lora_B`)",
    ),
    (
        &["_lora.up.", "_lora.down.", ".lora.up.", ".lora.down."],
        "an adapter with old diffusers names (`to_q_lora.up`)",
    ),
    (&["bundle_emb."], "an adapter with a bundled embedding"),
    (
        &["emb_params", "clip_l", "clip_g"],
        "a textual inversion embedding",
    ),
    (
        &[
            "model.diffusion_model.",
            "first_stage_model.",
            "cond_stage_model.",
        ],
        "a whole checkpoint, not an adapter",
    ),
    (
        &[".diff_b", ".diff"],
        "an adapter with full weight differences",
    ),
];

/// Refuses a file that has a name outside kohya's three kinds.
pub(super) fn check_names(file: &TensorFile) -> Result<(), String> {
    let unknown: Vec<_> = file
        .names()
        .filter(|key| {
            ![super::DOWN, super::UP, super::ALPHA]
                .iter()
                .any(|suffix| key.ends_with(suffix))
        })
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let shown = first_names(unknown.iter().copied());
    let format = MARKS.iter().find(|(marks, _)| {
        unknown
            .iter()
            .any(|key| marks.iter().any(|mark| key.contains(mark)))
    });
    Err(match format {
        Some((_, format)) => format!("it is {format}, which is not supported yet: {shown}"),
        None => format!("it holds tensors that belong to no adapter layer: {shown}"),
    })
}
