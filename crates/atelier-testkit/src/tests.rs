//! The reader against a file of `golden/`, and the measure against hand-made values.

use std::panic::catch_unwind;

use burn::tensor::Device;

use crate::{Golden, assert_close, golden, golden_folder, relative_error};

fn message_of(action: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let payload = catch_unwind(action).expect_err("the action panics");
    payload
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_else(|| (*payload.downcast_ref::<&str>().expect("a message")).into())
}

#[test]
fn a_golden_file_gives_tensors_weights_and_its_config() {
    let file = golden("layers");
    assert_eq!(file.shape("resnet.x"), [2, 32, 6, 10]);
    let x = file.tensor::<4>("resnet.x", &Device::flex());
    assert_eq!(x.dims(), [2, 32, 6, 10]);
    let back = x.into_data().try_to_vec::<f32>().expect("f32 values");
    assert_close(&back, &file.vec("resnet.x"), 0.0);
    let weights = file.weights("resnet.w.");
    assert_eq!(weights["conv1.weight"].0, [32, 32, 3, 3]);
    assert_eq!(weights["conv1.weight"].1.len(), 32 * 32 * 9);
    assert_eq!(file.config()["resnet"]["groups"], 8);
}

#[test]
fn whole_numbers_are_read_exactly() {
    let ids = golden("text").ints("prefixed.input_ids");
    assert_eq!(ids.len(), 2 * 77);
    assert_eq!((ids[0], ids[76]), (62, 63));
}

#[test]
fn a_missing_tensor_is_named() {
    let message = message_of(|| drop(golden("layers").vec("resnet.nothing")));
    assert!(
        message.contains("golden `layers` has no usable `resnet.nothing`"),
        "{message}"
    );
}

#[test]
fn floats_are_not_read_as_whole_numbers() {
    let message = message_of(|| drop(golden("layers").ints("resnet.x")));
    assert!(message.contains("`resnet.x` is `F32`"), "{message}");
}

#[test]
fn a_missing_file_says_how_to_make_it() {
    let error = Golden::open(&golden_folder().join("absent.safetensors")).expect_err("no file");
    assert!(error.to_string().contains("golden/README.md"));
}

#[test]
fn the_error_is_relative_to_the_largest_expected_value() {
    assert_eq!(
        relative_error(&[1.0, 2.0, -7.5], &[1.0, 2.0, -8.0]),
        (0.0625, 2)
    );
    assert_eq!(relative_error(&[0.25], &[0.0]), (0.25, 0));
    assert!(
        relative_error(&[f32::NAN, 1.0], &[0.0, 1.0])
            .0
            .is_infinite()
    );
}

#[test]
fn a_failed_comparison_shows_both_values_and_the_position() {
    let message = message_of(|| assert_close(&[1.0, 3.5, 0.0], &[1.0, 4.0, 0.0], 1e-4));
    assert!(message.contains("position 1 of 3"), "{message}");
    assert!(
        message.contains("got      3.5") && message.contains("expected 4.0"),
        "{message}"
    );
}

#[test]
fn lengths_must_agree() {
    let message = message_of(|| assert_close(&[1.0], &[1.0, 2.0], 1.0));
    assert!(
        message.contains("1 values where 2 are expected"),
        "{message}"
    );
}
