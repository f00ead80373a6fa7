//! PNG files that carry text, such as the recipe of a drawing. A file appears only when it is complete.

use std::io::{self, BufRead, BufReader, BufWriter, Cursor, Seek, Write};
use std::path::Path;

use fs_err::File;

use crate::file::{Temporary, open_regular};
use crate::{Error, Result, RgbPicture};

/// Memory for reading a file.
const MAX_FILE_BYTES: usize = 64 << 20;
/// All texts of a file together, when they are unpacked. A few thousand bytes can become more than any memory holds.
const MAX_TEXT_BYTES: usize = 8 << 20;

/// Writes a picture with texts, each a keyword (1 to 79 Latin-1 characters) and its value. A value outside Latin-1 is
/// stored as UTF-8. The name must be free, else the error is [`Error::Exists`]. On an error nothing is left behind.
pub fn write<K: AsRef<str>, V: AsRef<str>>(
    path: impl AsRef<Path>,
    picture: &RgbPicture,
    texts: &[(K, V)],
) -> Result<()> {
    let path = path.as_ref();
    let temporary = written(path, picture, texts)?;
    temporary.publish(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists {
            path: path.to_owned(),
        },
        _ => Error::io("write", path, error),
    })
}

/// As [`write`], in place of what is there under the name.
pub fn replace<K: AsRef<str>, V: AsRef<str>>(
    path: impl AsRef<Path>,
    picture: &RgbPicture,
    texts: &[(K, V)],
) -> Result<()> {
    let path = path.as_ref();
    let temporary = written(path, picture, texts)?;
    let replaced = temporary.replace(path);
    replaced.map_err(|error| Error::io("write", path, error))
}

/// The texts of a PNG file, in the order Latin-1, compressed, UTF-8.
pub fn read_text(path: impl AsRef<Path>) -> Result<Vec<(String, String)>> {
    let path = path.as_ref();
    let bad = |error: ::png::DecodingError| match error {
        ::png::DecodingError::IoError(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
            Error::io("read", path, error)
        }
        error => Error::BadPicture {
            path: path.to_owned(),
            problem: format!("its text cannot be read: {error}"),
        },
    };
    texts_in(BufReader::new(open_regular(path)?)).map_err(bad)
}

/// The same of the content of a PNG file; an error says what is wrong with it.
pub fn text_of(bytes: &[u8]) -> Result<Vec<(String, String)>, String> {
    texts_in(Cursor::new(bytes)).map_err(|error| format!("its text cannot be read: {error}"))
}

fn texts_in(content: impl BufRead + Seek) -> Result<Vec<(String, String)>, ::png::DecodingError> {
    let limits = ::png::Limits {
        bytes: MAX_FILE_BYTES,
    };
    let decoder = ::png::Decoder::new_with_limits(content, limits);
    let mut reader = decoder.read_info()?;
    reader.finish()?;
    let info = reader.info();
    let mut texts = Texts {
        found: Vec::new(),
        left_bytes: MAX_TEXT_BYTES,
    };
    for chunk in &info.uncompressed_latin1_text {
        texts.add(&chunk.keyword, chunk.text.clone())?;
    }
    for chunk in &info.compressed_latin1_text {
        let mut chunk = chunk.clone();
        chunk.decompress_text_with_limit(texts.left_bytes)?;
        texts.add(&chunk.keyword, chunk.get_text()?)?;
    }
    for chunk in &info.utf8_text {
        let mut chunk = chunk.clone();
        chunk.decompress_text_with_limit(texts.left_bytes)?;
        texts.add(&chunk.keyword, chunk.get_text()?)?;
    }
    Ok(texts.found)
}

/// The texts that were read, and how much more may be.
struct Texts {
    found: Vec<(String, String)>,
    left_bytes: usize,
}

impl Texts {
    fn add(&mut self, keyword: &str, text: String) -> Result<(), ::png::DecodingError> {
        let left_bytes = self.left_bytes.checked_sub(text.len());
        self.left_bytes = left_bytes.ok_or(::png::DecodingError::LimitsExceeded)?;
        self.found.push((keyword.to_owned(), text));
        Ok(())
    }
}

fn check_text(path: &Path, keyword: &str, text: &str) -> Result<()> {
    let problem = if !(1..=79).contains(&keyword.chars().count()) || !is_latin1(keyword) {
        "the keyword needs 1 to 79 Latin-1 characters"
    } else if text.contains('\0') {
        "the value has a zero byte"
    } else {
        return Ok(());
    };
    Err(Error::BadText {
        path: path.to_owned(),
        keyword: keyword.to_owned(),
        problem: problem.to_owned(),
    })
}

/// Without control characters other than the line feed, which the format does not allow.
fn is_latin1(text: &str) -> bool {
    text.chars()
        .all(|c| c == '\n' || (u32::from(c) < 256 && !c.is_control()))
}

/// A complete file, on the disk, that has no final name yet.
fn written<K: AsRef<str>, V: AsRef<str>>(
    path: &Path,
    picture: &RgbPicture,
    texts: &[(K, V)],
) -> Result<Temporary> {
    for (keyword, text) in texts {
        check_text(path, keyword.as_ref(), text.as_ref())?;
    }
    let failed = |error| Error::io("write", path, error);
    let (temporary, file) = Temporary::beside(path).map_err(failed)?;
    fill(file, picture, texts).map_err(failed)?;
    Ok(temporary)
}

fn fill<K: AsRef<str>, V: AsRef<str>>(
    file: File,
    picture: &RgbPicture,
    texts: &[(K, V)],
) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    encode(&mut out, picture, texts).map_err(|error| match error {
        ::png::EncodingError::IoError(error) => error,
        error => io::Error::new(io::ErrorKind::InvalidInput, error),
    })?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()
}

fn encode<K: AsRef<str>, V: AsRef<str>>(
    out: &mut dyn Write,
    picture: &RgbPicture,
    texts: &[(K, V)],
) -> Result<(), ::png::EncodingError> {
    let mut encoder = ::png::Encoder::new(out, picture.width as u32, picture.height as u32);
    encoder.set_color(::png::ColorType::Rgb);
    encoder.set_depth(::png::BitDepth::Eight);
    encoder.set_source_srgb(::png::SrgbRenderingIntent::Perceptual);
    for (keyword, text) in texts {
        let (keyword, text) = (keyword.as_ref().to_owned(), text.as_ref().to_owned());
        if is_latin1(&text) {
            encoder.add_text_chunk(keyword, text)?;
        } else {
            encoder.add_itxt_chunk(keyword, text)?;
        }
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&picture.rgb)?;
    writer.finish()
}
