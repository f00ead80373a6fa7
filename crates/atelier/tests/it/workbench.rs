//! A folder of its own for each test, with pictures, and the program run in it.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use atelier_testkit::tiny_sd15;
use image::RgbImage;
use tempfile::TempDir;

/// A temporary folder and the program's own place in it.
pub(crate) struct Workbench {
    folder: TempDir,
}

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Workbench {
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program with these words, in this folder, on the processor where they do not name a device.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(words)
            .current_dir(self.folder.path())
            .env("ATELIER_HOME", self.path("home"))
            .env("ATELIER_DEVICE", "cpu")
            .env_remove("RUST_BACKTRACE");
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Ended {
        self.ended(&self.command(words).output().unwrap())
    }

    /// Runs a line of shell in which `$ATELIER` is the program.
    #[cfg(unix)]
    pub(crate) fn shell(&self, script: &str) -> Ended {
        let output = std::process::Command::new("sh")
            .args(["-c", script])
            .current_dir(self.folder.path())
            .env("ATELIER", program())
            .env("ATELIER_HOME", self.path("home"))
            .env("ATELIER_DEVICE", "cpu")
            .output();
        self.ended(&output.unwrap())
    }

    /// Runs a command that must succeed.
    pub(crate) fn succeed(&self, words: &[&str]) -> Ended {
        let ended = self.run(words);
        assert_eq!(ended.status, 0, "{words:?}: {}", ended.stderr);
        ended
    }

    /// Runs a command with `--json` that must succeed; the document.
    pub(crate) fn document(&self, words: &[&str]) -> serde_json::Value {
        let ended = self.succeed(&[words, &["--json"]].concat());
        serde_json::from_str(&ended.stdout).unwrap()
    }

    /// The program with these words where no variable names a place for what it keeps.
    pub(crate) fn homeless(&self, words: &[&str]) -> Command {
        let mut command = self.command(words);
        for name in ["ATELIER_HOME", "XDG_DATA_HOME", "HOME"] {
            command.env_remove(name);
        }
        command
    }

    /// How a command ended, with the folder's name taken out.
    pub(crate) fn ended(&self, output: &std::process::Output) -> Ended {
        let folder = self.folder.path().to_string_lossy().into_owned();
        let base = tiny_base();
        let text = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            text.replace(&folder, "[FOLDER]").replace(&base, "[BASE]")
        };
        Ended {
            status: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// A folder of small pictures with captions.
    pub(crate) fn dataset(&self, name: &str, count: u8) {
        let folder = self.path(name);
        std::fs::create_dir_all(&folder).unwrap();
        for number in 0..count {
            let picture = RgbImage::from_fn(64, 64, |x, y| {
                image::Rgb([x as u8 * 4, y as u8 * 4, number * 80])
            });
            picture.save(folder.join(format!("{number}.png"))).unwrap();
            let caption = format!("a slope of colour number {number}");
            std::fs::write(folder.join(format!("{number}.txt")), caption).unwrap();
        }
    }

    /// Trains for two epochs into `run`, with these words on top.
    pub(crate) fn train(&self, more: &[&str]) -> Ended {
        let base = tiny_base();
        let words = ["train", "--dataset", "pictures", "--base", &base];
        let settings = ["--trigger", "BlobCharV1", "--epochs", "2", "--rank", "2"];
        let out = ["--out", "run"];
        self.run(&[&words, &settings[..], &out, more].concat())
    }

    /// Draws one picture in four steps into `drawn`, with these words on top.
    pub(crate) fn generate(&self, more: &[&str]) -> Ended {
        let base = tiny_base();
        let words = ["generate", "--base", &base, "--prompt", "a slope"];
        let settings = ["--steps", "4", "--seed", "7", "--out", "drawn"];
        self.run(&[&words, &settings[..], more].concat())
    }
}

impl Ended {
    /// Checks that the command refused its input: status 2, nothing on stdout, these words in the message.
    #[track_caller]
    pub(crate) fn refused(&self, words: &[&str]) {
        self.refused_with(2, words);
    }

    /// The same with another status.
    #[track_caller]
    pub(crate) fn refused_with(&self, status: i32, words: &[&str]) {
        assert_eq!(self.status, status, "{}", self.stderr);
        assert_eq!(self.stdout, "");
        for word in words {
            assert!(self.stderr.contains(word), "no `{word}` in {}", self.stderr);
        }
    }

    /// The same of a command with `--json`, whose document says why.
    #[track_caller]
    pub(crate) fn refused_in_json(&self, reason: &str) {
        assert_eq!(self.status, 2, "{}", self.stderr);
        let document: serde_json::Value = serde_json::from_str(&self.stdout).unwrap();
        let message = document["error"]["message"].as_str().unwrap();
        assert!(message.contains(reason), "no `{reason}` in {message}");
    }
}

/// The built program.
pub(crate) fn program() -> &'static str {
    env!("CARGO_BIN_EXE_atelier")
}

/// Sends a signal, such as `TERM`, to a program that was started.
#[cfg(unix)]
pub(crate) fn signal(child: &std::process::Child, name: &str) {
    let kill = format!("kill -{name} {}", child.id());
    let sent = std::process::Command::new("sh")
        .args(["-c", &kill])
        .status();
    assert!(sent.unwrap().success());
}

/// Whether a line says that a training step is done, such as `training 1/60, loss 0.1`.
#[cfg(unix)]
pub(crate) fn is_step(line: &str) -> bool {
    let steps = line.strip_prefix("training ");
    steps.is_some_and(|steps| steps.starts_with(|c: char| c.is_ascii_digit()))
}

/// The tiny model as a word of a command.
pub(crate) fn tiny_base() -> String {
    tiny_sd15().to_string_lossy().into_owned()
}

/// Every file below a folder, relative to it, sorted.
pub(crate) fn files_below(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&next) else {
            continue;
        };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap();
                files.push(name.to_string_lossy().into_owned());
            }
        }
    }
    files.sort();
    files
}

/// Copies a folder with everything in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    for name in files_below(from) {
        let target = to.join(&name);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(from.join(&name), target).unwrap();
    }
}
