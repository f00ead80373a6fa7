//! A plain folder of pictures with captions, read as a dataset.

use std::fmt;
use std::path::{Path, PathBuf};

use atelier_core::Crop;
use sha2::{Digest as _, Sha256};

use crate::crops::Crops;
use crate::decode::{decode_bytes, read_file};
use crate::listing::{Listing, is_other_format};
use crate::{CaptionGaps, Error, Limits, Result, RgbPicture, caption, dataset_version};

/// Names that an error shows of files whose format is not read.
const SHOWN: usize = 5;

/// A picture that can be trained on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The picture file.
    pub path: PathBuf,
    /// Its words, without the trigger word.
    pub caption: String,
    /// SHA-256 of the picture file.
    pub content_hash: String,
    /// Width and height of the upright picture in pixels.
    pub size: [usize; 2],
    /// The square to train on; the middle one when absent.
    pub crop: Option<Crop>,
}

impl Sample {
    /// The picture, as it was when the folder was read.
    ///
    /// # Errors
    /// When the file cannot be read, or has another content by now.
    pub fn picture(&self, limits: &Limits) -> Result<RgbPicture> {
        let bad = |problem: String| Error::BadPicture {
            path: self.path.clone(),
            problem,
        };
        let bytes = read_file(&self.path)?;
        if hash_of(&bytes) != self.content_hash {
            let problem = "it was changed since the folder was read; start again";
            return Err(bad(problem.to_owned()));
        }
        decode_bytes(&bytes, limits).map_err(bad)
    }

    fn sort_key(&self) -> (&str, &str, Option<Crop>, &Path) {
        (&self.content_hash, &self.caption, self.crop, &self.path)
    }
}

/// A picture that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The picture file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl Skipped {
    /// A picture whose format is not read.
    fn of_other_format(path: PathBuf) -> Self {
        let reason = "its format is not read; save it as PNG or JPEG".to_owned();
        Self { path, reason }
    }

    /// Whether it is no bad picture but one of a format that is not read, which is left out without being asked.
    pub fn is_other_format(&self) -> bool {
        is_other_format(&self.path)
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        write!(f, "`{}`: {}", name.display(), self.reason)
    }
}

/// The pictures of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderDataset {
    /// Usable pictures, sorted by content hash and caption: the version fixes the order too. Names tell twins apart.
    pub samples: Vec<Sample>,
    /// Pictures that were left out.
    pub skipped: Vec<Skipped>,
    /// What is missing of the captions.
    pub caption_gaps: CaptionGaps,
    /// A hash of what is trained on: contents, captions and crops, not names.
    pub version: String,
}

/// Reads the pictures that lie directly in a folder, and decodes each once to see that it is usable.
///
/// The caption stands in `name.txt` beside `name.png`; without it, the folder's name is the caption, and
/// [`FolderDataset::caption_gaps`] says of how many pictures that is so. The square to train on
/// may stand in `crops.json`. Hidden files are not looked at; anything but a regular file is a bad picture. Unless `skip_bad`,
/// one bad picture is an error, which names all of them. Pictures of formats that are not read are left out, and are named
/// among those that were.
pub fn read_folder(
    folder: impl AsRef<Path>,
    skip_bad: bool,
    limits: &Limits,
) -> Result<FolderDataset> {
    let folder = folder.as_ref();
    let listing = Listing::of(folder)?;
    if listing.pictures.is_empty() {
        return Err(empty(folder, &looked_for(&listing)));
    }
    let crops = Crops::of(folder, &listing.pictures)?;
    let mut gaps = gaps_of(folder, &listing);
    let (mut samples, mut skipped) = (Vec::new(), Vec::new());
    for path in &listing.pictures {
        let named = listing.caption_of(path);
        match read_sample(path, (named, &gaps.fallback), &crops, limits) {
            Ok((sample, has_caption)) => {
                samples.push(sample);
                gaps.pictures += 1;
                gaps.without_caption += usize::from(!has_caption);
            }
            Err(reason) => skipped.push(Skipped {
                path: path.clone(),
                reason,
            }),
        }
    }
    let has_bad = !skipped.is_empty();
    skipped.extend(listing.others.into_iter().map(Skipped::of_other_format));
    if has_bad && !skip_bad {
        return Err(Error::BadPictures {
            folder: folder.to_owned(),
            total: samples.len() + skipped.len(),
            bad: skipped,
        });
    }
    if samples.is_empty() {
        let reasons: Vec<_> = skipped.iter().map(ToString::to_string).collect();
        let problem = format!("none is usable: {}", reasons.join("; "));
        return Err(empty(folder, &problem));
    }
    samples.sort_by(|a, b| a.sort_key().cmp(&b.sort_key()));
    let version = dataset_version(samples.iter().map(|sample| {
        (
            sample.content_hash.as_str(),
            sample.caption.as_str(),
            sample.crop,
        )
    }));
    Ok(FolderDataset {
        samples,
        skipped,
        caption_gaps: gaps,
        version,
    })
}

/// A picture, and whether it has a caption of its own.
fn read_sample(
    path: &Path,
    (listed, fallback): (Option<&Path>, &str),
    crops: &Crops,
    limits: &Limits,
) -> Result<(Sample, bool), String> {
    let bytes = read_file(path).map_err(Error::into_reason)?;
    let picture = decode_bytes(&bytes, limits)?;
    let size = [picture.width, picture.height];
    let crop = crops.of_picture(path);
    if let Some(problem) = crop.and_then(|crop| crop.problem(size[0], size[1])) {
        return Err(problem);
    }
    let own = caption::beside(path, listed)?;
    let has_caption = own.is_some();
    let caption = match own {
        Some(caption) => caption,
        None => match caption::problem(fallback) {
            None => fallback.to_owned(),
            Some(problem) => return Err(format!("its caption, the folder's name, {problem}")),
        },
    };
    let sample = Sample {
        path: path.to_owned(),
        caption,
        content_hash: hash_of(&bytes),
        size,
        crop,
    };
    Ok((sample, has_caption))
}

fn hash_of(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// What a folder's names say of its captions, before its pictures are read.
fn gaps_of(folder: &Path, listing: &Listing) -> CaptionGaps {
    // Resolved first, so that `.` has a name too.
    let resolved = fs_err::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let name = resolved.file_name().unwrap_or_default().to_string_lossy();
    let example = listing.pictures.first().and_then(|path| path.file_name());
    CaptionGaps {
        fallback: caption::from_folder_name(&name),
        stray_texts: listing.stray_texts(),
        example: example.unwrap_or_default().to_string_lossy().into_owned(),
        folder: name.into_owned(),
        ..CaptionGaps::default()
    }
}

/// What a folder without pictures was searched for, and what is there in place of them.
fn looked_for(listing: &Listing) -> String {
    let looked = "looked for .png, .jpg, .jpeg, .webp, .gif and .bmp files directly in it";
    let names = listing.others.iter().filter_map(|path| path.file_name());
    let names = names.map(|name| format!("`{}`", name.display()));
    let shown: Vec<_> = names.take(SHOWN).collect();
    if shown.is_empty() {
        return looked.to_owned();
    }
    let more = match listing.others.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let shown = shown.join(", ");
    format!("{looked}; the formats of {shown}{more} are not read, save them as PNG or JPEG")
}

fn empty(folder: &Path, problem: &str) -> Error {
    Error::DatasetEmpty {
        folder: folder.to_owned(),
        problem: problem.to_owned(),
    }
}
