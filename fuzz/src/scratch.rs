//! Files in memory, under names that stay the same from input to input.

use std::path::{Path, PathBuf};

/// A folder of this process, on a file system in memory where there is one.
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes the folder, empty.
    pub fn new(target: &str) -> Self {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        let folder = parent.join(format!("atelier-fuzz-{target}-{}", std::process::id()));
        let scratch = Self(folder);
        scratch.clear();
        scratch
    }

    /// Removes what the input before this one left.
    pub fn clear(&self) {
        if self.0.exists() {
            fs_err::remove_dir_all(&self.0).expect("the folder is ours");
        }
        fs_err::create_dir_all(&self.0).expect("there is room for a folder");
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Writes a file of `bytes`, followed by `zeros` bytes that take no room.
    pub fn write(&self, name: &str, bytes: &[u8], zeros: u64) -> PathBuf {
        let path = self.0.join(name);
        fs_err::write(&path, bytes).expect("there is room for a small file");
        if zeros > 0 {
            let file = fs_err::OpenOptions::new().write(true).open(&path);
            let file = file.expect("the file was just written");
            let len = bytes.len() as u64 + zeros;
            file.set_len(len).expect("a hole takes no room");
        }
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A folder that stays behind in memory does no harm.
        let _ = fs_err::remove_dir_all(&self.0);
    }
}
