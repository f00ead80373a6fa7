use std::fs;

use atelier_core::{Coded as _, ErrorCode};
use atelier_testkit::{golden_folder, tiny_sd15};
use serde_json::{Value, json};

use super::*;

fn clip() -> Tokenizer {
    Tokenizer::open(&tiny_sd15().join("tokenizer")).unwrap()
}

fn ids(json: &Value) -> Vec<u32> {
    serde_json::from_value(json.clone()).unwrap()
}

#[test]
fn every_recorded_text_gets_the_ids_of_transformers() {
    let text = fs::read_to_string(golden_folder().join("tokens.json")).unwrap();
    let records: Vec<Value> = serde_json::from_str(&text).unwrap();
    let tokenizer = clip();
    for record in &records {
        let text = record["text"].as_str().unwrap();
        assert_eq!(tokenizer.encode(text), ids(&record["ids"]), "{text:?}");
        assert_eq!(
            tokenizer.encode_padded(text),
            ids(&record["padded"]),
            "{text:?}"
        );
        assert_eq!(tokenizer.pieces(text), tokenizer.encode(text).len());
    }
    assert!(records.len() >= 10);
    atelier_testkit::parity::exact("token ids", records.len());
}

#[test]
fn long_texts_are_cut_and_closed() {
    let ids = clip().encode_padded(&"cat ".repeat(200));
    assert_eq!(ids.len(), CONTEXT_LENGTH);
    assert_eq!((ids[0], ids[75], ids[76]), (49406, 2368, 49407));
}

#[test]
fn special_words_in_a_text_are_their_own_ids() {
    let tokenizer = clip();
    assert_eq!(
        tokenizer.encode("Hi!! <|endoftext|> x"),
        [1883, 748, 49407, 343]
    );
    assert_eq!(tokenizer.encode("a<|startoftext|>b"), [320, 49406, 321]);
    assert_eq!(
        tokenizer.encode("<|ENDOFTEXT|>"),
        [27, 347, 40786, 4160, 91, 285]
    );
}

#[test]
fn odd_letters_and_spaces_follow_transformers() {
    let tokenizer = clip();
    assert_eq!(
        tokenizer.encode("\u{130}\u{3a3} \u{1c}\u{85}a\u{180e}b\u{200b}c"),
        [
            328, 16384, 139, 481, 472, 320, 157, 254, 492, 321, 9844, 322
        ]
    );
    assert_eq!(tokenizer.encode(" \n\t "), [0_u32; 0]);
}

/// A folder with the first merges of a made-up vocabulary.
fn small_folder(config: &Value) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let words = ["!", "c", "a", "t", "t</w>", "!</w>", "at</w>", "cat</w>"];
    let specials = ["<|startoftext|>", "<|endoftext|>"];
    let vocabulary: serde_json::Map<_, _> = words
        .iter()
        .chain(&specials)
        .enumerate()
        .map(|(id, word)| ((*word).to_owned(), id.into()))
        .collect();
    let write = |name: &str, text: String| fs::write(dir.path().join(name), text).unwrap();
    write("vocab.json", Value::from(vocabulary).to_string());
    write(
        "merges.txt",
        "#version: 0.2\na t</w>\nc at</w>\n".to_owned(),
    );
    write("tokenizer_config.json", config.to_string());
    dir
}

#[test]
fn the_padding_token_is_read_and_counts_as_special() {
    let dir = small_folder(&json!({"pad_token": "!"}));
    let tokenizer = Tokenizer::open(dir.path()).unwrap();
    assert_eq!(
        (tokenizer.bos(), tokenizer.eos(), tokenizer.pad()),
        (8, 9, 0)
    );
    assert_eq!(tokenizer.encode("cat!"), [7, 0]);
    assert_eq!(tokenizer.encode_padded("CAT")[..5], [8, 7, 9, 0, 0]);
}

#[test]
fn listed_tokens_may_be_looked_for_in_any_case() {
    let listed = json!({"9": {"content": "<|endoftext|>", "normalized": true}});
    let dir = small_folder(&json!({"added_tokens_decoder": listed}));
    let tokenizer = Tokenizer::open(dir.path()).unwrap();
    assert_eq!(tokenizer.encode("cat<|EndOfText|>"), [7, 9]);
}

#[test]
fn words_that_older_programs_added_get_the_ids_of_diffusers() {
    let text = fs::read_to_string(golden_folder().join("added_tokens.json")).unwrap();
    let record: Value = serde_json::from_str(&text).unwrap();
    let dir = tempfile::tempdir().unwrap();
    for name in ["vocab.json", "merges.txt", "tokenizer_config.json"] {
        let from = tiny_sd15().join("tokenizer").join(name);
        fs::copy(from, dir.path().join(name)).unwrap();
    }
    let added = dir.path().join("added_tokens.json");
    fs::write(&added, record["added"].to_string()).unwrap();
    let tokenizer = Tokenizer::open(dir.path()).unwrap();
    let texts = record["texts"].as_array().unwrap();
    for entry in texts {
        let text = entry["text"].as_str().unwrap();
        assert_eq!(tokenizer.encode(text), ids(&entry["ids"]), "{text:?}");
    }
    assert_eq!(texts.len(), 8);
    fs::write(added, r#"{"<cat>": "first"}"#).unwrap();
    let error = Tokenizer::open(dir.path()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::BadBase);
}

#[test]
fn unknown_bytes_become_the_unknown_token() {
    let dir = small_folder(&json!({}));
    let tokenizer = Tokenizer::open(dir.path()).unwrap();
    assert_eq!(tokenizer.encode("xt"), [9, 4]);
}

#[test]
fn one_file_says_the_same_as_two() {
    let dir = small_folder(&json!({}));
    let expected = Tokenizer::open(dir.path()).unwrap().encode("cat ta! t");
    let vocabulary = fs::read_to_string(dir.path().join("vocab.json")).unwrap();
    for merges in [
        json!([["a", "t</w>"], ["c", "at</w>"]]),
        json!(["a t</w>", "c at</w>"]),
    ] {
        let whole = tempfile::tempdir().unwrap();
        let vocabulary: Value = serde_json::from_str(&vocabulary).unwrap();
        let json = json!({"added_tokens": [], "model": {"vocab": vocabulary, "merges": merges}});
        fs::write(whole.path().join("tokenizer.json"), json.to_string()).unwrap();
        let tokenizer = Tokenizer::open(whole.path()).unwrap();
        assert_eq!(tokenizer.encode("cat ta! t"), expected);
    }
}

#[test]
fn an_empty_special_token_is_refused_with_file_and_key() {
    for (file, token) in [
        ("special_tokens_map.json", json!("")),
        ("tokenizer_config.json", json!({"content": ""})),
    ] {
        let dir = small_folder(&json!({}));
        let vocabulary = dir.path().join("vocab.json");
        let text = fs::read_to_string(&vocabulary).unwrap();
        let mut words: Value = serde_json::from_str(&text).unwrap();
        words[""] = json!(10);
        fs::write(&vocabulary, words.to_string()).unwrap();
        let settings = json!({"pad_token": token}).to_string();
        fs::write(dir.path().join(file), settings).unwrap();
        let error = Tokenizer::open(dir.path()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::BadBase);
        let message = error.to_string();
        assert!(message.contains("`pad_token` is empty"), "{message}");
        assert!(message.contains(file), "{message}");
    }
}

#[test]
fn unusable_folders_say_what_is_wrong() {
    let refused = |dir: &Path, expected: &str| {
        let error = Tokenizer::open(dir).unwrap_err();
        assert_eq!(error.code(), ErrorCode::BadBase);
        assert!(error.to_string().contains(expected), "{error}");
    };
    refused(tempfile::tempdir().unwrap().path(), "neither `vocab.json`");
    let dir = small_folder(&json!({"bos_token": "<s>"}));
    refused(dir.path(), "lacks the bos token `<s>`");
    let dir = small_folder(&json!({}));
    fs::write(dir.path().join("merges.txt"), "a t</w>\nlonely\n").unwrap();
    refused(dir.path(), "got `lonely`");
    fs::write(dir.path().join("merges.txt"), "c t</w>\n").unwrap();
    refused(dir.path(), "`ct</w>`, which the vocabulary lacks");
    fs::write(dir.path().join("vocab.json"), "{").unwrap();
    refused(dir.path(), "not valid JSON");
}

#[test]
fn the_vocabulary_inside_the_program_is_clips_id_by_id() {
    let folder = TokenizerFiles::read(&tiny_sd15().join("tokenizer")).unwrap();
    let embedded = clip::embedded_files("<|endoftext|>").unwrap();
    assert_eq!(embedded.vocabulary.len(), 49_408);
    assert_eq!(embedded.vocabulary, folder.vocabulary);
    assert_eq!(embedded.merges, folder.merges);
}

#[test]
fn the_tokenizer_inside_the_program_gives_the_ids_of_a_folder() {
    let (inside, folder) = (Tokenizer::clip(ClipPadding::EndOfText), clip());
    let text = "BlobCharV1, 3 cats it's <|endoftext|> 猫!!!";
    assert_eq!(inside.encode_padded(text), folder.encode_padded(text));
    assert_eq!((inside.bos(), inside.eos()), (49_406, 49_407));
    assert_eq!((inside.pad(), folder.pad()), (49_407, 49_407));
    assert_eq!((inside.comma(), folder.encode(",")), (267, vec![267]));
}

#[test]
fn open_clip_pads_with_an_exclamation_mark_and_counts_it_as_special() {
    let tokenizer = Tokenizer::clip(ClipPadding::Exclamation);
    assert_eq!(
        tokenizer.encode_padded("cat")[..5],
        [49_406, 2368, 49_407, 0, 0]
    );
    assert_eq!(tokenizer.encode("cat!!"), [2368, 0, 0]);
}

#[test]
fn ids_decode_to_small_words() {
    let tokenizer = clip();
    let decoded = |text: &str| tokenizer.decode(&tokenizer.encode(text));
    assert_eq!(decoded("A Cat,  naïve 猫"), "a cat , naïve 猫");
    assert_eq!(decoded("x <|endoftext|> y"), "x <|endoftext|> y");
    assert_eq!(tokenizer.decode(&[2368, u32::MAX]), "cat");
    assert_eq!(tokenizer.decode(&[]), "");
    let each = tokenizer.decode_each(&tokenizer.encode("Klimt cat"));
    assert_eq!(each, ["k", "lim", "t", "cat"]);
}

#[test]
fn long_pieces_take_no_time() {
    let letters = (0_u32..100_000)
        .map(|i| char::from(b'a' + (i.wrapping_mul(2_654_435_761) >> 13) as u8 % 26));
    let word: String = letters.collect();
    let ids = clip().encode(&word);
    assert_eq!(clip().decode(&ids), word);
    let marks = Tokenizer::clip(ClipPadding::Exclamation).encode(&"!".repeat(100_000));
    assert_eq!(marks, vec![0; 100_000]);
}
