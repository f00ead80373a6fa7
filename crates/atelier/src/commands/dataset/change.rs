//! Changes of captions, crops and pictures. Each command makes one version.

use anyhow::Result;
use atelier_app::context::App;
use atelier_core::{Crop, ErrorCode};
use atelier_failure::{CodedResult as _, failed};
use atelier_store::{CaptionEdit, Edit, Image, Library};
use clap::Args;
use serde_json::json;

use super::{named, tell_version};

/// What `caption` can be told.
#[derive(Debug, Args)]
pub(crate) struct CaptionArgs {
    /// A name from `dataset list`, or an id.
    dataset: String,
    /// The pictures, by the names of their files; all when none is given.
    #[arg(value_name = "PICTURE")]
    pictures: Vec<String>,
    #[command(flatten)]
    wording: Wording,
}

/// What becomes of a caption.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Wording {
    /// The whole caption.
    #[arg(long, value_name = "TEXT")]
    set: Option<String>,
    /// Words to put in front, before a comma.
    #[arg(long, value_name = "TEXT")]
    prepend: Option<String>,
    /// Words to put behind, after a comma.
    #[arg(long, value_name = "TEXT")]
    append: Option<String>,
    /// A part between commas to take out.
    #[arg(long, value_name = "TEXT")]
    remove: Option<String>,
    /// Words to put other words in the place of, wherever they stand.
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"])]
    replace: Option<Vec<String>>,
    /// The dataset's trigger word, where the caption lacks it.
    #[arg(long)]
    add_trigger: bool,
}

/// What `crop` can be told.
#[derive(Debug, Args)]
pub(crate) struct CropArgs {
    /// A name from `dataset list`, or an id.
    dataset: String,
    /// The picture, by the name of its file.
    picture: String,
    /// The largest square in the middle, as without a crop.
    #[arg(long, conflicts_with_all = ["left", "top", "side"])]
    middle: bool,
    /// The first column of the square, in pixels.
    #[arg(long, required_unless_present = "middle")]
    left: Option<u32>,
    /// The first row of the square, in pixels.
    #[arg(long, required_unless_present = "middle")]
    top: Option<u32>,
    /// The side of the square, in pixels.
    #[arg(long, required_unless_present = "middle")]
    side: Option<u32>,
}

/// What `remove` can be told.
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// A name from `dataset list`, or an id.
    dataset: String,
    /// The pictures, by the names of their files.
    #[arg(value_name = "PICTURE", required = true)]
    pictures: Vec<String>,
}

impl Wording {
    /// As a change that any caption can go through.
    fn edit(&self) -> CaptionEdit {
        let text = String::clone;
        let ways = [
            self.set.as_ref().map(|to| CaptionEdit::Set(text(to))),
            self.prepend
                .as_ref()
                .map(|front| CaptionEdit::Prepend(text(front))),
            self.append
                .as_ref()
                .map(|back| CaptionEdit::Append(text(back))),
            self.remove
                .as_ref()
                .map(|part| CaptionEdit::Remove(text(part))),
        ];
        let replace = || {
            let [old, new] = self.replace.as_deref()? else {
                return None;
            };
            let [old, new] = [old, new].map(text);
            Some(CaptionEdit::Replace { old, new })
        };
        let trigger = || self.add_trigger.then_some(CaptionEdit::AddTrigger);
        let given = ways.into_iter().flatten().next();
        let given = given.or_else(replace).or_else(trigger);
        given.expect("the parser wants one of these flags")
    }
}

pub(super) fn caption(args: &CaptionArgs, app: &App, library: &Library) -> Result<()> {
    let change = |image: &Image| Edit::EditCaption(image.id, args.wording.edit());
    edit(app, library, (&args.dataset, &args.pictures), change)
}

pub(super) fn crop(args: &CropArgs, app: &App, library: &Library) -> Result<()> {
    let crop = match (args.left, args.top, args.side) {
        (Some(left), Some(top), Some(side)) => Some(Crop { left, top, side }),
        _ => None,
    };
    let pictures = [args.picture.clone()];
    edit(app, library, (&args.dataset, &pictures), |image| {
        Edit::SetCrop(image.id, crop)
    })
}

pub(super) fn remove(args: &RemoveArgs, app: &App, library: &Library) -> Result<()> {
    edit(app, library, (&args.dataset, &args.pictures), |image| {
        Edit::Remove(image.id)
    })
}

/// The same change to these pictures, or where none is named to all.
fn edit(
    app: &App,
    library: &Library,
    (dataset, pictures): (&str, &[String]),
    change: impl Fn(&Image) -> Edit,
) -> Result<()> {
    let dataset = library.find_dataset(dataset).coded()?;
    let before = library.get_version(dataset.id, None).coded()?;
    let images = if pictures.is_empty() {
        before.images.iter().collect()
    } else {
        named(&before, pictures)?
    };
    if images.is_empty() {
        let message = format!("dataset `{}` has no pictures", dataset.about.name);
        return Err(failed(ErrorCode::DatasetEmpty, message));
    }
    let edits = images.into_iter().map(change).collect();
    let expected = Some(before.about.number);
    let after = library.edit_dataset(dataset.id, expected, edits).coded()?;
    if after.about.number == before.about.number {
        let number = after.about.number;
        app.output
            .line(format_args!("nothing to change; version {number} stays"));
        return app
            .output
            .document(&json!({"dataset": dataset, "version": after}));
    }
    tell_version(app, &after, &dataset)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        wording: Wording,
    }

    fn edit(words: &[&str]) -> CaptionEdit {
        let words = [&["x"], words].concat();
        Line::try_parse_from(words).unwrap().wording.edit()
    }

    #[test]
    fn each_flag_is_a_change_of_its_own() {
        let text = str::to_owned;
        assert_eq!(edit(&["--set", "a"]), CaptionEdit::Set(text("a")));
        assert_eq!(edit(&["--prepend", "a"]), CaptionEdit::Prepend(text("a")));
        assert_eq!(edit(&["--append", "a"]), CaptionEdit::Append(text("a")));
        assert_eq!(edit(&["--remove", "a"]), CaptionEdit::Remove(text("a")));
        assert_eq!(edit(&["--add-trigger"]), CaptionEdit::AddTrigger);
        let (old, new) = (text("a"), text("b"));
        let replace = CaptionEdit::Replace { old, new };
        assert_eq!(edit(&["--replace", "a", "b"]), replace);
        assert!(Line::try_parse_from(["x"]).is_err());
        assert!(Line::try_parse_from(["x", "--set", "a", "--append", "b"]).is_err());
    }
}
