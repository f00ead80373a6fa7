//! A base from the hub as files on this machine: from the cache where that is enough, else downloaded.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result};
use atelier_core::ErrorCode;
use atelier_failure::{CodedResult as _, code_of, failed, messages};
use atelier_weights::{MAX_CONFIG_BYTES, read_json};
use serde_json::Value;

use crate::Fetched;
use crate::network::cache::RepoCache;
use crate::network::client::Client;
use crate::network::download::{Download, Total};
use crate::network::listing::{Listing, RemoteFile};
use crate::network::refusal::Wanted;
use crate::network::selection::{Selection, Shelf, in_words};
use crate::source::{HubSource, is_commit};

/// What must stay free beside the files.
const SPARE_BYTES: u64 = 64 << 20;

/// The base that a source names.
pub(crate) fn fetch(client: &Client<'_>, source: &HubSource) -> Result<Fetched> {
    let cache = RepoCache::new(&client.settings.cache, &source.repo);
    let revision = source.revision();
    let offline = client.settings.offline;
    if offline || is_commit(revision) {
        let cached = cache
            .commit_of(revision)
            .map(|commit| local(&cache, source, &commit));
        match cached {
            Some(Ok(fetched)) => return Ok(fetched),
            Some(Err(error)) if offline => return Err(error.context(not_cached(source))),
            None if offline => return Err(failed(ErrorCode::NotFound, not_cached(source))),
            Some(Err(_)) | None => {}
        }
    }
    let listing = match Listing::fetch(client, source) {
        Ok(listing) => Ok(listing),
        Err(error) => match in_place_of_network(client, &cache, source, &error) {
            Some(fetched) => return Ok(fetched),
            None => Err(error),
        },
    };
    listing
        .and_then(|listing| download(client, &cache, source, listing))
        .with_context(|| format!("cannot fetch `{source}`"))
}

/// Where the hub cannot be reached, what its revision stood for when it last was, if the cache has all of it.
fn in_place_of_network(
    client: &Client<'_>,
    cache: &RepoCache,
    source: &HubSource,
    error: &anyhow::Error,
) -> Option<Fetched> {
    let is_network = code_of(error) == ErrorCode::Network;
    let commit = is_network.then(|| cache.commit_of(source.revision()))??;
    let fetched = local(cache, source, &commit).ok()?;
    (client.notes)(&format_args!(
        "note: {}; using the copy of `{source}` in the cache, commit {commit}, which the hub may have replaced since; \
         `HF_HUB_OFFLINE=1` uses it without asking",
        messages(error).join(": ")
    ));
    Some(fetched)
}

/// The base of a commit, or of that which a branch stood for when it was last downloaded, where the cache has all of it.
pub(crate) fn cached(cache: &Path, source: &HubSource) -> Option<Fetched> {
    let cache = RepoCache::new(cache, &source.repo);
    let commit = cache.commit_of(source.revision())?;
    local(&cache, source, &commit).ok()
}

fn not_cached(source: &HubSource) -> String {
    format!("`HF_HUB_OFFLINE` is set, and the cache has no complete copy of `{source}`")
}

/// What lies in the cache, when that is a whole base.
fn local(cache: &RepoCache, source: &HubSource, commit: &str) -> Result<Fetched> {
    let folder = cache.snapshot(commit);
    let mut read = |name: &str| read_json(&folder.join(name)).coded();
    let mut shelf = Shelf {
        names: cache.names(commit),
        label: source.label(),
        read: &mut read,
    };
    let selection = shelf.select(source.file.as_deref())?;
    Ok(fetched(cache, source, commit, &selection))
}

fn download(
    client: &Client<'_>,
    cache: &RepoCache,
    source: &HubSource,
    listing: Listing,
) -> Result<Fetched> {
    let commit = listing.commit.clone();
    let loading = Loading {
        client,
        cache,
        source,
        listing,
    };
    let mut read = |name: &str| loading.json(name);
    let mut shelf = Shelf {
        names: loading
            .listing
            .names()
            .map(str::to_owned)
            .collect::<BTreeSet<_>>(),
        label: source.label(),
        read: &mut read,
    };
    let selection = shelf.select(source.file.as_deref());
    let selection = selection.map_err(|error| mentioning(error, &loading.listing.unsafe_names))?;
    loading.all(&selection)?;
    cache.remember(source.revision(), &commit)?;
    Ok(fetched(cache, source, &commit, &selection))
}

/// A failure to choose, with the files that could not be chosen.
fn mentioning(error: anyhow::Error, unsafe_names: &[String]) -> anyhow::Error {
    if unsafe_names.is_empty() {
        return error;
    }
    let names = in_words(unsafe_names.iter().map(|name| name.escape_debug()));
    let names = names.unwrap_or_default();
    error.context(format!(
        "some files were left out, since their names are not safe: {names}"
    ))
}

fn fetched(cache: &RepoCache, source: &HubSource, commit: &str, selection: &Selection) -> Fetched {
    let about = cache.snapshot(commit);
    let name = format!("{}@{commit}", source.repo);
    let (name, path) = match &selection.checkpoint {
        Some(file) => (format!("{name}/{file}"), about.join(file)),
        None => (name, about.clone()),
    };
    Fetched { name, path, about }
}

/// A download of several files of one commit.
struct Loading<'a> {
    client: &'a Client<'a>,
    cache: &'a RepoCache,
    source: &'a HubSource,
    listing: Listing,
}

impl Loading<'_> {
    /// All files that were chosen, and then their names in the folder of the commit.
    fn all(&self, selection: &Selection) -> Result<()> {
        let files = selection
            .files
            .iter()
            .map(|name| self.listing.file(name))
            .collect::<Result<Vec<_>>>()?;
        let commit = &self.listing.commit;
        let missing: Vec<_> = files
            .iter()
            .filter(|file| !self.cache.has(commit, file))
            .collect();
        let all_bytes = sum(missing.iter().map(|file| file.size_bytes));
        let left_bytes = sum(missing.iter().map(|file| self.left_bytes(file)));
        self.check_space(left_bytes)?;
        let mut total = Total {
            done_bytes: 0,
            all_bytes,
        };
        for file in missing {
            self.one(file, total)?;
            total.done_bytes = total.done_bytes.saturating_add(file.size_bytes);
        }
        // The file that stands for the whole is last, so that a folder which has it has everything.
        for file in &files {
            self.cache.link(commit, file)?;
        }
        Ok(())
    }

    fn one(&self, file: &RemoteFile, total: Total) -> Result<()> {
        let download = Download {
            client: self.client,
            cache: self.cache,
            commit: &self.listing.commit,
            wanted: Wanted {
                repo: &self.source.repo,
                revision: self.source.revision(),
                file: Some(&file.name),
            },
            file,
            total,
        };
        download.run()
    }

    /// A small file that decides which others are fetched.
    fn json(&self, name: &str) -> Result<Value> {
        let file = self.listing.file(name)?;
        let size_bytes = file.size_bytes;
        if size_bytes > MAX_CONFIG_BYTES {
            let message =
                format!("`{name}` has {size_bytes} bytes, at most {MAX_CONFIG_BYTES} are read");
            return Err(failed(ErrorCode::BadBase, message));
        }
        self.one(&file, Total::default())?;
        let linked = self.cache.snapshot(&self.listing.commit).join(name);
        let blob = self.cache.blob(&file.id);
        read_json(if blob.is_file() { &blob } else { &linked })
            .coded()
            .with_context(|| format!("cannot read `{name}` of `{}`", self.source))
    }

    fn left_bytes(&self, file: &RemoteFile) -> u64 {
        let there = fs_err::metadata(self.cache.partial(&file.id)).map_or(0, |about| about.len());
        file.size_bytes.saturating_sub(there)
    }

    /// Before hours go into a download that cannot end well.
    fn check_space(&self, needed_bytes: u64) -> Result<()> {
        if needed_bytes == 0 {
            return Ok(());
        }
        let folder = self.cache.folder();
        fs_err::create_dir_all(folder)?;
        // A file system that does not tell is believed to have space.
        let free_bytes = fs4::available_space(folder).unwrap_or(u64::MAX);
        if free_bytes >= needed_bytes.saturating_add(SPARE_BYTES) {
            return Ok(());
        }
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        let message = format!(
            "`{}` needs {:.0} MB more, and {:.0} MB are free in `{}`; make space, or set `HF_HOME` to another disk",
            self.source,
            megabytes(needed_bytes),
            megabytes(free_bytes),
            folder.display()
        );
        Err(failed(ErrorCode::Io, message))
    }
}

fn sum(sizes: impl Iterator<Item = u64>) -> u64 {
    sizes.fold(0, u64::saturating_add)
}
