//! Files that are damaged, lie, or are something else: each is refused with a reason and without a panic.

use atelier_core::{Coded as _, ErrorCode};
use atelier_weights::TensorFile;
use proptest::prelude::*;

use crate::{file_bytes, written};

const GOOD: &str = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;

/// A tensor with a field that nobody reads, up to the value of that field.
const UNREAD: &str = r#"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"more":"#;

fn refusal(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = written(&folder, "x.safetensors", bytes);
    let error = TensorFile::open(&path).unwrap_err();
    assert_eq!(error.code(), ErrorCode::BadWeights, "{error}");
    let message = error.to_string();
    assert!(message.contains("x.safetensors"), "{message}");
    message
}

/// One test per kind of file: its bytes and what the message must say.
macro_rules! refused {
    ($($name:ident: $bytes:expr => $part:expr;)+) => {
        $(#[test]
        fn $name() {
            let message = refusal(&$bytes);
            assert!(message.contains($part), "{message}");
        })+
    };
}

refused! {
    an_empty_file_is_refused: [] => "is empty";
    a_file_shorter_than_a_length_is_refused: [1, 2, 3] => "truncated: it has 3 bytes";
    a_header_longer_than_the_file_is_refused: file_bytes(GOOD, &[0; 8])[..30] => "truncated: the header claims 54 bytes, the file has 30";
    a_header_above_the_limit_is_refused: [0xff; 64] => "larger than 100000000 bytes";
    missing_data_is_refused: file_bytes(GOOD, &[0; 7]) => "tensor `a` ends at byte 8 of the data, the file has 7";
    extra_data_is_refused: file_bytes(GOOD, &[0; 9]) => "take 8 bytes, but 9 follow";
    a_header_that_is_no_json_is_refused: file_bytes("{\"a\":", &[]) => "cannot be read";
    a_header_that_is_a_list_is_refused: file_bytes("[]", &[]) => "does not start with `{`";
    a_header_that_is_not_utf8_is_refused: [&4u64.to_le_bytes()[..], b"{\"\xff\""].concat() => "cannot be read";
    a_field_that_nobody_reads_must_be_utf8_too: {
        let header = [UNREAD.as_bytes(), b"\"\xff\"}}"].concat();
        [&(header.len() as u64).to_le_bytes()[..], &header].concat()
    } => "invalid unicode code point";
    a_field_that_nobody_reads_must_be_text_too: file_bytes(&format!(r#"{UNREAD}"\ud800"}}}}"#), &[]) => "cannot be read";
    a_field_that_nobody_reads_must_be_a_number_too: file_bytes(&format!("{UNREAD}1e999}}}}"), &[]) => "out of range";
    a_field_that_comes_twice_is_refused: file_bytes(&format!(r#"{UNREAD}0,"dtype":"U8"}}}}"#), &[]) => "`dtype` comes twice";
    a_tensor_without_a_shape_is_refused: file_bytes(r#"{"a":{"dtype":"U8","data_offsets":[0,0]}}"#, &[]) => "missing field `shape`";
    overlapping_tensors_are_refused: file_bytes(
        r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#,
        &[0; 12],
    ) => "tensor `b` overlaps";
    a_gap_is_refused: file_bytes(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, &[0; 8]) => "leaves a gap";
    offsets_in_the_wrong_order_are_refused: file_bytes(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}}"#, &[0; 8])
        => "cannot lie at bytes 8 to 4";
    a_shape_that_contradicts_the_place_is_refused: file_bytes(r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, &[0; 8])
        => "shape [3]";
    a_shape_whose_product_overflows_is_refused: file_bytes(
        r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#, &[]) => "cannot lie";
    a_negative_shape_is_refused: file_bytes(r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,0]}}"#, &[]) => "cannot be read";
    too_many_axes_are_refused: file_bytes(r#"{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}}"#, &[0; 4])
        => "at most 8 axis lengths";
    a_name_that_comes_twice_is_refused: file_bytes(
        r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#,
        &[0; 2],
    ) => "`a` comes twice";
    an_unknown_number_format_is_refused: file_bytes(r#"{"a":{"dtype":"F8_E8M0","shape":[1],"data_offsets":[0,1]}}"#, &[0])
        => "unsupported number format `F8_E8M0`, 8-bit floating point; take the f16 version";
    weights_of_8_bits_with_scales_are_refused: file_bytes(
        r#"{"a.weight":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]},"a.scale_weight":{"dtype":"F32","shape":[],"data_offsets":[4,8]}}"#,
        &[0; 8],
    ) => "have scales in other tensors, such as `a.scale_weight`";
    inverse_scales_of_8_bits_are_refused: file_bytes(
        r#"{"a.weight":{"dtype":"F8_E5M2","shape":[4],"data_offsets":[0,4]},"a.weight_scale_inv":{"dtype":"F32","shape":[],"data_offsets":[4,8]}}"#,
        &[0; 8],
    ) => "such as `a.weight_scale_inv`";
    a_mark_of_scaled_8_bits_is_refused: file_bytes(
        r#"{"a.weight":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]},"scaled_fp8":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[4,6]}}"#,
        &[0; 6],
    ) => "such as `scaled_fp8`";
    metadata_that_is_no_text_is_refused: file_bytes(r#"{"__metadata__":{"a":1}}"#, &[]) => "cannot be read";
    deep_nesting_is_refused: file_bytes(&format!(r#"{{"a":{}"#, "[".repeat(100_000)), &[]) => "cannot be read";
    a_zip_checkpoint_is_named: *b"PK\x03\x04\x00\x00\x08\x08\x00\x00archive/data.pkl" => "pickled PyTorch file";
    an_old_pickle_is_named: *b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M" => "pickled PyTorch file";
    a_web_page_is_named: *b"\n<!DOCTYPE html><html><body>404</body></html>" => "web page";
    a_git_lfs_pointer_is_named: *b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n" => "git-lfs pointer";
    a_gguf_file_is_named: *b"GGUF\x03\x00\x00\x00\x00\x00\x00\x00" => "GGUF";
    a_text_file_is_refused: *b"just some words, not weights at all" => "not a safetensors file";
}

#[test]
fn a_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = TensorFile::open(folder.path()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::BadWeights);
    assert!(error.to_string().contains("it is a folder"), "{error}");
}

#[test]
fn a_missing_file_is_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let error = TensorFile::open(folder.path().join("gone.safetensors")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    assert!(error.to_string().contains("gone.safetensors"));
}

#[test]
fn a_file_that_shrinks_while_open_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(&folder, "x.safetensors", &file_bytes(GOOD, &[0; 8]));
    let file = TensorFile::open(&path).unwrap();
    fs_err::write(&path, b"").unwrap();
    let error = file.read_f32("a").unwrap_err();
    assert!(error.to_string().contains("became shorter"), "{error}");
}

#[test]
fn reading_an_absent_or_an_integer_tensor_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let header = r#"{"ids":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}"#;
    let path = written(
        &folder,
        "x.safetensors",
        &file_bytes(header, &[7, 0, 0, 0, 0, 0, 0, 0]),
    );
    let file = TensorFile::open(path).unwrap();
    assert!(
        file.read_f32("b")
            .unwrap_err()
            .to_string()
            .contains("no tensor `b`")
    );
    assert!(
        file.read_f32("ids")
            .unwrap_err()
            .to_string()
            .contains("`ids` holds I64")
    );
    assert_eq!(file.read_bytes("ids").unwrap(), [7, 0, 0, 0, 0, 0, 0, 0]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_files_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), len in 0u64..300) {
        let folder = tempfile::tempdir().unwrap();
        let _ = TensorFile::open(written(&folder, "x", &bytes));
        let mut framed = len.to_le_bytes().to_vec();
        framed.push(b'{');
        framed.extend(bytes);
        let _ = TensorFile::open(written(&folder, "x", &framed));
    }
}
