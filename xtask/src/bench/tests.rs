//! Flags, and the small things that tables are made of.

use clap::Parser;

use super::programs::Report;
use super::*;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    bench: Bench,
}

fn parsed(words: &[&str]) -> Result<Bench, clap::Error> {
    let words = [&["bench", "--base", "/models/sd15"], words].concat();
    Flags::try_parse_from(words).map(|flags| flags.bench)
}

/// What these flags mean.
pub(super) fn bench(words: &[&str]) -> Bench {
    parsed(words).unwrap()
}

#[test]
fn the_peer_has_no_arithmetic_but_that_of_its_scripts() {
    let both = [Precision::F32, Precision::Bf16];
    assert_eq!(bench(&[]).peer_precision, both);
    assert_eq!(
        bench(&["--peer-precision", "f32,bf16"]).peer_precision,
        both
    );
    for word in ["int8", "f32,int8", "f16"] {
        let error = parsed(&["--peer-precision", word]).unwrap_err().to_string();
        assert!(
            error.contains("expected `f32` or `bf16`"),
            "{word}: {error}"
        );
    }
}

#[test]
fn lists_stand_for_every_combination() {
    let bench = bench(&[
        "--size",
        "256,512",
        "--batch",
        "1,2",
        "--threads",
        "1",
        "--precision",
        "f32,bf16",
    ]);
    let cases: Vec<_> = case::all(&bench).iter().map(ToString::to_string).collect();
    assert_eq!(cases.len(), 8);
    assert_eq!(
        cases[1],
        "sd15, 256 px, batch 1, rank 16, 1 thread, ours in bf16"
    );
    assert_eq!(
        cases[7],
        "sd15, 512 px, batch 2, rank 16, 1 thread, ours in bf16"
    );
}

#[test]
fn both_programs_are_told_the_same() {
    let bench = bench(&[
        "--latent",
        "16",
        "--threads",
        "2",
        "--precision",
        "bf16",
        "--recompute",
    ]);
    let case = case::first(&bench);
    let joined = |words: Vec<std::ffi::OsString>| words.join(" ".as_ref()).into_string().unwrap();
    assert_eq!(
        joined(case.our_words()),
        "bench step /models/sd15 --steps 5 --latent 16 --batch 1 --rank 16 --precision bf16 --json --recompute"
    );
    assert_eq!(
        joined(case.peer_words(Precision::Bf16)),
        "/models/sd15 --steps 5 --latent 16 --batch 1 --rank 16 --threads 2 --bf16 --checkpointing"
    );
}

#[test]
fn pictures_have_no_batch() {
    let words = [
        "--what",
        "generate",
        "--size",
        "64",
        "--prompt",
        "a cat",
        "--threads",
        "1",
    ];
    let case = case::first(&bench(&words));
    let words: Vec<_> = case.peer_words(Precision::F32);
    let expected = [
        "/models/sd15",
        "--steps",
        "5",
        "--size",
        "64",
        "--prompt",
        "a cat",
        "--guidance",
        "7",
        "--threads",
        "1",
    ];
    assert_eq!(words, expected);
    let refused = bench(&["--what", "generate", "--batch", "2"]).check();
    assert!(refused.unwrap_err().to_string().contains("--what step"));
    assert!(bench(&["--steps", "0"]).check().is_err());
}

#[test]
fn the_document_at_the_end_of_the_output_is_the_report() {
    let step = STEP[0];
    let line = Report::read("warning\n{\"median_secs\": 0.5, \"torch\": \"2.15\"}\n").unwrap();
    assert!((line.secs(step).unwrap() - 0.5).abs() < 1e-12);
    assert_eq!(line.version(), "2.15");
    let pretty = Report::read("{\n  \"median_secs\": 2,\n  \"a\": {\n  }\n}\n").unwrap();
    assert!((pretty.secs(step).unwrap() - 2.0).abs() < 1e-12);
    assert_eq!(pretty.peak_bytes(), None);
    let lacking = Report::read("{}").unwrap().secs(step).unwrap_err();
    assert_eq!(lacking.to_string(), "a report lacks `median_secs`");
    assert!(Report::read("").is_err());
}

#[test]
fn median_of_odd_and_even_counts() {
    assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-12);
    assert!((median(&[4.0, 1.0]) - 2.5).abs() < 1e-12);
}

#[test]
fn words_of_a_command_can_be_given_again() {
    assert_eq!(quoted("--size=64"), "--size=64");
    assert_eq!(quoted("a cat's"), r"'a cat'\''s'");
    assert_eq!(quoted(""), "''");
}

#[test]
fn numbers_of_a_table_have_four_digits_that_count() {
    let shown = [0.01234, 1.23456, 123.456].map(seconds);
    assert_eq!(shown, ["0.0123", "1.235", "123.46"]);
    assert_eq!(gigabytes(Some(1_234_000_000)), "1.23 GB");
    assert_eq!(gigabytes(None), "–");
}
