//! The files of a `tokenizer/` folder, read into plain maps.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use atelier_core::{Coded, ErrorCode};
use serde_json::{Value, json};

use super::{AddedToken, Result};

/// A tokenizer folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// The folder has neither form of a vocabulary.
    #[error("tokenizer folder has neither `vocab.json` with `merges.txt` nor `tokenizer.json`: {}", dir.display())]
    Missing {
        /// The folder.
        dir: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read a tokenizer file")]
    Read(#[from] std::io::Error),
    /// A file is not JSON.
    #[error("tokenizer file is not valid JSON: {}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the parser met.
        #[source]
        source: serde_json::Error,
    },
    /// A file does not hold what it should.
    #[error("tokenizer is malformed: {detail}: {}", path.display())]
    Malformed {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// A special token is not part of the vocabulary.
    #[error("tokenizer vocabulary lacks the {role} token `{token}`: {}", dir.display())]
    UnknownSpecial {
        /// `bos`, `eos`, `pad` or `unk`.
        role: &'static str,
        /// The token.
        token: String,
        /// The folder.
        dir: PathBuf,
    },
}

impl Coded for TokenizerError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Read(_) => ErrorCode::Io,
            _ => ErrorCode::BadBase,
        }
    }
}

/// Special tokens that a folder does not name.
const DEFAULTS: [(&str, &str); 4] = [
    ("bos", "<|startoftext|>"),
    ("eos", "<|endoftext|>"),
    ("unk", "<|endoftext|>"),
    ("pad", "<|endoftext|>"),
];

/// Everything that a folder says.
pub(super) struct TokenizerFiles {
    dir: PathBuf,
    /// Token → id.
    pub(super) vocabulary: HashMap<String, u32>,
    /// Pairs to join, the first ones first.
    pub(super) merges: Vec<(String, String)>,
    /// Role → token and whether it is looked for in normalised text, in the order of [`DEFAULTS`].
    special: Vec<(&'static str, String, bool)>,
    /// Added tokens that the folder lists, by id.
    listed: BTreeMap<u32, (String, bool)>,
}

impl TokenizerFiles {
    /// Reads a folder.
    pub(super) fn read(dir: &Path) -> Result<Self> {
        let (vocab, merges) = (dir.join("vocab.json"), dir.join("merges.txt"));
        let whole = dir.join("tokenizer.json");
        let mut files = Self {
            dir: dir.to_owned(),
            vocabulary: HashMap::new(),
            merges: Vec::new(),
            special: Vec::new(),
            listed: BTreeMap::new(),
        };
        let whole = if whole.is_file() {
            Some((read_json(&whole)?, whole))
        } else {
            None
        };
        if vocab.is_file() && merges.is_file() {
            files.vocabulary = vocabulary_from(&read_json(&vocab)?, &vocab)?;
            files.merges = merges_from_text(&fs_err::read_to_string(&merges)?, &merges)?;
        } else if let Some((json, path)) = &whole {
            files.vocabulary = vocabulary_from(&json["model"]["vocab"], path)?;
            files.merges = merges_from_json(&json["model"]["merges"], path)?;
        } else {
            return Err(TokenizerError::Missing {
                dir: dir.to_owned(),
            });
        }
        if let Some((json, path)) = &whole {
            for token in json["added_tokens"].as_array().into_iter().flatten() {
                files.list_added(token["id"].as_u64(), token, path)?;
            }
        }
        files.read_settings(dir)?;
        Ok(files)
    }

    /// Reads the names of the special tokens, and words that were added to the vocabulary. The older files count only where the
    /// newer one lists no added tokens.
    fn read_settings(&mut self, dir: &Path) -> Result<()> {
        let path = dir.join("tokenizer_config.json");
        let older_path = dir.join("special_tokens_map.json");
        let config = read_optional(&path)?;
        let older = match &config["added_tokens_decoder"] {
            Value::Object(tokens) => {
                for (id, token) in tokens {
                    self.list_added(id.parse().ok(), token, &path)?;
                }
                Value::Null
            }
            _ => read_optional(&older_path)?,
        };
        for (role, default) in DEFAULTS {
            let key = format!("{role}_token");
            let found = match special_from(&older, &key, &older_path)? {
                None => special_from(&config, &key, &path)?,
                found => found,
            };
            let (token, normalized) = found.unwrap_or_else(|| (default.to_owned(), false));
            self.special.push((role, token, normalized));
        }
        if config["added_tokens_decoder"].is_object() {
            return Ok(());
        }
        self.read_added(&dir.join("added_tokens.json"))
    }

    /// Reads words with their ids, as programs before `added_tokens_decoder` wrote them. What another file says of an id counts
    /// more.
    fn read_added(&mut self, path: &Path) -> Result<()> {
        let json = read_optional(path)?;
        if !json.is_null() && !json.is_object() {
            return Err(TokenizerError::Malformed {
                path: path.to_owned(),
                detail: "the added tokens are not an object".to_owned(),
            });
        }
        let own = self.listed.clone();
        for (word, id) in json.as_object().into_iter().flatten() {
            let is_special = self.special.iter().any(|(_, token, _)| token == word);
            let token = json!({"content": word, "normalized": !is_special});
            self.list_added(id.as_u64(), &token, path)?;
        }
        self.listed.extend(own);
        Ok(())
    }

    fn list_added(&mut self, id: Option<u64>, token: &Value, path: &Path) -> Result<()> {
        let found = id
            .and_then(|id| u32::try_from(id).ok())
            .zip(token["content"].as_str().filter(|word| !word.is_empty()));
        let (id, content) = found.ok_or_else(|| TokenizerError::Malformed {
            path: path.to_owned(),
            detail: format!("an added token needs an id and a content, got `{token}`"),
        })?;
        let normalized = token["normalized"].as_bool().unwrap_or(false);
        self.listed.insert(id, (content.to_owned(), normalized));
        Ok(())
    }

    /// A vocabulary that lies in no folder; specials other than `pad` have their usual spelling.
    pub(super) fn from_memory(
        vocabulary: HashMap<String, u32>,
        merges: Vec<(String, String)>,
        pad: &str,
    ) -> Self {
        let special = DEFAULTS.map(|(role, default)| {
            let token = if role == "pad" { pad } else { default };
            (role, token.to_owned(), false)
        });
        Self {
            dir: PathBuf::new(),
            vocabulary,
            merges,
            special: special.into(),
            listed: BTreeMap::new(),
        }
    }

    fn id_of(&self, token: &str) -> Option<u32> {
        let listed = self.listed.iter().find(|(_, (word, _))| word == token);
        listed
            .map(|(&id, _)| id)
            .or_else(|| self.vocabulary.get(token).copied())
    }

    /// The id of the token with a role of [`DEFAULTS`].
    pub(super) fn id(&self, role: &'static str) -> Result<u32> {
        let token = self.special.iter().find(|(name, ..)| *name == role);
        let token = token.map_or("", |(_, token, _)| token);
        self.id_of(token)
            .ok_or_else(|| TokenizerError::UnknownSpecial {
                role,
                token: token.to_owned(),
                dir: self.dir.clone(),
            })
    }

    /// Every token that is recognised in the text itself. Of several descriptions of one token, a listed one counts, else
    /// the last role's.
    pub(super) fn added_tokens(&self) -> Vec<AddedToken> {
        let mut tokens = BTreeMap::new();
        for (_, token, normalized) in &self.special {
            if let Some(id) = self.id_of(token) {
                tokens.insert(id, (token.clone(), *normalized));
            }
        }
        tokens.extend(self.listed.clone());
        tokens
            .into_iter()
            .map(|(id, (content, normalized))| AddedToken {
                content,
                id,
                normalized,
                following: Vec::new(),
            })
            .collect()
    }
}

fn read_json(path: &Path) -> Result<Value> {
    let text = fs_err::read_to_string(path)?;
    serde_json::from_str(&text).map_err(|source| TokenizerError::Json {
        path: path.to_owned(),
        source,
    })
}

fn read_optional(path: &Path) -> Result<Value> {
    if path.is_file() {
        read_json(path)
    } else {
        Ok(Value::Null)
    }
}

/// A special token and whether it is looked for in normalised text. An empty one would be found everywhere.
fn special_from(json: &Value, key: &str, path: &Path) -> Result<Option<(String, bool)>> {
    let token = &json[key];
    let (content, normalized) = match (token, token["content"].as_str()) {
        (Value::String(content), _) => (content.as_str(), false),
        (_, Some(content)) => (content, token["normalized"].as_bool().unwrap_or(true)),
        _ => return Ok(None),
    };
    if content.is_empty() {
        return Err(TokenizerError::Malformed {
            path: path.to_owned(),
            detail: format!("`{key}` is empty"),
        });
    }
    Ok(Some((content.to_owned(), normalized)))
}

fn vocabulary_from(json: &Value, path: &Path) -> Result<HashMap<String, u32>> {
    let malformed = |detail: String| TokenizerError::Malformed {
        path: path.to_owned(),
        detail,
    };
    let words = json
        .as_object()
        .ok_or_else(|| malformed("the vocabulary is not an object".to_owned()))?;
    words
        .iter()
        .map(|(word, id)| {
            let number = id.as_u64().and_then(|id| u32::try_from(id).ok());
            let number =
                number.ok_or_else(|| malformed(format!("the id of `{word}` is `{id}`")))?;
            Ok((word.clone(), number))
        })
        .collect()
}

fn pair_from_line(line: &str, path: &Path) -> Result<(String, String)> {
    let pair = line.split_once(' ');
    let pair =
        pair.filter(|(left, right)| !left.is_empty() && !right.is_empty() && !right.contains(' '));
    let (left, right) = pair.ok_or_else(|| TokenizerError::Malformed {
        path: path.to_owned(),
        detail: format!("a merge joins two symbols, got `{line}`"),
    })?;
    Ok((left.to_owned(), right.to_owned()))
}

pub(super) fn merges_from_text(text: &str, path: &Path) -> Result<Vec<(String, String)>> {
    text.lines()
        .filter(|line| !line.starts_with("#version") && !line.trim().is_empty())
        .map(|line| pair_from_line(line.trim_end(), path))
        .collect()
}

/// Older files write a merge as one text, newer ones as a pair.
fn merges_from_json(json: &Value, path: &Path) -> Result<Vec<(String, String)>> {
    let merges = json.as_array().ok_or_else(|| TokenizerError::Malformed {
        path: path.to_owned(),
        detail: "the merges are not a list".to_owned(),
    })?;
    merges
        .iter()
        .map(|merge| match merge.as_array().map(Vec::as_slice) {
            Some([Value::String(left), Value::String(right)]) => Ok((left.clone(), right.clone())),
            _ => pair_from_line(merge.as_str().unwrap_or_default(), path),
        })
        .collect()
}
