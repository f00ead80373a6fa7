//! The ends of tensor names: which tensor of a layer a key is, in the spellings of every writer.

/// Which tensor of an adapter layer a key names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slot {
    Down,
    Up,
    Mid,
    Alpha,
    DoraScale,
    /// `DoRA`'s lengths in PEFT's spelling, always per output channel.
    MagnitudeVector,
    HadaW1A,
    HadaW1B,
    HadaT1,
    HadaW2A,
    HadaW2B,
    HadaT2,
    LokrW1,
    LokrW1A,
    LokrW1B,
    LokrW2,
    LokrW2A,
    LokrW2B,
    LokrT2,
    Diff,
    /// The difference of a norm in `LyCORIS`'s spelling.
    NormWeight,
    NormBias,
    DiffBias,
}

/// Who spells a key so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Spelling {
    Kohya,
    Peft,
    OldDiffusers,
}

/// Spellings that differ from [`Slot::suffix`].
const FOREIGN: [(&str, Slot, Spelling); 12] = [
    ("_lora.down.weight", Slot::Down, Spelling::OldDiffusers),
    ("_lora.up.weight", Slot::Up, Spelling::OldDiffusers),
    (".lora.down.weight", Slot::Down, Spelling::OldDiffusers),
    (".lora.up.weight", Slot::Up, Spelling::OldDiffusers),
    (
        ".lora_linear_layer.down.weight",
        Slot::Down,
        Spelling::OldDiffusers,
    ),
    (
        ".lora_linear_layer.up.weight",
        Slot::Up,
        Spelling::OldDiffusers,
    ),
    (".lora_A.weight", Slot::Down, Spelling::Peft),
    (".lora_B.weight", Slot::Up, Spelling::Peft),
    (
        ".lora_magnitude_vector",
        Slot::MagnitudeVector,
        Spelling::Peft,
    ),
    (
        ".lora_magnitude_vector.weight",
        Slot::MagnitudeVector,
        Spelling::Peft,
    ),
    // ai-toolkit's name for what PEFT has, beside factors in kohya's names.
    (".magnitude", Slot::MagnitudeVector, Spelling::Kohya),
    (".diff.weight", Slot::Diff, Spelling::Kohya),
];

/// Parts of PEFT keys that may be followed by the adapter's own name.
const NAMED: [(&str, Slot); 3] = [
    (".lora_A.", Slot::Down),
    (".lora_B.", Slot::Up),
    (".lora_magnitude_vector.", Slot::MagnitudeVector),
];

impl Slot {
    const ALL: [Self; 23] = [
        Self::Down,
        Self::Up,
        Self::Mid,
        Self::Alpha,
        Self::DoraScale,
        Self::MagnitudeVector,
        Self::HadaW1A,
        Self::HadaW1B,
        Self::HadaT1,
        Self::HadaW2A,
        Self::HadaW2B,
        Self::HadaT2,
        Self::LokrW1,
        Self::LokrW1A,
        Self::LokrW1B,
        Self::LokrW2,
        Self::LokrW2A,
        Self::LokrW2B,
        Self::LokrT2,
        Self::Diff,
        Self::NormWeight,
        Self::NormBias,
        Self::DiffBias,
    ];

    /// The end of the key in the files of kohya and `LyCORIS`.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Down => ".lora_down.weight",
            Self::Up => ".lora_up.weight",
            Self::Mid => ".lora_mid.weight",
            Self::Alpha => ".alpha",
            Self::DoraScale | Self::MagnitudeVector => ".dora_scale",
            Self::HadaW1A => ".hada_w1_a",
            Self::HadaW1B => ".hada_w1_b",
            Self::HadaT1 => ".hada_t1",
            Self::HadaW2A => ".hada_w2_a",
            Self::HadaW2B => ".hada_w2_b",
            Self::HadaT2 => ".hada_t2",
            Self::LokrW1 => ".lokr_w1",
            Self::LokrW1A => ".lokr_w1_a",
            Self::LokrW1B => ".lokr_w1_b",
            Self::LokrW2 => ".lokr_w2",
            Self::LokrW2A => ".lokr_w2_a",
            Self::LokrW2B => ".lokr_w2_b",
            Self::LokrT2 => ".lokr_t2",
            Self::Diff => ".diff",
            Self::NormWeight => ".w_norm",
            Self::NormBias => ".b_norm",
            Self::DiffBias => ".diff_b",
        }
    }

    /// Whether it is for the bias of the layer and not for its weight.
    pub(crate) fn is_of_bias(self) -> bool {
        matches!(self, Self::NormBias | Self::DiffBias)
    }
}

/// The layer's name within a key, the tensor that it is, and whose spelling that is.
pub(crate) fn split(key: &str) -> Option<(&str, Slot, Spelling)> {
    let named = |stem: &&str| !stem.is_empty();
    for (suffix, slot, spelling) in FOREIGN {
        if let Some(stem) = key.strip_suffix(suffix).filter(named) {
            return Some((stem, slot, spelling));
        }
    }
    for slot in Slot::ALL {
        if let Some(stem) = key.strip_suffix(slot.suffix()).filter(named) {
            return Some((stem, slot, Spelling::Kohya));
        }
    }
    NAMED.iter().find_map(|(mark, slot)| {
        let (stem, rest) = key.rsplit_once(mark)?;
        let adapter = rest.strip_suffix(".weight").unwrap_or(rest);
        // A dot would make it a path, a weight no name at all.
        (!stem.is_empty() && !adapter.is_empty() && !adapter.contains('.') && adapter != "bias")
            .then_some((stem, *slot, Spelling::Peft))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_spelling_gives_layer_and_tensor() {
        for (key, stem, slot) in [
            ("lora_unet_a.lora_down.weight", "lora_unet_a", Slot::Down),
            ("unet.a.to_q.lora_A.weight", "unet.a.to_q", Slot::Down),
            ("unet.a.to_q.lora_B.default.weight", "unet.a.to_q", Slot::Up),
            (
                "unet.a.processor.to_q_lora.down.weight",
                "unet.a.processor.to_q",
                Slot::Down,
            ),
            ("unet.a.proj_in.lora.up.weight", "unet.a.proj_in", Slot::Up),
            (
                "text_encoder.a.fc1.lora_linear_layer.up.weight",
                "text_encoder.a.fc1",
                Slot::Up,
            ),
            ("a.lora_magnitude_vector", "a", Slot::MagnitudeVector),
            (
                "a.lora_magnitude_vector.default.weight",
                "a",
                Slot::MagnitudeVector,
            ),
            ("a.b.lokr_w1", "a.b", Slot::LokrW1),
            ("a.b.lokr_w1_a", "a.b", Slot::LokrW1A),
            ("a.dora_scale", "a", Slot::DoraScale),
            ("a.magnitude", "a", Slot::MagnitudeVector),
            ("a.diff", "a", Slot::Diff),
            ("a.diff_b", "a", Slot::DiffBias),
            ("a.w_norm", "a", Slot::NormWeight),
            ("a.b_norm", "a", Slot::NormBias),
        ] {
            let (got, tensor, _) = split(key).unwrap();
            assert_eq!((got, tensor), (stem, slot), "{key}");
        }
        for key in [
            "",
            ".alpha",
            "a.lora_B.bias",
            "a.weight",
            "bundle_emb.cat.clip_l",
        ] {
            assert!(split(key).is_none(), "{key}");
        }
    }

    proptest! {
        #[test]
        fn no_key_panics(key in ".{0,40}", tail in "(\\.lora_A\\.|_lora\\.up\\.weight|\\.alpha|)") {
            let key = format!("{key}{tail}");
            if let Some((stem, _, _)) = split(&key) {
                prop_assert!(key.starts_with(stem) && !stem.is_empty());
            }
        }
    }
}
