//! The tensors that layers of each kind have, with shapes that fit their place.

use arbitrary::Arbitrary;

/// Sizes of a layer's place.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) rows: u64,
    pub(super) columns: u64,
    pub(super) kernel: Option<[u64; 2]>,
    pub(super) rank: u64,
}

/// Which tensors a layer has, before others are added or one is taken away.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub(super) enum Kind {
    Kohya,
    Peft,
    Tucker,
    LoHa,
    LoHaTucker,
    LoKr,
    LoKrTucker,
    LoKrWhole,
    Full,
    Nothing,
}

impl Kind {
    pub(super) fn tensors(self, place: &Place) -> Vec<(&'static str, Vec<u64>)> {
        let Place {
            rows,
            columns,
            kernel,
            rank,
        } = place.clone();
        let kernel: Vec<u64> = kernel.into_iter().flatten().collect();
        let area: u64 = kernel.iter().product();
        let with_kernel = |a: u64, b: u64| [vec![a, b], kernel.clone()].concat();
        let core = || {
            vec![
                rank,
                rank,
                *kernel.first().unwrap_or(&1),
                *kernel.last().unwrap_or(&1),
            ]
        };
        let points = |a: u64, b: u64| {
            if kernel.is_empty() {
                vec![a, b]
            } else {
                vec![a, b, 1, 1]
            }
        };
        match self {
            Self::Kohya => vec![
                (".lora_down.weight", with_kernel(rank, columns)),
                (".lora_up.weight", points(rows, rank)),
                (".alpha", vec![]),
            ],
            Self::Peft => vec![
                (".lora_A.weight", with_kernel(rank, columns)),
                (".lora_B.weight", points(rows, rank)),
            ],
            Self::Tucker => vec![
                (".lora_down.weight", vec![rank, columns, 1, 1]),
                (".lora_up.weight", vec![rows, rank, 1, 1]),
                (".lora_mid.weight", core()),
            ],
            Self::LoHa => vec![
                (".hada_w1_a", vec![rows, rank]),
                (".hada_w1_b", vec![rank, columns * area]),
                (".hada_w2_a", vec![rows, rank]),
                (".hada_w2_b", vec![rank, columns * area]),
                (".alpha", vec![]),
            ],
            Self::LoHaTucker => vec![
                (".hada_t1", core()),
                (".hada_w1_a", vec![rank, rows]),
                (".hada_w1_b", vec![rank, columns]),
                (".hada_t2", core()),
                (".hada_w2_a", vec![rank, rows]),
                (".hada_w2_b", vec![rank, columns]),
            ],
            Self::LoKr => vec![
                (".lokr_w1", vec![2, 2]),
                (".lokr_w2_a", vec![rows / 2, rank]),
                (".lokr_w2_b", vec![rank, columns / 2 * area]),
                (".alpha", vec![]),
            ],
            Self::LoKrTucker => vec![
                (".lokr_w1_a", vec![2, rank]),
                (".lokr_w1_b", vec![rank, 2]),
                (".lokr_t2", core()),
                (".lokr_w2_a", vec![rank, rows / 2]),
                (".lokr_w2_b", vec![rank, columns / 2]),
            ],
            Self::LoKrWhole => vec![
                (".lokr_w1", vec![rows, 1]),
                (".lokr_w2", with_kernel(1, columns)),
            ],
            Self::Full => vec![(".diff", with_kernel(rows, columns))],
            Self::Nothing => vec![],
        }
    }
}
