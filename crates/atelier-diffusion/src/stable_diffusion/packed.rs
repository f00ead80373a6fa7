//! Packed weights of a denoiser in a file of the program's own: a later start maps it in place of reading and packing the
//! base again. Files follow from bases, so that losing one costs a slower start and nothing else.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use atelier_nn::KeptWeights;
use atelier_nn::kernels::{self, Frozen, KeptWeight, MappedFile, WeightFormat};
use atelier_weights::{StoredBytes, TensorFile, write_stored};
use fs_err::File;
use rayon::prelude::*;

use crate::{Error, Result};

/// Metadata of the file: the hash of the base.
const BASE: &str = "base";

/// A folder of the program's own for packed weights; it is made when something is kept.
#[derive(Debug, Clone)]
pub struct PackedFolder {
    /// Where it is.
    pub path: PathBuf,
    /// Files smaller than this are not worth it.
    pub least_bytes: u64,
    /// No file is larger than this.
    pub most_bytes: u64,
    problem: Arc<Mutex<Option<String>>>,
}

impl PackedFolder {
    /// A folder for files of any size.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            least_bytes: 0,
            most_bytes: u64::MAX,
            problem: Arc::default(),
        }
    }

    /// Why packed weights could not be kept; each reason once.
    pub(super) fn take_problem(&self) -> Option<String> {
        locked(&self.problem).take()
    }

    /// What the names of a base's files begin with.
    pub fn prefix(base_hash: &str) -> &str {
        base_hash.get(..32).unwrap_or(base_hash)
    }
}

/// Where the packed weights of a base are kept. Files are written beside the work that follows; at the latest, their end
/// is waited for when this goes.
pub(super) struct PackedPlace {
    pub(super) folder: PackedFolder,
    base_hash: String,
    writers: Mutex<Vec<JoinHandle<()>>>,
}

impl Drop for PackedPlace {
    fn drop(&mut self) {
        self.wait();
    }
}

impl PackedPlace {
    pub(super) fn new(folder: PackedFolder, base_hash: String) -> Self {
        Self {
            folder,
            base_hash,
            writers: Mutex::default(),
        }
    }

    /// Waits until everything is written.
    pub(super) fn wait(&self) {
        for writer in locked(&self.writers).drain(..) {
            // A writer that panicked has written nothing.
            let _ = writer.join();
        }
    }

    fn path(&self, part: &str, format: WeightFormat) -> PathBuf {
        let numbers = match format {
            WeightFormat::Float => "f32",
            WeightFormat::Whole if kernels::rounds_to_bf16() => "bf16",
            WeightFormat::Whole => "i16",
            WeightFormat::Byte => "i8",
        };
        let base = PackedFolder::prefix(&self.base_hash);
        let packing = kernels::packing();
        let name = format!("{base}-{part}-{numbers}-{packing}.safetensors");
        self.folder.path.join(name)
    }
}

/// The packed weights of one part: those of an earlier start, or those that this one packs.
pub(super) struct PackedFile<'a> {
    place: &'a PackedPlace,
    path: PathBuf,
    found: Option<(TensorFile, Arc<MappedFile>)>,
    fresh: Vec<(String, Arc<Frozen>)>,
}

impl<'a> PackedFile<'a> {
    /// Looks for the file of a part. One that is damaged or of something else is as good as none.
    pub(super) fn open(place: &'a PackedPlace, part: &str, format: WeightFormat) -> Self {
        let path = place.path(part, format);
        Self {
            found: find(&path, &place.base_hash),
            place,
            path,
            fresh: Vec::new(),
        }
    }

    /// Has what this start packed written. Where that fails, the folder says why.
    pub(super) fn keep(self) {
        let bytes: u64 = self.fresh.iter().map(|(_, one)| one.bytes() as u64).sum();
        let (place, folder) = (self.place, &self.place.folder);
        let sizes = folder.least_bytes..=folder.most_bytes;
        if self.fresh.is_empty() || !sizes.contains(&bytes) {
            return;
        }
        let (folder, hash) = (folder.clone(), place.base_hash.clone());
        let (path, fresh) = (self.path, self.fresh);
        let writer = thread::spawn(move || {
            if let Err(error) = write(&path, &fresh, hash) {
                let text = format!("packed weights cannot be kept for the next start: {error}");
                *locked(&folder.problem) = Some(text);
            }
        });
        locked(&place.writers).push(writer);
    }
}

fn write(path: &Path, fresh: &[(String, Arc<Frozen>)], base_hash: String) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder).map_err(Error::Packed)?;
    }
    let stored: Vec<_> = fresh
        .iter()
        .map(|(name, weight)| StoredBytes {
            name: name.clone(),
            pieces: weight.pieces().into(),
        })
        .collect();
    let sums = stored
        .iter()
        .map(|one| (one.name.clone(), checksum(&one.pieces)));
    let mut metadata: BTreeMap<_, _> = sums.collect();
    metadata.insert(BASE.to_owned(), base_hash);
    Ok(write_stored(path, &stored, &metadata)?)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl KeptWeights for PackedFile<'_> {
    fn find(&mut self, name: &str, sizes: [usize; 3]) -> Option<KeptWeight> {
        let (tensors, file) = self.found.as_ref()?;
        let span = tensors.span(&full_name(name, sizes))?;
        Some(KeptWeight {
            file: Arc::clone(file),
            bytes: span.start as usize..span.end as usize,
        })
    }

    fn add(&mut self, name: &str, weight: &Arc<Frozen>) {
        let name = full_name(name, weight.sizes());
        self.fresh.push((name, Arc::clone(weight)));
    }
}

/// The name of a weight in the file, which says its sizes too.
fn full_name(name: &str, [outputs, inputs, positions]: [usize; 3]) -> String {
    format!("{name} {outputs}x{inputs}x{positions}")
}

/// Opens the file of a base and reads it once, since nothing else would notice that a disk has lost a part of it.
fn find(path: &Path, base: &str) -> Option<(TensorFile, Arc<MappedFile>)> {
    let tensors = TensorFile::open(path).ok()?;
    let file = MappedFile::new(File::open(path).ok()?.file()).ok()?;
    let metadata = tensors.metadata();
    let names: Vec<_> = tensors.names().collect();
    let is_whole = metadata.get(BASE).is_some_and(|of| of == base)
        && names.par_iter().all(|&name| {
            let span = tensors.span(name);
            let bytes = span.and_then(|span| file.get(span.start as usize..span.end as usize));
            let sum = bytes.map(|bytes| checksum(&[Cow::Borrowed(bytes)]));
            sum.is_some() && sum.as_ref() == metadata.get(name)
        });
    is_whole.then(|| (tensors, Arc::new(file)))
}

fn checksum(pieces: &[Cow<'_, [u8]>]) -> String {
    let mut hasher = crc32fast::Hasher::new();
    for piece in pieces {
        hasher.update(piece);
    }
    format!("{:08x}", hasher.finalize())
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, SeekFrom, Write as _};

    use atelier_nn::gradients::values_of;
    use atelier_nn::{Engine, Visit as _, Visitor};
    use atelier_testkit::tiny_sd15;
    use burn::tensor::{Device, Tensor};

    use super::super::{Base, Unet};
    use super::*;

    const ENGINES: [Engine; 3] = [Engine::Exact, Engine::Mixed, Engine::Small];

    fn load(folder: &PackedFolder, engine: Engine) -> Unet {
        let mut base = Base::open(&tiny_sd15()).unwrap();
        base.keep_packed(folder.clone(), "7".repeat(64));
        base.load_unet(&Device::flex(), engine).unwrap()
    }

    /// Every parameter, by name.
    fn values(mut unet: Unet) -> BTreeMap<String, Vec<f32>> {
        #[derive(Default)]
        struct Values(BTreeMap<String, Vec<f32>>);
        impl Visitor for Values {
            fn param<const D: usize>(&mut self, name: &str, tensor: &mut Tensor<D>) {
                self.0.insert(name.to_owned(), values_of(tensor.clone()));
            }
        }
        let mut values = Values::default();
        unet.visit("", &mut values);
        values.0
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = fs_err::read_dir(folder).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    #[test]
    fn a_second_start_maps_what_the_first_one_packed() {
        let home = tempfile::tempdir().unwrap();
        let folder = PackedFolder::new(home.path().join("packed"));
        let place = PackedPlace::new(folder.clone(), "7".repeat(64));
        let config = Base::open(&tiny_sd15()).unwrap().unet_config;
        let (channels, latents) = (config.block_out_channels[0], config.in_channels);
        for (count, engine) in ENGINES.into_iter().enumerate() {
            let first = values(load(&folder, engine));
            let written = files(&folder.path);
            assert_eq!(written.len(), count + 1);
            let format = engine.frozen_format().unwrap();
            let mut file = PackedFile::open(&place, "unet", format);
            let (outputs, inputs) = (channels, latents);
            assert!(file.find("conv_in.weight", [outputs, inputs, 9]).is_some());
            assert!(file.find("conv_in.weight", [inputs, outputs, 9]).is_none());
            let times = |paths: &[PathBuf]| -> Vec<_> {
                let about = paths.iter().map(|path| fs_err::metadata(path).unwrap());
                about.map(|about| about.modified().unwrap()).collect()
            };
            let before = times(&written);
            assert_eq!(values(load(&folder, engine)), first);
            assert_eq!(
                times(&files(&folder.path)),
                before,
                "nothing is written again"
            );
        }
        assert_eq!(folder.take_problem(), None);
    }

    #[test]
    fn damaged_files_and_those_of_other_bases_are_made_anew() {
        let home = tempfile::tempdir().unwrap();
        let folder = PackedFolder::new(home.path().to_owned());
        let format = Engine::Mixed.frozen_format().unwrap();
        let is_found = |hash: String| {
            let place = PackedPlace::new(folder.clone(), hash);
            PackedFile::open(&place, "unet", format).found.is_some()
        };
        let is_there = || is_found("7".repeat(64));
        load(&folder, Engine::Mixed);
        assert!(is_there());
        assert!(!is_found(format!("{}8", "7".repeat(63))), "of another base");
        let [path] = &files(home.path())[..] else {
            panic!("one file")
        };
        let length = fs_err::metadata(path).unwrap().len();
        let damages: [&dyn Fn(&mut File); 3] = [
            &|file| {
                file.seek(SeekFrom::Start(length - 5000)).unwrap();
                file.write_all(&[0x5a; 64]).unwrap();
            },
            &|file| file.set_len(length - 64).unwrap(),
            &|file| file.set_len(0).unwrap(),
        ];
        for damage in damages {
            let mut file = fs_err::OpenOptions::new().write(true).open(path).unwrap();
            damage(&mut file);
            assert!(!is_there());
            load(&folder, Engine::Mixed);
            assert!(is_there());
        }
    }

    #[test]
    fn only_files_within_the_limits_are_written_and_failures_are_told_once() {
        let home = tempfile::tempdir().unwrap();
        let mut folder = PackedFolder::new(home.path().join("packed"));
        folder.most_bytes = 1000;
        load(&folder, Engine::Mixed);
        (folder.least_bytes, folder.most_bytes) = (1 << 40, u64::MAX);
        load(&folder, Engine::Mixed);
        assert!(!folder.path.exists());
        assert_eq!(folder.take_problem(), None);
        folder.least_bytes = 0;
        fs_err::write(&folder.path, "in the way").unwrap();
        load(&folder, Engine::Mixed);
        let problem = folder.take_problem().unwrap();
        assert!(
            problem.starts_with("packed weights cannot be kept"),
            "{problem}"
        );
        assert_eq!(folder.take_problem(), None);
    }
}
