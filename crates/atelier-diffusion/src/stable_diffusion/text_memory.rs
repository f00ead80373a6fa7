//! Text states that are remembered, so that a prompt of many pictures is encoded once, and text encoders may leave memory
//! before the first of these is drawn.

use atelier_core::AdapterUse;

use super::text::TextStates;
use crate::prompt::Prompt;

/// What decides text states.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TextKey {
    pub(super) prompts: Vec<Prompt>,
    pub(super) clip_skip: usize,
    pub(super) adapters: Vec<AdapterUse>,
}

/// Encoded prompts, oldest first, in a limited number of bytes.
pub(super) struct TextMemory {
    entries: Vec<(TextKey, TextStates)>,
    bytes: usize,
    /// Whether texts for several sets of adapters are encoded ahead.
    preparing: bool,
    /// From which on nothing more is prepared; what one request adds comes on top.
    limit: usize,
}

impl TextMemory {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            entries: Vec::new(),
            bytes: 0,
            preparing: false,
            limit,
        }
    }

    /// Forgets everything, and remembers what comes for the pictures that follow.
    pub(super) fn begin_preparing(&mut self) {
        self.entries.clear();
        self.bytes = 0;
        self.preparing = true;
    }

    pub(super) fn end_preparing(&mut self) {
        self.preparing = false;
    }

    /// Whether the next request is better left for later.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= self.limit
    }

    pub(super) fn get(&self, key: &TextKey) -> Option<&TextStates> {
        let mut entries = self.entries.iter();
        Some(&entries.find(|(known, _)| known == key)?.1)
    }

    /// Remembers states, and forgets the oldest where that makes twice the limit: never what [`Self::is_full`] let in.
    pub(super) fn insert(&mut self, key: TextKey, states: TextStates) {
        if !self.preparing {
            // A file that is attached again may be another one by then.
            self.entries
                .retain(|(known, _)| known.adapters == key.adapters);
            self.bytes = self.entries.iter().map(|(_, kept)| kept.bytes()).sum();
        }
        self.bytes += states.bytes();
        self.entries.push((key, states));
        while self.bytes > 2 * self.limit && self.entries.len() > MOST_OF_A_REQUEST {
            self.bytes -= self.entries.remove(0).1.bytes();
        }
    }
}

/// Entries that one request needs: the wanted and the unwanted text.
const MOST_OF_A_REQUEST: usize = 2;

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::*;

    fn key(text: &str) -> TextKey {
        TextKey {
            prompts: vec![Prompt::plain(text)],
            clip_skip: 0,
            adapters: Vec::new(),
        }
    }

    /// States of 40 bytes.
    fn states() -> TextStates {
        TextStates {
            states_bsd: Tensor::zeros([1, 2, 4], &Device::flex()),
            pooled_bd: Some(Tensor::zeros([1, 2], &Device::flex())),
        }
    }

    #[test]
    fn what_is_remembered_is_bounded_by_bytes() {
        let mut memory = TextMemory::new(100);
        for number in 0..50 {
            memory.insert(key(&number.to_string()), states());
            assert!(memory.bytes <= 200 && memory.bytes == 40 * memory.entries.len());
            assert_eq!(memory.is_full(), number > 1);
        }
        assert!(memory.get(&key("44")).is_none());
        assert!(memory.get(&key("45")).is_some());
        memory.begin_preparing();
        assert!(!memory.is_full() && memory.get(&key("49")).is_none());
    }

    #[test]
    fn texts_of_other_adapters_stay_only_where_they_were_prepared() {
        let mut memory = TextMemory::new(100);
        let adapted = || TextKey {
            adapters: vec![AdapterUse::new("a", 1.0)],
            ..key("b")
        };
        memory.begin_preparing();
        memory.insert(key("b"), states());
        assert!(memory.get(&adapted()).is_none());
        memory.insert(adapted(), states());
        memory.end_preparing();
        assert!(memory.get(&adapted()).is_some() && memory.get(&key("b")).is_some());
        memory.insert(key("c"), states());
        assert!(memory.get(&adapted()).is_none() && memory.get(&key("b")).is_some());
        assert_eq!(memory.bytes, 80);
    }

    #[test]
    fn the_texts_of_one_request_stay_whatever_their_size() {
        let mut memory = TextMemory::new(1);
        memory.insert(key("wanted"), states());
        memory.insert(key("unwanted"), states());
        assert!(memory.get(&key("wanted")).is_some());
    }
}
