//! Fills a library with datasets of small pictures, for measurements.
//! `cargo run -p atelier-server --example fill -- FOLDER DATASETS PICTURES_OF_EACH`

use std::error::Error;
use std::io::{Cursor, Write as _, stdout};
use std::path::PathBuf;
use std::sync::Arc;

use atelier_core::Clock;
use atelier_store::{About, Addition, Library};
use image::{ImageFormat, Rgb, RgbImage};

/// The side of a picture in pixels.
const SIDE: u32 = 16;

struct Standing;

impl Clock for Standing {
    fn unix_secs(&self) -> f64 {
        1.7e9
    }
}

/// A picture that no other number has.
fn picture(number: u32) -> Result<Vec<u8>, image::ImageError> {
    let [_, red, green, blue] = number.to_be_bytes();
    let mut bytes = Cursor::new(Vec::new());
    let picture = RgbImage::from_pixel(SIDE, SIDE, Rgb([red, green, blue]));
    picture.write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let mut word = || words.next().ok_or("FOLDER DATASETS PICTURES_OF_EACH");
    let home = PathBuf::from(word()?);
    let (datasets, pictures): (u32, u32) = (word()?.parse()?, word()?.parse()?);
    let library = Library::open(&home, Arc::new(Standing))?;
    for set in 0..datasets {
        let about = About {
            name: format!("Set {set}"),
            ..About::default()
        };
        let dataset = library.create_dataset(about)?.id;
        let hold = library.blobs().hold()?;
        let additions = (set * pictures..(set + 1) * pictures).map(|number| {
            let name = format!("{number:06}.png");
            Ok(Addition {
                image: library.keep_image(&hold, &name, &picture(number)?)?,
                file_name: name,
                caption: format!("a plain square of colour {number}, flat, without any shadow"),
                crop: None,
            })
        });
        let additions: Result<_, Box<dyn Error>> = additions.collect();
        let (version, _) = library.add_images(&hold, dataset, additions?, None)?;
        writeln!(stdout(), "{dataset} {}", version.about.image_count)?;
    }
    Ok(())
}
