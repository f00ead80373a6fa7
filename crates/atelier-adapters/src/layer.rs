//! One layer of an adapter file: what it holds, whether it holds together, what it does to a weight.

use atelier_core::{
    AdapterFormat, Delta, Factor, Magnitude, MagnitudeAxis, MagnitudeRule, Matrix, WeightChange,
};

use super::array::Array;
use super::check;

/// A factor of a product, as files store it.
#[derive(Debug, Clone, PartialEq)]
pub enum StoredFactor {
    /// Its own numbers: `lokr_w1`, `lokr_w2`.
    Whole(Array),
    /// `a @ b`: `hada_w1_a` and `hada_w1_b`, `lokr_w2_a` and `lokr_w2_b`.
    Product {
        /// `[rows, rank]`.
        a: Array,
        /// `[rank, columns]`, or with the axes of a kernel.
        b: Array,
    },
    /// A kernel from a small kernel: `hada_t1`, `lokr_t2`.
    Tucker {
        /// `[rank, rank, height, width]`.
        core: Array,
        /// `[rank, rows]`.
        a: Array,
        /// `[rank, channels in]`.
        b: Array,
    },
}

/// What kind of adapter a layer holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// `up @ down`: `LoRA`, and `LoCon` with `mid`.
    LowRank {
        /// `[rank, in]` or `[rank, in, height, width]`; 1×1 beside a `mid`.
        down: Array,
        /// `[out, rank]` or `[out, rank, 1, 1]`.
        up: Array,
        /// `[rank, rank, height, width]`.
        mid: Option<Array>,
    },
    /// Two products, multiplied number by number.
    LoHa(StoredFactor, StoredFactor),
    /// The Kronecker product of two factors.
    LoKr(StoredFactor, StoredFactor),
    /// The whole difference; of norms `[channels]`.
    Full(Array),
    /// The difference of the layer's bias, `[out]`.
    Bias(Array),
}

/// The adapter of one layer.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterLayer {
    /// The layer as the file calls it, such as `lora_unet_down_blocks_0_attentions_0_proj_in`; of its bias too.
    pub name: String,
    /// The scale, times [`Self::rank`].
    pub alpha: f32,
    /// What is added to the weight, or to the bias.
    pub content: Content,
    /// `DoRA`'s lengths: `[out, 1, …]` or, in older files, `[1, in, …]`.
    pub dora_scale: Option<Array>,
    /// What a strength means for them, which the spelling of their tensor says.
    pub magnitude_rule: MagnitudeRule,
}

impl AdapterLayer {
    /// A low-rank layer.
    pub fn low_rank(name: impl Into<String>, alpha: f32, down: Array, up: Array) -> Self {
        Self {
            name: name.into(),
            alpha,
            content: Content::LowRank {
                down,
                up,
                mid: None,
            },
            dora_scale: None,
            magnitude_rule: MagnitudeRule::default(),
        }
    }

    /// A whole difference, of a weight or a bias.
    pub fn difference(name: impl Into<String>, content: Content) -> Self {
        Self {
            name: name.into(),
            alpha: 1.0,
            content,
            dora_scale: None,
            magnitude_rule: MagnitudeRule::default(),
        }
    }

    /// Whether it is for the bias of the layer and not for its weight.
    pub fn is_of_bias(&self) -> bool {
        matches!(self.content, Content::Bias(_))
    }

    /// The difference of a norm or a bias, where it is one.
    pub(crate) fn vector(&self) -> Option<&Array> {
        match &self.content {
            Content::Bias(difference) => Some(difference),
            Content::Full(difference) => {
                let is_vector = difference.shape.len() == 1 && self.dora_scale.is_none();
                is_vector.then_some(difference)
            }
            _ => None,
        }
    }

    /// Whether networks compute the whole changed weight in every pass; beside a plain product they need not.
    pub(crate) fn is_computed_whole(&self) -> bool {
        let is_product = matches!(self.content, Content::LowRank { .. });
        self.vector().is_none() && (self.dora_scale.is_some() || !is_product)
    }

    /// Whether there are `DoRA`'s lengths, one for each row of the weight, in the spelling of kohya's files.
    pub(crate) fn has_kohya_lengths_of_rows(&self) -> bool {
        let rows = self.weight_size().0;
        let of_rows = |lengths: &Array| lengths.length(0) == rows;
        self.magnitude_rule == AdapterFormat::Kohya.magnitude_rule()
            && self.dora_scale.as_ref().is_some_and(of_rows)
    }

    /// The down and up factors, where the layer is low-rank.
    pub fn factors(&self) -> Option<(&Array, &Array)> {
        match &self.content {
            Content::LowRank { down, up, .. } => Some((down, up)),
            _ => None,
        }
    }

    /// The inner width of the factors; 1 where no factor is a product.
    pub fn rank(&self) -> usize {
        match &self.content {
            Content::LowRank { down, .. } => down.length(0),
            Content::LoHa(first, _) => first.rank().unwrap_or(1),
            Content::LoKr(first, second) => second.rank().or(first.rank()).unwrap_or(1),
            Content::Full(_) | Content::Bias(_) => 1,
        }
    }

    /// Whether a factor is a product, so that there is a rank for alpha to be divided by.
    pub fn has_rank(&self) -> bool {
        !matches!(
            &self.content,
            Content::LoKr(StoredFactor::Whole(_), StoredFactor::Whole(_))
                | Content::Full(_)
                | Content::Bias(_)
        )
    }

    /// Puts the scale of a layer without a rank into its numbers, since no file can hold it: alpha becomes 1. Says whether
    /// they stay finite.
    pub(crate) fn fold_scale(&mut self) -> bool {
        let scale = std::mem::replace(&mut self.alpha, 1.0);
        let (Content::Full(whole) | Content::LoKr(_, StoredFactor::Whole(whole))) =
            &mut self.content
        else {
            return true;
        };
        whole.values.iter_mut().for_each(|value| *value *= scale);
        whole.values.iter().all(|value| value.is_finite())
    }

    /// The factor on the product, `alpha / rank`.
    pub fn scale(&self) -> f32 {
        self.alpha / self.rank() as f32
    }

    /// How many numbers the layer holds, its alpha not counted.
    pub fn parameters(&self) -> usize {
        let factor = |factor: &StoredFactor| match factor {
            StoredFactor::Whole(whole) => whole.values.len(),
            StoredFactor::Product { a, b } => a.values.len() + b.values.len(),
            StoredFactor::Tucker { core, a, b } => {
                core.values.len() + a.values.len() + b.values.len()
            }
        };
        let content = match &self.content {
            Content::LowRank { down, up, mid } => {
                let mid = mid.as_ref().map_or(0, |mid| mid.values.len());
                down.values.len() + up.values.len() + mid
            }
            Content::LoHa(first, second) | Content::LoKr(first, second) => {
                factor(first) + factor(second)
            }
            Content::Full(whole) | Content::Bias(whole) => whole.values.len(),
        };
        content
            + self
                .dora_scale
                .as_ref()
                .map_or(0, |lengths| lengths.values.len())
    }

    /// A word for the kind of the layer.
    pub fn kind(&self) -> &'static str {
        let kinds = match &self.content {
            Content::Bias(_) => return "difference of a bias",
            Content::Full(_) if self.vector().is_some() => return "difference of a norm",
            Content::LowRank { mid: None, .. } => ["LoRA", "DoRA"],
            Content::LowRank { .. } => ["LoCon (Tucker)", "DoRA of LoCon (Tucker)"],
            Content::LoHa(..) => ["LoHa", "DoRA of LoHa"],
            Content::LoKr(..) => ["LoKr", "DoRA of LoKr"],
            Content::Full(_) => ["whole difference", "DoRA of whole difference"],
        };
        kinds[usize::from(self.dora_scale.is_some())]
    }

    /// Rows (output channels) and columns of the weight that the layer is for; norms and biases have one column.
    pub fn weight_size(&self) -> (usize, usize) {
        match &self.content {
            Content::LowRank { down, up, mid } => (
                up.length(0),
                mid.as_ref().map_or(down.columns(), |mid| {
                    let positions = mid.length(2).saturating_mul(mid.length(3));
                    down.columns().saturating_mul(positions)
                }),
            ),
            Content::LoHa(first, _) => first.size(),
            Content::LoKr(first, second) => {
                let (first, second) = (first.size(), second.size());
                (
                    first.0.saturating_mul(second.0),
                    first.1.saturating_mul(second.1),
                )
            }
            Content::Full(whole) | Content::Bias(whole) => (whole.length(0), whole.columns()),
        }
    }

    /// What is wrong with the layer's shapes among themselves, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        check::content(&self.content)?;
        if !self.has_rank() && self.alpha.to_bits() != 1.0f32.to_bits() {
            let alpha = self.alpha;
            return Err(format!("has alpha {alpha} and no rank to divide it by"));
        }
        match &self.dora_scale {
            Some(lengths) => check::magnitude(lengths, self.weight_size()),
            None => Ok(()),
        }
    }

    /// What the layer does to its weight or bias. The layer must have been found sound, as those of a file that was read are.
    pub fn into_change(self) -> WeightChange {
        let scale = self.scale();
        let rows = self.weight_size().0;
        let rule = self.magnitude_rule;
        let magnitude = self.dora_scale.map(|lengths| {
            let axis = match lengths.length(0) {
                first if first == rows => MagnitudeAxis::Output,
                _ => MagnitudeAxis::Input,
            };
            let lengths = Matrix {
                rows: lengths.values.len(),
                columns: 1,
                values: lengths.values,
            };
            Magnitude {
                axis,
                lengths,
                rule,
            }
        });
        let delta = match self.content {
            Content::LowRank { down, up, mid } => Delta::Plain(match mid {
                None => Factor::Product {
                    left: up.into_matrix(),
                    right: down.into_matrix(),
                },
                Some(core) => Factor::Tucker {
                    core: core.into_matrix(),
                    left: up.into_matrix(),
                    right: down.into_matrix(),
                },
            }),
            Content::LoHa(first, second) => {
                Delta::Hadamard(first.into_factor(), second.into_factor())
            }
            Content::LoKr(first, second) => {
                Delta::Kronecker(first.into_factor(), second.into_factor())
            }
            Content::Full(whole) | Content::Bias(whole) => {
                Delta::Plain(Factor::Whole(whole.into_matrix()))
            }
        };
        WeightChange {
            delta,
            scale,
            magnitude,
        }
    }
}

impl StoredFactor {
    fn rank(&self) -> Option<usize> {
        match self {
            Self::Whole(_) => None,
            Self::Product { b, .. } | Self::Tucker { b, .. } => Some(b.length(0)),
        }
    }

    /// Rows and columns.
    pub(crate) fn size(&self) -> (usize, usize) {
        match self {
            Self::Whole(whole) => (whole.length(0), whole.columns()),
            Self::Product { a, b } => (a.length(0), b.columns()),
            Self::Tucker { core, a, b } => {
                let positions = core.length(2).saturating_mul(core.length(3));
                (a.length(1), b.length(1).saturating_mul(positions))
            }
        }
    }

    fn into_factor(self) -> Factor<Matrix> {
        match self {
            Self::Whole(whole) => Factor::Whole(whole.into_matrix()),
            Self::Product { a, b } => Factor::Product {
                left: a.into_matrix(),
                right: b.into_matrix(),
            },
            Self::Tucker { core, a, b } => Factor::Tucker {
                core: core.into_matrix(),
                left: a.into_transposed(),
                right: b.into_matrix(),
            },
        }
    }
}
