//! Any bytes as a safetensors file: once as they are, once behind a header length that fits them, so that not every input
//! fails at its first 8 bytes. What is accepted must be accepted by the safetensors library too, with the same tensors, and
//! must survive being written.
#![no_main]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use atelier_fuzz::{Scratch, framed};
use atelier_weights::{DType, OutTensor, TensorFile, write_tensors};
use libfuzzer_sys::fuzz_target;
use safetensors::SafeTensors;

static SCRATCH: LazyLock<Scratch> = LazyLock::new(|| Scratch::new("header"));

/// Numbers that are read of one file.
const MOST_NUMBERS: usize = 1 << 16;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    let at = bytes.iter().position(|&byte| byte == 0);
    let (header, data) = bytes.split_at(at.unwrap_or(bytes.len()));
    check(&framed(header, data.get(1..).unwrap_or_default()));
});

fn check(bytes: &[u8]) {
    let path = SCRATCH.write("file.safetensors", bytes, 0);
    let file = match TensorFile::open(&path) {
        Ok(file) => file,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let library = SafeTensors::deserialize(bytes).expect("the library reads what we read");
    assert_eq!(library.len(), file.names().len());
    let mut budget = MOST_NUMBERS;
    let mut tensors = Vec::new();
    for name in file.names() {
        let info = file.info(name).expect("a name of the file");
        let theirs = library
            .tensor(name)
            .expect("the library has the same names");
        assert_eq!(theirs.shape(), info.shape, "{name}");
        let count = info.shape.iter().product::<usize>();
        assert!(file.read_f32_range(name, count, 1).is_err());
        let Some(left) = budget.checked_sub(count) else {
            continue;
        };
        budget = left;
        assert_eq!(
            file.read_bytes(name).expect("the bytes are there"),
            theirs.data(),
            "{name}"
        );
        let Ok(data) = file.read_f32(name) else {
            assert!(!info.dtype.is_float(), "{name}");
            continue;
        };
        assert_eq!(data.len(), count, "{name}");
        let half = file.read_f32_range(name, count / 2, count - count / 2);
        assert!(
            same(&half.expect("it lies inside"), &data[count / 2..]),
            "{name}"
        );
        tensors.push(OutTensor {
            name: name.to_owned(),
            dtype: info.dtype,
            shape: info.shape.clone(),
            data,
        });
    }
    check_written(&path.with_extension("copy"), &tensors, file.metadata());
}

/// Writes the tensors and reads them again.
fn check_written(path: &Path, tensors: &[OutTensor], metadata: &BTreeMap<String, String>) {
    write_tensors(path, tensors, metadata).expect("numbers of a file fit a file");
    let file = TensorFile::open(path).expect("our own file is sound");
    assert_eq!(file.metadata(), metadata);
    assert_eq!(file.names().len(), tensors.len());
    for tensor in tensors {
        let info = file.info(&tensor.name).expect("it was written");
        assert_eq!((info.dtype, &info.shape), (tensor.dtype, &tensor.shape));
        let data = file.read_f32(&tensor.name).expect("it was written");
        assert!(
            same(&data, &tensor.data) || tensor.dtype == DType::F64,
            "{}",
            tensor.name
        );
    }
}

/// Equal numbers; those that are none may differ in their bits.
fn same(one: &[f32], other: &[f32]) -> bool {
    let equal = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
    one.len() == other.len() && one.iter().zip(other).all(equal)
}
