//! What is written reads back, in the layout of the safetensors library.

use std::collections::BTreeMap;

use atelier_core::{Coded as _, ErrorCode};
use atelier_weights::{DType, OutTensor, TensorFile, write_tensors};

use crate::file_names;

fn tensor(name: &str, dtype: DType, shape: &[usize], data: &[f32]) -> OutTensor {
    OutTensor {
        name: name.to_owned(),
        dtype,
        shape: shape.to_vec(),
        data: data.to_vec(),
    }
}

#[test]
fn tensors_and_metadata_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let tensors = [
        tensor(
            "b",
            DType::F16,
            &[2, 2],
            &[0.5, -1.0, 65504.0, 2f32.powi(-24)],
        ),
        tensor("a", DType::F32, &[1, 3], &[0.1, -0.2, 1e30]),
        tensor("größe", DType::BF16, &[1], &[3.0]),
        tensor("empty", DType::F32, &[0, 4], &[]),
        tensor("step", DType::I64, &[], &[40.0]),
        tensor("wide", DType::F64, &[1], &[0.1]),
    ];
    let metadata = BTreeMap::from([("quote".to_owned(), "a \"b\"\n\u{1}".to_owned())]);
    write_tensors(&path, &tensors, &metadata).unwrap();

    let file = TensorFile::open(&path).unwrap();
    assert_eq!(
        file.names().collect::<Vec<_>>(),
        ["a", "b", "empty", "größe", "step", "wide"]
    );
    assert_eq!(file.metadata(), &metadata);
    for tensor in tensors.iter().filter(|tensor| tensor.dtype.is_float()) {
        let info = file.info(&tensor.name).unwrap();
        assert_eq!((info.dtype, &info.shape), (tensor.dtype, &tensor.shape));
        assert_eq!(file.read_f32(&tensor.name).unwrap(), tensor.data);
    }
    assert_eq!(file.read_bytes("step").unwrap(), 40i64.to_le_bytes());
    assert_eq!(file_names(folder.path()), ["weights.safetensors"]);
}

#[test]
fn tensors_lie_widest_format_first_behind_an_aligned_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w");
    let one = |name: &str, dtype| tensor(name, dtype, &[1], &[1.0]);
    let tensors = [
        one("u8", DType::U8),
        one("f16", DType::F16),
        one("f32", DType::F32),
        one("bf16", DType::BF16),
        one("i64", DType::I64),
        one("a", DType::F32),
    ];
    write_tensors(&path, &tensors, &BTreeMap::new()).unwrap();
    let bytes = fs_err::read(&path).unwrap();
    let len = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    assert_eq!(len % 8, 0);
    let header = std::str::from_utf8(&bytes[8..8 + len]).unwrap();
    let places: Vec<_> = [
        "\"i64\"", "\"a\"", "\"f32\"", "\"bf16\"", "\"f16\"", "\"u8\"",
    ]
    .iter()
    .map(|name| header.find(name).unwrap())
    .collect();
    assert!(places.is_sorted(), "{header}");
    assert!(!header.contains("__metadata__"));
}

#[test]
fn a_large_tensor_reads_back_across_chunks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w");
    let data: Vec<f32> = (0..700_001u32).map(|i| (i % 2048) as f32).collect();
    let tensors = [DType::F32, DType::F16, DType::F64]
        .map(|dtype| tensor(dtype.name(), dtype, &[data.len()], &data));
    write_tensors(&path, &tensors, &BTreeMap::new()).unwrap();
    let file = TensorFile::open(&path).unwrap();
    for name in ["F32", "F16", "F64"] {
        assert!(file.read_f32(name).unwrap() == data, "{name}");
    }
}

#[test]
fn a_value_that_overflows_is_an_error_that_names_the_tensor_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let error = write_tensors(
        folder.path().join("w"),
        &[tensor(
            "lora_unet_a.alpha",
            DType::F16,
            &[2],
            &[1.0, 70_000.0],
        )],
        &BTreeMap::new(),
    )
    .unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidInput);
    assert!(
        error
            .to_string()
            .contains("value 70000 of tensor `lora_unet_a.alpha`"),
        "{error}"
    );
    assert!(file_names(folder.path()).is_empty());
}

#[test]
fn contradictory_tensors_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w");
    let twice = [
        tensor("a", DType::F32, &[], &[0.0]),
        tensor("a", DType::F32, &[], &[0.0]),
    ];
    assert!(write_tensors(&path, &twice, &BTreeMap::new()).is_err());
    let wrong = [tensor("a", DType::F32, &[3], &[0.0])];
    let message = write_tensors(&path, &wrong, &BTreeMap::new())
        .unwrap_err()
        .to_string();
    assert!(message.contains("of shape [3] has 1 numbers"), "{message}");
}

#[test]
fn floats_of_8_bits_are_those_of_pytorch() {
    let golden = atelier_testkit::golden_folder().join("float8.safetensors");
    let file = TensorFile::open(golden).unwrap();
    for (name, dtype) in [("e4m3", DType::F8E4M3), ("e5m2", DType::F8E5M2)] {
        let read = |what: &str| file.read_f32(&format!("{name}.{what}")).unwrap();
        assert_eq!(file.info(&format!("{name}.all")).unwrap().dtype, dtype);
        let pairs = read("all").into_iter().zip(read("values"));
        for (byte, (value, expected)) in pairs.enumerate() {
            let is_same = value.to_bits() == expected.to_bits();
            assert!(
                is_same || (value.is_nan() && expected.is_nan()),
                "{name} {byte:#x}"
            );
        }
        let rounded = file.read_bytes(&format!("{name}.rounded")).unwrap();
        let given = read("given");
        assert!(given.len() > 2000);
        for (value, expected) in given.into_iter().zip(rounded) {
            let mut bytes = Vec::new();
            dtype.encode(value, &mut bytes).unwrap();
            assert_eq!(bytes, [expected], "{name} {value:e}");
        }
    }
}
