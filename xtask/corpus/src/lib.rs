//! The pictures that the embedded base learns from: fetched from registry packages, rasterised, captioned.
//!
//! [`build`] makes (or opens) a corpus of emoji concepts drawn in several styles, with the concept named alike in each
//! style. [`caption`] and [`compose`] turn one entry into a training sample; [`samples`] makes the LoRA datasets of what
//! stays out of the corpus: a character, a style and an object.

mod assemble;
mod caption;
mod compose;
mod concepts;
mod entry;
mod packages;
mod raster;
mod render;
mod rng;
mod sample;
mod sets;
mod split;
mod store;

pub use assemble::{StyleSet, build, save_in, styles};
pub use caption::{caption, caption_parts, full_caption};
pub use compose::{Augment, COLOURS, compose};
pub use entry::{Entry, Split};
pub use raster::{rgba_from_svg, rgba_from_webp};
pub use rng::{Rng, hash_text};
pub use sample::{Picture, Sample, SampleKind, samples};
pub use sets::blob::{HELD_OUT_EXPRESSIONS, TRAINING_EXPRESSIONS, blob_faces};
pub use split::held_out_fingerprint;
pub use store::Corpus;
