//! The archive of an export, made piece by piece in little memory.

use std::io::{self, Read as _, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::vec;

use atelier_store::{BlobReader, FolderContent, FolderFile, Library};
use bytes::{Bytes, BytesMut};
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

/// The size of a piece.
const PIECE_BYTES: usize = 256 << 10;

/// The archive.
pub(super) struct Archive {
    library: Library,
    /// Those that are not begun.
    files: vec::IntoIter<FolderFile>,
    /// The picture that is being written.
    open: Option<BlobReader>,
    /// Nothing when the end is written.
    zip: Option<ZipWriter<StreamWriter<Spool>>>,
    spool: Spool,
    buffer: Vec<u8>,
}

/// What was written and not yet sent.
#[derive(Debug, Clone, Default)]
struct Spool(Arc<Mutex<BytesMut>>);

impl Spool {
    fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn take(&self, most_bytes: usize) -> Bytes {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = written.len().min(most_bytes);
        written.split_to(count).freeze()
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Archive {
    /// Of these files.
    pub(super) fn new(library: Library, files: Vec<FolderFile>) -> Self {
        let spool = Spool::default();
        Self {
            library,
            files: files.into_iter(),
            open: None,
            zip: Some(ZipWriter::new_stream(spool.clone())),
            spool,
            buffer: vec![0; PIECE_BYTES],
        }
    }

    /// The next bytes; nothing after the end.
    ///
    /// # Errors
    /// When a picture cannot be read or is damaged.
    pub(super) fn next_piece(&mut self) -> io::Result<Option<Bytes>> {
        while self.spool.len() < PIECE_BYTES
            && let Some(zip) = &mut self.zip
        {
            if let Some(file) = &mut self.open {
                let count = file.read(&mut self.buffer)?;
                zip.write_all(&self.buffer[..count])?;
                if count == 0 {
                    self.open = None;
                }
            } else if let Some(FolderFile { name, content }) = self.files.next() {
                // Pictures are compressed already.
                let options =
                    SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
                match content {
                    FolderContent::Blob(hash) => {
                        let file = self.library.blobs().reader(&hash);
                        let file = file.map_err(io::Error::other)?;
                        let options = options.large_file(file.size_bytes() >= 1 << 31);
                        zip.start_file(name, options)?;
                        self.open = Some(file);
                    }
                    FolderContent::Text(text) => {
                        zip.start_file(name, options)?;
                        zip.write_all(text.as_bytes())?;
                    }
                }
            } else if let Some(zip) = self.zip.take() {
                zip.finish()?;
            }
        }
        let piece = self.spool.take(PIECE_BYTES);
        Ok((!piece.is_empty()).then_some(piece))
    }
}

#[cfg(test)]
mod tests {
    use atelier_core::Clock;

    use super::*;

    struct Standing;

    impl Clock for Standing {
        fn unix_secs(&self) -> f64 {
            0.0
        }
    }

    #[test]
    fn no_piece_is_as_large_as_a_picture() {
        let home = tempfile::tempdir().unwrap();
        let library = Library::open(home.path(), Arc::new(Standing)).unwrap();
        let hold = library.blobs().hold().unwrap();
        let picture = vec![7; 20 * PIECE_BYTES + 1];
        let file = |name: &str, content| FolderFile {
            name: name.to_owned(),
            content,
        };
        let hash = library.blobs().put(&hold, &picture).unwrap();
        let files = vec![
            file("a.png", FolderContent::Blob(hash)),
            file("a.txt", FolderContent::Text("a".to_owned())),
        ];
        let mut archive = Archive::new(library, files);
        let mut whole = Vec::new();
        while let Some(piece) = archive.next_piece().unwrap() {
            assert!(piece.len() <= PIECE_BYTES, "{}", piece.len());
            whole.extend_from_slice(&piece);
        }
        let mut zip = zip::ZipArchive::new(io::Cursor::new(whole)).unwrap();
        let mut read = Vec::new();
        zip.by_name("a.png")
            .unwrap()
            .read_to_end(&mut read)
            .unwrap();
        assert!(read == picture && zip.len() == 2);
    }
}
