//! Trigger words of datasets, judged by the vocabulary that the text encoders of all bases share.

use anyhow::Result;
use atelier_app::context::App;
use atelier_core::Category;
use atelier_data::FindingLevel;
use atelier_diffusion::tokenizer::{ClipPadding, Tokenizer};
use atelier_failure::CodedResult as _;
use atelier_runs::JudgedWord;
use atelier_store::{About, DatasetId, Library};
use clap::Args;
use serde_json::json;

use crate::commands::choice;

/// What `judge-trigger` can be told.
#[derive(Debug, Args)]
pub(crate) struct JudgeArgs {
    /// The word.
    word: String,
    /// What the pictures have in common.
    #[arg(long, default_value = "character", value_parser = choice::<Category>(Category::ALL.iter().map(|c| c.name())))]
    category: Category,
    /// The dataset that it is for, whose own word is not held against it.
    #[arg(long, value_name = "DATASET")]
    dataset: Option<String>,
}

pub(super) fn judge(args: &JudgeArgs, app: &App, library: &Library) -> Result<()> {
    let dataset = args.dataset.as_ref();
    let dataset = dataset.map(|name| library.find_dataset(name).coded());
    let except = dataset.transpose()?.map(|dataset| dataset.id);
    let word = judged(library, (&args.word, args.category), except)?;
    word.describe(app.output);
    let will_do = word.level() == FindingLevel::Good;
    app.output
        .document(&json!({"trigger_word": word, "will_do": will_do}))
}

/// The word of a dataset that is made or changed, with warnings said; nothing for a dataset without a word.
///
/// # Errors
/// When the word cannot be used.
pub(super) fn checked(
    app: &App,
    library: &Library,
    about: &About,
    dataset: Option<DatasetId>,
) -> Result<Option<JudgedWord>> {
    if about.trigger_word.trim().is_empty() {
        return Ok(None);
    }
    let word = judged(library, (&about.trigger_word, about.category), dataset)?;
    word.warn(app.output)?;
    Ok(Some(word))
}

fn judged(
    library: &Library,
    word: (&str, Category),
    except: Option<DatasetId>,
) -> Result<JudgedWord> {
    let tokenizer = Tokenizer::clip(ClipPadding::EndOfText);
    let used = library.used_trigger_words(except).coded()?;
    Ok(JudgedWord::new(word, &tokenizer, &used))
}
