//! What is timed is said, and what cannot be timed refused.

use serde_json::Value;

use crate::workbench::{Workbench, tiny_base};

fn number(report: &Value, name: &str) -> f64 {
    let number = report[name].as_f64();
    number.unwrap_or_else(|| panic!("`{name}` in {report}"))
}

#[test]
fn timed_steps_are_reported_with_the_names_that_the_peer_uses() {
    let bench = Workbench::new();
    let base = tiny_base();
    let words = ["bench", "step", &base, "--steps", "2", "--rank", "2"];
    let report = bench.document(&[&words[..], &["--latent", "8", "--batch", "2"]].concat());
    let [min, median, max] = ["min_secs", "median_secs", "max_secs"].map(|it| number(&report, it));
    assert!(0.0 < min && min <= median && median <= max, "{report}");
    assert!(number(&report, "loss").is_finite());
    assert!(number(&report, "lora_params") > 0.0);
    let said = |name: &str| &report[name];
    assert_eq!((said("latent"), said("batch")), (&8.into(), &2.into()));
    assert_eq!(
        (said("bf16"), said("checkpointing")),
        (&false.into(), &false.into())
    );
    #[cfg(target_os = "linux")]
    assert!(number(&report, "peak_bytes") > 1e6);
}

#[test]
fn sizes_are_in_pixels_and_fall_back_to_the_own_size_of_the_base() {
    let bench = Workbench::new();
    let base = tiny_base();
    let step = |more: &[&str]| {
        let words = ["bench", "step", &base, "--steps", "1", "--rank", "1"];
        number(&bench.document(&[&words[..], more].concat()), "latent")
    };
    let own = step(&[]);
    assert!((step(&["--size", "16", "--precision", "bf16"]) - 8.0).abs() < 1e-9);
    assert!(own > 8.0, "{own}");
    let words = ["bench", "step", &base];
    let refused = |more: &[&str], part| {
        bench.run(&[&words[..], more].concat()).refused(&[part]);
    };
    refused(&["--size", "17"], "multiple of 2");
    refused(&["--steps", "0"], "at least 1");
    refused(&["--size", "16", "--latent", "8"], "--latent");
    bench
        .run(&["bench", "step", "nowhere"])
        .refused(&["no base `nowhere`"]);
}

/// Large latents on the embedded base, so that what passes keep outweighs everything else, and small ones, where little more than
/// the program and the weights is there. One thread, since with more it depends on time which of their buffers are there together:
/// the peak of one run and the next then differ by a tenth.
#[cfg(target_os = "linux")]
#[test]
fn the_planned_memory_is_what_a_step_takes() {
    let bench = Workbench::new();
    let peak = |size: &str, precision: &str, recompute: &str| {
        let words = format!("bench step atelier-mini --steps 1 --threads 1 {size}");
        let choice = format!("{words} --precision {precision} --recompute {recompute}");
        let report = bench.document(&choice.split(' ').collect::<Vec<_>>());
        assert_eq!(report["checkpointing"], recompute != "none");
        let (took, planned) = (
            number(&report, "peak_bytes"),
            number(&report, "planned_peak_bytes"),
        );
        let ratio = planned / took;
        println!("{choice}: planned {planned:.2e}, took {took:.2e}, {ratio:.3}");
        // Little memory is mostly what the allocator keeps, which differs between settings; of more, gaps between buffers are a
        // part that depends on the order in which these come.
        let most = if took < 2e8 { 1.25 } else { 1.2 };
        assert!((0.9..most).contains(&ratio), "{choice}: {ratio}");
        took
    };
    let large = "--latent 96 --batch 2";
    let whole = peak(large, "f32", "none");
    let kept = peak(large, "bf16", "none");
    let blocks = peak(large, "bf16", "block");
    peak(large, "int8", "layer");
    assert!(whole > kept && kept > blocks);
    for (precision, recompute) in [("f32", "none"), ("bf16", "none"), ("int8", "block")] {
        for size in [
            "--latent 8",
            "--latent 16 --batch 4",
            "--latent 32 --batch 2",
        ] {
            peak(size, precision, recompute);
        }
    }
    for targets in ["transformer", "transformer-and-convolution"] {
        let size = format!("--latent 32 --batch 2 --targets {targets}");
        for (precision, recompute) in [("f32", "none"), ("bf16", "none"), ("bf16", "block")] {
            peak(&size, precision, recompute);
        }
    }
}

/// Large pictures, whose previews take the most. One thread, for the same reason. The plan is what the decoder takes where its
/// buffers find little place among those that are free; where they find more, it takes up to a quarter less of all.
#[cfg(target_os = "linux")]
#[test]
fn the_planned_memory_is_what_a_training_with_previews_takes() {
    let bench = Workbench::new();
    bench.dataset("pictures", 1);
    let words = "train --dataset pictures --trigger BlobCharV1 --epochs 1 --rank 4 --resolution 512 --threads 1 \
                 --preview-every 1 --preview-steps 2";
    for (precision, recompute) in [("f32", "layer"), ("f32", "none"), ("bf16", "layer")] {
        let out = format!("{precision}-{recompute}");
        let more = [
            "--precision",
            precision,
            "--recompute",
            recompute,
            "--out",
            &out,
        ];
        let words: Vec<_> = words.split_whitespace().chain(more).collect();
        let report = bench.document(&words);
        let (took, planned) = (
            number(&report, "peak_bytes"),
            number(&report, "planned_peak_bytes"),
        );
        let ratio = planned / took;
        println!("{out}: planned {planned:.2e}, took {took:.2e}, {ratio:.3}");
        assert!((0.88..1.35).contains(&ratio), "{out}: {ratio}");
    }
}

#[test]
fn the_parts_of_a_picture_are_timed() {
    let bench = Workbench::new();
    let base = tiny_base();
    let words = [
        "bench", "generate", &base, "--prompt", "a cat", "--steps", "3", "--size", "16",
    ];
    let report = bench.document(&words);
    let part = |name: &str| number(&report, name);
    let parts = ["load_secs", "text_secs", "step_secs", "vae_secs"].map(part);
    assert!(parts.iter().all(|&secs| secs > 0.0), "{report}");
    let picture = part("text_secs") + 3.0 * part("step_min_secs") + part("vae_secs");
    assert!(part("picture_secs") >= picture - 1e-6, "{report}");
    let whole = part("picture_secs") + part("load_secs");
    assert!((part("whole_secs") - whole).abs() < 1e-3, "{report}");
    bench
        .run(&[
            "bench", "generate", &base, "--prompt", "a cat", "--steps", "0",
        ])
        .refused(&["steps"]);
}
