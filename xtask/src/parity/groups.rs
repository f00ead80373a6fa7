//! Which comparison belongs to which row of the page. A test file that compares and stands in no group is an error of the
//! task; its line is added here.

use atelier_core::SamplerKind;

use super::group::{Group, group};

/// Every group, in the order of the page.
pub(super) fn groups() -> Vec<Group> {
    let mut groups = networks();
    groups.extend(schedules_and_samplers());
    groups.extend(noise_and_prompts());
    groups.extend(pictures());
    groups.extend(adapters());
    groups.extend(training());
    groups.extend(embeddings());
    groups.extend(measures());
    groups
}

fn networks() -> Vec<Group> {
    vec![
        group(
            "layers, each alone",
            &["diffusers", "transformers"],
            &[("layers.rs", "", "")],
        ),
        group(
            "text encoders",
            &["transformers", "diffusers"],
            &[
                ("text.rs", "", ""),
                ("sdxl.rs", "states_and_pooled_state", ""),
            ],
        ),
        group("denoisers", &["diffusers"], &[("unet.rs", "", "")]),
        group("autoencoders", &["diffusers"], &[("vae.rs", "", "")]),
        group(
            "autoencoders tile by tile",
            &["diffusers"],
            &[("tiles.rs", "", "")],
        ),
        group(
            "single-file checkpoints: every name, shape and number",
            &["diffusers"],
            &[
                ("checkpoint/tiny.rs", "", ""),
                ("checkpoint/names.rs", "", ""),
            ],
        ),
    ]
}

fn schedules_and_samplers() -> Vec<Group> {
    let mut groups = vec![
        group(
            "noise schedules, noising, velocity",
            &["diffusers"],
            &[
                ("schedule/tests.rs", "", ""),
                ("adapters.rs", "noise_and_velocity", ""),
                ("samplers/tests.rs", "", ".noised."),
            ],
        ),
        group(
            "timesteps and noise levels",
            &["diffusers"],
            &[
                ("schedules.rs", "", ""),
                ("samplers/tests.rs", "", ".timesteps."),
                ("samplers/tests.rs", "", ".sigma."),
                ("pictures.rs", "latents_after_every_step", ".timesteps."),
            ],
        ),
    ];
    for kind in SamplerKind::ALL {
        groups.push(group(
            &format!("sampler `{kind}`, every step of whole walks"),
            &["diffusers"],
            &[("samplers/tests.rs", "", &format!(".{kind}."))],
        ));
    }
    groups.push(group(
        "guidance rescale",
        &["diffusers"],
        &[("guidance.rs", "", "")],
    ));
    groups
}

fn noise_and_prompts() -> Vec<Group> {
    vec![
        group(
            "noise of CUDA generators, by the published algorithm",
            &["golden/noise.py"],
            &[("noise/tests.rs", "cuda", "")],
        ),
        group(
            "Brownian noise",
            &["torchsde", "torch"],
            &[("noise/tests.rs", "brownian", "")],
        ),
        group(
            "noise of CPU generators",
            &["torch"],
            &[("noise/tests.rs", "", ""), ("noise.rs", "", "")],
        ),
        group(
            "token ids",
            &["transformers"],
            &[("tokenizer/tests.rs", "", "")],
        ),
        group(
            "states of weighted prompts",
            &["transformers"],
            &[("emphasis.rs", "", ".states.")],
        ),
        group(
            "states of long and weighted prompts",
            &["transformers"],
            &[
                ("wording.rs", "", ".states."),
                ("wording.rs", "", ".pooled."),
            ],
        ),
        group(
            "ids and weights of weighted prompts",
            &["transformers"],
            &[("emphasis.rs", "", "")],
        ),
    ]
}

fn pictures() -> Vec<Group> {
    vec![
        group(
            "whole pictures with an adapter at strengths 0 to 1.1, in bytes",
            &["diffusers", "peft"],
            &[("pictures.rs", "an_adapter_file_draws", "")],
        ),
        group(
            "whole pictures of `sd15`, in bytes",
            &["diffusers"],
            &[("pictures.rs", "", ".bytes.")],
        ),
        group(
            "whole pictures of `sd15`, latents and pixels",
            &["diffusers"],
            &[("pictures.rs", "", "")],
        ),
        group(
            "whole pictures of `sdxl`, latents and pixels",
            &["diffusers"],
            &[("sdxl.rs", "whole_pictures", "")],
        ),
        group(
            "image to image and inpainting",
            &["diffusers"],
            &[("starts.rs", "", "")],
        ),
        group(
            "pictures of single-file checkpoints",
            &["diffusers"],
            &[("stable_diffusion/checkpoints.rs", "", "")],
        ),
        group(
            "pictures of folders whose schedules diffusers corrects",
            &["diffusers"],
            &[("early_folders.rs", "", "")],
        ),
        group(
            "pictures of texts that differ in length",
            &["diffusers"],
            &[("wording.rs", "", ".latents.")],
        ),
        group(
            "pictures with adapters of peft and kohya's names, `sd15` and `sdxl`, at strengths 0.5 and 1.1",
            &["diffusers", "peft"],
            &[("adapter_pictures.rs", "", "")],
        ),
        group(
            "picture of the embedded base, `ddim`",
            &["diffusers"],
            &[("embedded_base.rs", "", ".ddim.")],
        ),
        group(
            "picture of the embedded base, `euler` from a sigma of 20,000",
            &["diffusers"],
            &[("embedded_base.rs", "", ".euler.")],
        ),
        group(
            "picture of the embedded base, `ddim`, in bytes",
            &["diffusers"],
            &[("embedded_base.rs", "", ".bytes.")],
        ),
        group(
            "what the embedded base's encoder sees in it",
            &["diffusers"],
            &[("embedded_base.rs", "", ".encoder.")],
        ),
    ]
}

fn adapters() -> Vec<Group> {
    const KINDS: [(&str, &str, &[&str]); 7] = [
        ("DoRA", "dora", &["lycoris-lora", "peft"]),
        ("LoHa", "loha", &["lycoris-lora", "peft"]),
        ("LoKr", "lokr", &["lycoris-lora", "peft"]),
        ("LoCon with a core (Tucker)", "tucker", &["lycoris-lora"]),
        ("whole differences", "full", &["lycoris-lora"]),
        ("rank-stabilised LoRA", "lora_rs", &["lycoris-lora"]),
        ("LoRA and LoCon", "lora", &["lycoris-lora", "peft"]),
    ];
    let mut groups = vec![group(
        "adapters of every kind with bf16 arithmetic",
        &["lycoris-lora", "peft"],
        &[("adapter_kinds.rs", "half_precision", "")],
    )];
    groups.push(group(
        "adapter gradients with int8 and bf16 arithmetic, and composed of Burn's operations",
        &["peft", "torch"],
        &[("adapters.rs", "gradients_of_other_arithmetics", "")],
    ));
    groups.push(group(
        "losses and gradient norms of twenty training steps with bf16 arithmetic",
        &["peft", "torch"],
        &[("loss_curve.rs", "products_of_sixteen_bits", "")],
    ));
    for (name, case, references) in KINDS {
        let sources = [("kinds.rs", "", case), ("adapter_kinds.rs", "", case)];
        groups.push(group(&format!("adapters: {name}"), references, &sources));
    }
    groups.push(group(
        "adapter files in every naming",
        &["peft", "diffusers"],
        &[("adapter_files.rs", "", "")],
    ));
    groups
}

fn training() -> Vec<Group> {
    vec![
        group(
            "predictions with adapters",
            &["peft", "diffusers"],
            &[
                ("adapters.rs", "", "prediction."),
                ("sdxl.rs", "adapter_gradients", "prediction."),
            ],
        ),
        group(
            "adapter gradients of `sd15`",
            &["peft", "torch"],
            &[("adapters.rs", "loss_and_every_gradient", "lora")],
        ),
        group(
            "adapter gradients of `sdxl`",
            &["peft", "torch"],
            &[("sdxl.rs", "adapter_gradients", "lora")],
        ),
        group(
            "losses",
            &["peft", "torch"],
            &[
                ("adapters.rs", "loss_and_every_gradient", ""),
                ("sdxl.rs", "adapter_gradients", ""),
                ("loss_curve.rs", "", ".losses."),
            ],
        ),
        group(
            "gradient norms of twenty training steps",
            &["peft", "torch"],
            &[("loss_curve.rs", "", ".norms.")],
        ),
        group(
            "factors after twenty training steps",
            &["peft", "torch"],
            &[("loss_curve.rs", "", "lora")],
        ),
        group("AdamW", &["torch"], &[("adamw.rs", "", "")]),
    ]
}

fn embeddings() -> Vec<Group> {
    const TESTS: &str = "embedding/tests.rs";
    vec![
        group(
            "pictures as the network of embeddings sees them, in bytes",
            &["pillow"],
            &[(TESTS, "every_pixel", "")],
        ),
        group(
            "the network of embeddings: activations of every block, and their means",
            &["efficientnet-lite-pytorch", "torch"],
            &[
                (TESTS, "activations_of_every_block", ""),
                (TESTS, "embeddings_are_pytorchs", ".rounded."),
            ],
        ),
        group(
            "these means, kernels in f16, against the published weights",
            &["efficientnet-lite-pytorch", "torch"],
            &[(TESTS, "embeddings_are_pytorchs", ".original.")],
        ),
        group(
            "similarities of pictures, kernels in f16, against the published weights",
            &["efficientnet-lite-pytorch", "torch"],
            &[(TESTS, "similarities", "")],
        ),
    ]
}

fn measures() -> Vec<Group> {
    const TESTS: &str = "picture_quality.rs";
    vec![
        group(
            "peak signal-to-noise ratios, in decibels",
            &["scikit-image"],
            &[(TESTS, "", ".psnr.")],
        ),
        group(
            "structural similarities",
            &["scikit-image"],
            &[(TESTS, "", ".ssim.")],
        ),
        group(
            "kernel inception distances of sets and of their subsets, by the published formula",
            &["golden/picture_quality.py"],
            &[(TESTS, "kernel_distances", "")],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::group::ends_with_path;
    use super::*;
    use crate::workspace::Workspace;

    #[test]
    fn no_two_groups_have_one_name() {
        let mut names: Vec<_> = groups().into_iter().map(|group| group.what).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn every_source_is_a_file_of_the_crates_that_compare() {
        let root = Workspace::find().unwrap().root().to_owned();
        let mut files = Vec::new();
        for krate in super::super::CRATES {
            collect(&root.join("crates").join(krate), &mut files);
        }
        for group in groups() {
            for source in group.sources {
                let found = files.iter().any(|file| ends_with_path(file, source.file));
                assert!(found, "`{}` of `{}` is gone", source.file, group.what);
            }
        }
    }

    fn collect(folder: &Path, files: &mut Vec<String>) {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, files);
            } else {
                files.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
}
