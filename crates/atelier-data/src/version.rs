//! What makes two datasets the same: one hash over what is trained on.

use atelier_core::Crop;
use sha2::{Digest as _, Sha256};

/// The hash of a dataset's pictures: SHA-256 of the content of each, its caption on one line, and its crop where it has one.
/// Neither names nor the order count.
pub fn dataset_version<'a>(
    pictures: impl IntoIterator<Item = (&'a str, &'a str, Option<Crop>)>,
) -> String {
    let line = |(content_hash, caption, crop): (&str, &str, Option<Crop>)| {
        let Some(Crop { left, top, side }) = crop else {
            return format!("{content_hash} {caption}\n");
        };
        // Captions have no tabulators.
        format!("{content_hash} {caption}\t{left},{top},{side}\n")
    };
    let mut lines: Vec<_> = pictures.into_iter().map(line).collect();
    lines.sort();
    format!("{:x}", Sha256::digest(lines.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_captions_and_crops_count_and_the_order_does_not() {
        let crop = |left| {
            Some(Crop {
                left,
                top: 0,
                side: 8,
            })
        };
        let plain = dataset_version([("a", "red", None), ("b", "blue", None)]);
        assert_eq!(
            plain,
            format!("{:x}", Sha256::digest("a red\nb blue\n")),
            "as `printf 'a red\\nb blue\\n' | sha256sum` says"
        );
        assert_eq!(
            dataset_version([("b", "blue", None), ("a", "red", None)]),
            plain
        );
        let mut found = vec![
            plain,
            dataset_version([("a", "red", None), ("b", "green", None)]),
            dataset_version([("a", "red", None), ("c", "blue", None)]),
            dataset_version([("a", "red", None), ("b", "blue", crop(0))]),
            dataset_version([("a", "red", None), ("b", "blue", crop(1))]),
            dataset_version([("a", "red", None)]),
        ];
        found.sort();
        found.dedup();
        assert_eq!(found.len(), 6);
    }
}
