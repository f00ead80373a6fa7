//! Whole denoisers.

use atelier_diffusion::stable_diffusion::{Conditioning, Unet, UnetConfig};
use atelier_testkit::golden;

use crate::source::{assert_golden, build, device};

fn check(case: &str, runs: &[&str]) {
    let (file, device) = (golden("unet"), device());
    let config = UnetConfig::read(&file.config()[case]).unwrap();
    let unet = build(&file, case, &device, |params| Unet::new(params, &config));
    for run in runs {
        let name = |part: &str| format!("{case}.{run}.{part}");
        let sample = file.tensor::<4>(&name("sample"), &device);
        let context = file.tensor::<3>(&name("context"), &device);
        let output = unet.forward(
            sample,
            &file.vec(&name("timesteps")),
            &Conditioning::states(context),
        );
        assert_golden(output, &file, &name("output"));
    }
}

#[test]
pub(crate) fn head_count_written_as_head_size_is_read_as_diffusers_reads_it() {
    check("two_levels", &["square"]);
}

#[test]
pub(crate) fn linear_projections_and_heads_per_level_agree_at_even_and_odd_sizes() {
    check("linear", &["square", "odd"]);
}

#[test]
pub(crate) fn eight_channels_and_uneven_sizes_agree() {
    check("wide_latent", &["uneven"]);
}
