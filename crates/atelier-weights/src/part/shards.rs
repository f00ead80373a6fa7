//! Weights that are split over several files, with an index beside them that says which tensor lies where.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::error::first_names;
use crate::json::read_json;
use crate::{Error, Result, TensorFile};

/// Most files of one part; each is held open.
const MAX_SHARDS: usize = 128;

/// Opens every file that an index names and checks that each tensor lies where the index says, and only there.
pub(crate) fn open_shards(index: &Path) -> Result<Vec<Arc<TensorFile>>> {
    let places = places(index)?;
    let names: BTreeSet<&str> = places.values().map(String::as_str).collect();
    let folder = index.parent().unwrap_or(Path::new("."));
    let absent: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| !folder.join(name).is_file())
        .collect();
    if !absent.is_empty() {
        let names = first_names(absent.into_iter());
        return Err(Error::bad_base(
            index,
            format!("files that it lists are missing: {names}"),
        ));
    }
    let mut shards = Vec::with_capacity(names.len());
    for name in names {
        let shard = TensorFile::open(folder.join(name))?;
        check_shard(&shard, name, &places)?;
        shards.push(Arc::new(shard));
    }
    Ok(shards)
}

/// The names of the files that an index lists, sorted.
pub(crate) fn shard_names(index: &Path) -> Result<BTreeSet<String>> {
    Ok(places(index)?.into_values().collect())
}

/// The file of every tensor.
fn places(index: &Path) -> Result<BTreeMap<String, String>> {
    places_of(&read_json(index)?).map_err(|problem| Error::bad_base(index, problem))
}

/// The file of every tensor, out of the content of an index.
pub(crate) fn places_of(json: &Value) -> Result<BTreeMap<String, String>, String> {
    let map = json
        .get("weight_map")
        .and_then(Value::as_object)
        .filter(|map| !map.is_empty())
        .ok_or("it has no `weight_map`, which says where each tensor lies")?;
    let mut places = BTreeMap::new();
    for (tensor, file) in map {
        let file = file
            .as_str()
            .ok_or_else(|| format!("tensor `{tensor}` has no file name"))?;
        if !is_plain_name(file) {
            return Err(format!(
                "it places tensor `{tensor}` in `{}`, expected the name of a .safetensors file beside the index",
                file.escape_debug()
            ));
        }
        places.insert(tensor.clone(), file.to_owned());
    }
    let count = places.values().collect::<BTreeSet<_>>().len();
    if count > MAX_SHARDS {
        return Err(format!(
            "it lists {count} files, at most {MAX_SHARDS} are read"
        ));
    }
    Ok(places)
}

/// A file directly beside the index: no folder, no way up, no drive.
fn is_plain_name(name: &str) -> bool {
    name.ends_with(".safetensors")
        && !name.starts_with('.')
        && !name.contains(|c: char| "/\\:".contains(c) || c.is_control())
}

fn check_shard(
    shard: &TensorFile,
    shard_name: &str,
    places: &BTreeMap<String, String>,
) -> Result<()> {
    for tensor in shard.names() {
        let problem = match places.get(tensor) {
            Some(place) if place == shard_name => continue,
            Some(place) => {
                format!("it holds tensor `{tensor}`, which the index places in `{place}`")
            }
            None => format!("it holds tensor `{tensor}`, which the index does not list"),
        };
        return Err(Error::bad_weights(shard.path(), problem));
    }
    let lacking: Vec<&str> = places
        .iter()
        .filter(|(tensor, place)| *place == shard_name && shard.info(tensor).is_none())
        .map(|(tensor, _)| tensor.as_str())
        .collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let names = first_names(lacking.into_iter());
    Err(Error::bad_weights(
        shard.path(),
        format!("tensors that the index places in it are missing: {names}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_beside_the_index_are_plain() {
        assert!(is_plain_name("model-00001-of-00002.safetensors"));
        for name in [
            "../model.safetensors",
            "a/model.safetensors",
            "/model.safetensors",
            "a\\model.safetensors",
            "c:model.safetensors",
            "..safetensors",
            ".safetensors",
            "model.bin",
            "a\0.safetensors",
            "",
        ] {
            assert!(!is_plain_name(name), "{name:?}");
        }
    }
}
