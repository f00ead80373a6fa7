//! Writes the first inputs of the target `header` from the reference files: headers and whole small files. The other targets
//! start from the reference files by themselves.

use std::path::{Path, PathBuf};

/// Larger files say nothing more about headers.
const MOST_BYTES: usize = 4096;

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = root.join("corpus/header");
    fs_err::create_dir_all(&corpus)?;
    let mut files = Vec::new();
    collect(&root.join("../golden"), &mut files)?;
    files.sort();
    let mut written = 0;
    for (index, file) in files.iter().enumerate() {
        let bytes = fs_err::read(file)?;
        let header_end = bytes
            .first_chunk()
            .map_or(0, |first| 8 + u64::from_le_bytes(*first) as usize);
        let header = bytes.get(8..header_end).unwrap_or_default();
        let first = &header[..header.len().min(MOST_BYTES)];
        fs_err::write(corpus.join(format!("{index}-header")), first)?;
        written += 1;
        if bytes.len() <= MOST_BYTES {
            // As a file, and as the header and the data that the target frames.
            let framed = [header, &[0], &bytes[header_end..]].concat();
            fs_err::write(corpus.join(format!("{index}-file")), &bytes)?;
            fs_err::write(corpus.join(format!("{index}-framed")), framed)?;
            written += 2;
        }
    }
    for (name, bytes) in FOREIGN {
        fs_err::write(corpus.join(name), bytes)?;
    }
    println!(
        "wrote {} inputs to {}",
        written + FOREIGN.len(),
        corpus.display()
    );
    Ok(())
}

/// Beginnings of files that are no safetensors files.
const FOREIGN: &[(&str, &[u8])] = &[
    ("zip", b"PK\x03\x04\x00\x00"),
    ("pickle", b"\x80\x02}q\x00."),
    ("page", b"<!DOCTYPE html><html></html>"),
    ("pointer", b"version https://git-lfs.github.com/spec/v1\n"),
    ("gguf", b"GGUF\x03\x00\x00\x00"),
    ("small", b"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}\x0012345678"),
    ("empty", b"{\"a\":{\"dtype\":\"BF16\",\"shape\":[0,5],\"data_offsets\":[0,0]},\"__metadata__\":{\"k\":\"v\"}}"),
];

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "safetensors")
        {
            files.push(path);
        }
    }
    Ok(())
}
