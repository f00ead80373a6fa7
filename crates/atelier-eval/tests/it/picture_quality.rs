//! Measures of pictures and of sets against scikit-image and against the paper's formula in numpy.

use atelier_core::Seed;
use atelier_data::RgbPicture;
use atelier_eval::{Subsets, kid, kid_subsets, psnr, ssim};
use atelier_testkit::{Golden, golden, parity};

/// Decibels. The sum of squares is exact on both sides; what is left are a division and a logarithm of about 1e2.
const PSNR: f64 = 1e-12;
/// Variances are differences of numbers up to 65,025, whose f64 have 1e-11 of rounding; beside the constant of 58.5 that is
/// added to them it is 2e-13, and several such make a similarity.
const SSIM: f64 = 1e-12;
/// A distance is a difference of mean kernels, here all below 1e2, that are sums of 400 and more f64 in another order.
const KID: f64 = 1e-12;

/// Fails unless `found` lies within `limit`, which a comparison in f32 is too coarse for.
#[track_caller]
fn assert_near(case: &str, found: f64, expected: f64, limit: f64) {
    let error = (found - expected).abs();
    parity::absolute(case, error, limit);
    assert!(error <= limit, "{case}: got {found}, expected {expected}");
}

fn pairs(file: &Golden) -> Vec<(String, [RgbPicture; 2])> {
    let config = file.config();
    let names = config["pairs"].as_array().unwrap().iter();
    let picture = |name: String| {
        let (width, height, rgb) = file.rgb(&name);
        RgbPicture { width, height, rgb }
    };
    names
        .map(|name| name.as_str().unwrap().to_owned())
        .map(|name| {
            let pictures = ["a", "b"].map(|which| picture(format!("{name}.{which}")));
            (name, pictures)
        })
        .collect()
}

fn rows(file: &Golden, name: &str) -> Vec<Vec<f32>> {
    let numbers = file.vec(name);
    let length = file.shape(name)[1];
    numbers.chunks_exact(length).map(<[f32]>::to_vec).collect()
}

#[test]
fn signal_to_noise_ratios_are_scikit_images() {
    let file = golden("picture_quality");
    for (name, [a, b]) in pairs(&file) {
        let case = format!("{name}.psnr");
        let expected = file.doubles(&case)[0];
        assert_near(&case, psnr(&a, &b).unwrap(), expected, PSNR);
    }
}

#[test]
fn structural_similarities_are_scikit_images() {
    let file = golden("picture_quality");
    for (name, [a, b]) in pairs(&file) {
        let case = format!("{name}.ssim");
        let expected = file.doubles(&case)[0];
        assert_near(&case, ssim(&a, &b).unwrap(), expected, SSIM);
    }
}

#[test]
fn kernel_distances_are_those_of_the_paper() {
    let file = golden("picture_quality");
    let subsets = &file.config()["subsets"];
    let [size, count, seed] = ["size", "count", "seed"].map(|name| subsets[name].as_u64().unwrap());
    let first = rows(&file, "first");
    for name in ["other", "again"] {
        let set = rows(&file, name);
        let case = format!("{name}.kid");
        let expected = file.doubles(&case)[0];
        assert_near(&case, kid(&first, &set).unwrap(), expected, KID);
        let subsets = Subsets {
            size: size as usize,
            count: count as usize,
            seed: Seed(seed),
        };
        let found = kid_subsets(&first, &set, subsets).unwrap();
        let case = format!("{name}.kid_subsets");
        let expected = file.doubles(&case);
        assert_near(&format!("{case} mean"), found.mean, expected[0], KID);
        assert_near(
            &format!("{case} deviation"),
            found.population_deviation,
            expected[1],
            KID,
        );
    }
}
