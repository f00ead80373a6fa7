//! The words of the language that stand in running text.

/// Where `word` stands alone: no letter, digit or underscore touches it.
pub(super) fn places<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let alone = |neighbour: Option<char>| !neighbour.is_some_and(is_word_letter);
    text.match_indices(word).filter_map(move |(place, _)| {
        let before = text[..place].chars().next_back();
        let after = text[place + word.len()..].chars().next();
        (alone(before) && alone(after)).then_some(place)
    })
}

/// Whether a letter can belong to a word.
pub(super) fn is_word_letter(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}
