//! How well the autoencoder gives pictures back that it never saw, for every source, and whether plain colour stays plain, alone
//! and beside a drawing.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use anyhow::Context as _;
use atelier_corpus::{COLOURS, Corpus, Rng, Split};
use atelier_data::RgbPicture;
use atelier_diffusion::stable_diffusion::{Base, Vae};
use atelier_eval::{psnr, ssim};
use atelier_nn::Engine;
use atelier_nn::gradients::values_of;
use burn::tensor::Device;

use crate::Pretraining;
use crate::log::log;
use crate::pictures::{batch, random_view};
use crate::recipe::SEED;

/// Pictures that pass the autoencoder together.
const BATCH: usize = 8;
/// How far all must be background around a pixel of flat colour, in pixels each way.
const REACH: usize = 4;
/// How far it must be around one beside a drawing: the pixel at the very border is blurred, which is another thing than ringing.
const BORDER: usize = 1;

/// Pictures and the plain background of each.
#[derive(Default)]
struct Views {
    pictures: Vec<RgbPicture>,
    grounds: Vec<[u8; 3]>,
}

impl Views {
    fn push(&mut self, picture: RgbPicture, ground: [u8; 3]) {
        self.pictures.push(picture);
        self.grounds.push(ground);
    }
}

/// Prints a table: PSNR in dB, of the mean squared error of all pictures of a row, and SSIM of the pairs held out of training
/// by their source; and the same of plain colours. Errors are of bytes: the largest of any pixel, and mean and 99.9th percentile
/// of those of background beside a drawing, two to four pixels from it, and of background with nothing else so near, which tell
/// how much edges ring and how far.
pub(crate) fn measure(place: &Pretraining, base: &Path) -> anyhow::Result<()> {
    place.check_unseen(base)?;
    let vae = Base::open(base)?.load_vae(&Device::flex(), Engine::Exact)?;
    let corpus = place.corpus_of(base)?;
    let mut rng = Rng::new(SEED + 7);
    let mut by_source: BTreeMap<&str, Views> = BTreeMap::new();
    for index in unseen(&corpus) {
        let entry = &corpus.entries[index];
        let (picture, name) = random_view(&corpus, index, &mut rng);
        let mut known = COLOURS.iter();
        let (_, ground) = known
            .find(|(known, _)| *known == name)
            .with_context(|| format!("no background is called `{name}`"))?;
        let views = by_source.entry(&entry.source).or_default();
        views.push(picture, *ground);
    }
    log(
        "| pictures | how many | PSNR | SSIM | largest error | mean error of background beside a drawing | its 99.9th percentile | \
         mean error of flat colour | its 99.9th percentile |",
    );
    log("|---|---|---|---|---|---|---|---|---|");
    let mut plain = Views::default();
    for (_, colour) in COLOURS {
        plain.push(
            RgbPicture::filled(corpus.side, corpus.side, *colour),
            *colour,
        );
    }
    let rows = by_source.into_iter().chain([("plain colours", plain)]);
    for (source, views) in rows {
        log(&row(&vae, source, &views)?);
    }
    Ok(())
}

/// The entries that are held out, but for those whose picture is trained on under another name.
fn unseen(corpus: &Corpus) -> Vec<usize> {
    let of = |split| {
        let entries = corpus.entries.iter().enumerate();
        entries.filter(move |(_, entry)| entry.split == split)
    };
    let trained: HashSet<&[u8]> = of(Split::Train)
        .map(|(index, _)| corpus.rgba(index))
        .collect();
    of(Split::HeldOutPair)
        .map(|(index, _)| index)
        .filter(|index| !trained.contains(corpus.rgba(*index)))
        .collect()
}

fn row(vae: &Vae, name: &str, views: &Views) -> anyhow::Result<String> {
    let (mut squares, mut structure, mut largest) = (0.0, 0.0, 0);
    let mut ground_errors = GroundErrors::default();
    let parts = views.pictures.chunks(BATCH);
    for (pictures, grounds) in parts.zip(views.grounds.chunks(BATCH)) {
        let pairs = pictures.iter().zip(given_back(vae, pictures));
        for ((picture, decoded), ground) in pairs.zip(grounds) {
            let errors = picture.rgb.iter().zip(&decoded.rgb);
            largest = errors.map(|(a, b)| a.abs_diff(*b)).fold(largest, u8::max);
            squares += 10_f64.powf(-psnr(picture, &decoded)? / 10.0);
            structure += ssim(picture, &decoded)?;
            ground_errors.add(picture, &decoded, *ground);
        }
    }
    let count = views.pictures.len();
    Ok(format!(
        "| {name} | {count} | {:.2} dB | {:.4} | {largest} of 255 | {} | {} |",
        -10.0 * (squares / count as f64).log10(),
        structure / count as f64,
        ground_errors.beside.told(),
        ground_errors.flat.told()
    ))
}

/// Errors of pixels that are the background, where it is all there is within [`BORDER`] of them, as far as the picture goes. What
/// edges do to the colour around them shows there, and not in errors of the whole picture.
#[derive(Default)]
struct GroundErrors {
    /// Where there is something else within [`REACH`].
    beside: Errors,
    /// Where there is nothing else so near.
    flat: Errors,
}

impl GroundErrors {
    /// Counts those of a picture on a plain `ground`.
    fn add(&mut self, original: &RgbPicture, decoded: &RgbPicture, ground: [u8; 3]) {
        let (width, height) = (original.width, original.height);
        let pixels = original.rgb.chunks_exact(3);
        let is_ground: Vec<bool> = pixels.map(|pixel| pixel == ground).collect();
        let near = |at: usize, end: usize, reach: usize| {
            at.saturating_sub(reach)..(at + reach + 1).min(end)
        };
        let is_alone = |x: usize, y: usize, reach: usize| {
            near(y, height, reach)
                .all(|row| near(x, width, reach).all(|column| is_ground[row * width + column]))
        };
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            if !is_alone(x, y, BORDER) {
                continue;
            }
            let errors = if is_alone(x, y, REACH) {
                &mut self.flat
            } else {
                &mut self.beside
            };
            let at = 3 * (y * width + x);
            for (a, b) in original.rgb[at..at + 3].iter().zip(&decoded.rgb[at..]) {
                errors.counts[usize::from(a.abs_diff(*b))] += 1;
            }
        }
    }
}

/// Errors of bytes.
struct Errors {
    /// How often each error comes, every channel for itself.
    counts: [u64; 256],
}

impl Default for Errors {
    fn default() -> Self {
        Self { counts: [0; 256] }
    }
}

impl Errors {
    /// Mean and 99.9th percentile as cells of a table.
    fn told(&self) -> String {
        let found = self.mean().zip(self.quantile(0.999));
        found.map_or_else(
            || "– | –".to_owned(),
            |(mean, quantile)| format!("{mean:.2} | {quantile}"),
        )
    }

    fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// None where there was no such pixel.
    fn mean(&self) -> Option<f64> {
        let total = self.total();
        let errors = self.counts.iter().zip(0_u32..);
        let sum: f64 = errors
            .map(|(count, error)| *count as f64 * f64::from(error))
            .sum();
        (total > 0).then(|| sum / total as f64)
    }

    /// The smallest error that at least this share of all does not exceed.
    fn quantile(&self, share: f64) -> Option<usize> {
        let wanted = share * self.total() as f64;
        let mut reached = 0_u64;
        self.counts.iter().position(|count| {
            reached += count;
            reached > 0 && reached as f64 >= wanted
        })
    }
}

/// What the autoencoder makes of pictures, through the mean of each one's code.
pub(crate) fn given_back(vae: &Vae, pictures: &[RgbPicture]) -> Vec<RgbPicture> {
    let decoded = vae.decode(vae.encode(batch(pictures, &Device::flex())).mean_bchw);
    let [_, channels, height, width] = decoded.dims();
    let area = height * width;
    let byte = |value: f32| ((value + 1.0) * 127.5).round().clamp(0.0, 255.0) as u8;
    let decoded = values_of(decoded);
    let pictures = decoded.chunks_exact(channels * area).map(|planes| {
        let pixels = (0..area).flat_map(|i| [0, 1, 2].map(|c| byte(planes[c * area + i])));
        RgbPicture {
            width,
            height,
            rgb: pixels.collect(),
        }
    });
    pictures.collect()
}

#[cfg(test)]
mod tests {
    use atelier_corpus::Entry;

    use super::*;
    use crate::score::test_corpus::{entry, of_squares};

    #[test]
    fn a_held_out_picture_that_is_trained_under_another_name_is_not_unseen() {
        let thing = |name: &str, split, column| {
            let named = entry(name.to_owned(), "s");
            (Entry { split, ..named }, [column, 0])
        };
        let corpus = of_squares(
            16,
            vec![
                thing("family", Split::Train, 0),
                thing("another family", Split::HeldOutPair, 0),
                thing("cat", Split::HeldOutPair, 1),
                thing("dog", Split::Train, 2),
            ],
        );
        assert_eq!(unseen(&corpus), [2]);
    }

    const GROUND: [u8; 3] = [150, 152, 156];

    #[test]
    fn ground_away_from_the_drawing_is_flat_and_what_is_near_stands_beside_it() {
        // a drawn pixel in the middle of 21 by 15
        let (width, height) = (21, 15);
        let rgb = GROUND.repeat(width * height);
        let mut original = RgbPicture { width, height, rgb };
        let middle = 3 * (7 * width + 10);
        original.rgb[middle] += 1;
        let errors = |x: usize, y: usize| {
            let mut decoded = original.clone();
            let at = 3 * (y * width + x);
            for (value, error) in decoded.rgb[at..at + 3].iter_mut().zip([3, 0, 6]) {
                *value -= error;
            }
            let mut errors = GroundErrors::default();
            errors.add(&original, &decoded, GROUND);
            errors
        };
        let flat = (width * height - 9 * 9) as f64;
        let is_right = |errors: &Errors, count: f64| {
            let mean = errors.mean().unwrap();
            assert!((mean - 9.0 / (3.0 * count)).abs() < 1e-12, "{mean}");
            assert_eq!((errors.counts[3], errors.counts[6]), (1, 1));
        };
        let is_nothing = |errors: &Errors| assert!(errors.mean().unwrap() < 1e-12);
        for (x, y) in [(5, 7), (15, 3), (10, 2), (0, 0), (20, 14), (10, 12)] {
            let errors = errors(x, y);
            is_right(&errors.flat, flat);
            is_nothing(&errors.beside);
        }
        for (x, y) in [(6, 7), (14, 11), (10, 3), (6, 3), (12, 7), (10, 9)] {
            let errors = errors(x, y);
            is_right(&errors.beside, f64::from(9 * 9 - 3 * 3));
            is_nothing(&errors.flat);
        }
        for (x, y) in [(10, 7), (11, 7), (9, 6)] {
            let errors = errors(x, y);
            is_nothing(&errors.flat);
            is_nothing(&errors.beside);
        }
    }

    #[test]
    fn the_percentile_is_what_all_but_a_thousandth_do_not_exceed() {
        let mut errors = Errors::default();
        assert_eq!((errors.mean(), errors.quantile(0.999)), (None, None));
        assert_eq!(errors.told(), "– | –");
        errors.counts[0] = 900;
        errors.counts[2] = 99;
        errors.counts[40] = 1;
        assert_eq!(errors.quantile(0.999), Some(2));
        errors.counts[40] = 2;
        assert_eq!(errors.quantile(0.999), Some(40));
        assert!((errors.mean().unwrap() - 278.0 / 1001.0).abs() < 1e-12);
    }
}
