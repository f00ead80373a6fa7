//! What an adapter does to one weight, as an expression of small matrices. Files are read into it, layers compute it.
//!
//! A weight of shape `[out, in, …]` is meant as a matrix `[out, columns]`, a kernel's positions being columns too.

/// Numbers in rows, the row's own fastest.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matrix {
    /// Number of rows.
    pub rows: usize,
    /// Numbers per row.
    pub columns: usize,
    /// `rows * columns` numbers.
    pub values: Vec<f32>,
}

/// A matrix, whole or as the product of thinner ones.
#[derive(Debug, Clone, PartialEq)]
pub enum Factor<M> {
    /// Its own numbers.
    Whole(M),
    /// `left @ right`.
    Product {
        /// `[rows, rank]`.
        left: M,
        /// `[rank, columns]`.
        right: M,
    },
    /// A kernel from a small kernel (Tucker): `Σ left[o, i] · core[i, j, k] · right[j, c]` at `[o, c, k]`.
    Tucker {
        /// `[rank, rank * positions]`, the position fastest.
        core: M,
        /// `[rows, rank]`.
        left: M,
        /// `[rank, channels in]`.
        right: M,
    },
}

/// The matrix that is added to a weight, before it is scaled.
#[derive(Debug, Clone, PartialEq)]
pub enum Delta<M> {
    /// One factor: `LoRA`, `LoCon`, whole differences.
    Plain(Factor<M>),
    /// Two factors of the same shape, multiplied number by number: `LoHa`.
    Hadamard(Factor<M>, Factor<M>),
    /// The Kronecker product of two factors: `LoKr`.
    Kronecker(Factor<M>, Factor<M>),
}

/// Along which axis of the weight a magnitude runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MagnitudeAxis {
    /// One number per output channel.
    Output,
    /// One number per input channel.
    Input,
}

/// What a strength other than 1 does to a layer with a magnitude; at 1 the two agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MagnitudeRule {
    /// The weight goes that share of the way to the changed weight: `LyCORIS`, `ComfyUI` and A1111.
    #[default]
    Interpolate,
    /// That share of the delta is added, and the sum is brought to the lengths: PEFT and diffusers.
    ScaleDelta,
}

/// `DoRA`: the lengths that the rows (or columns) of the changed weight are brought to.
#[derive(Debug, Clone, PartialEq)]
pub struct Magnitude<M> {
    /// What the numbers belong to.
    pub axis: MagnitudeAxis,
    /// `[channels, 1]`.
    pub lengths: M,
    /// What a strength means.
    pub rule: MagnitudeRule,
}

/// What an adapter does to one weight at strength 1: `W + scale · delta`, its rows then brought to `magnitude`.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightChange<M = Matrix> {
    /// What is added.
    pub delta: Delta<M>,
    /// The factor on `delta`, such as `alpha / rank`.
    pub scale: f32,
    /// Present for `DoRA`.
    pub magnitude: Option<Magnitude<M>>,
}

impl<M> Factor<M> {
    /// The same expression of other matrices.
    pub fn map<N>(self, f: &mut impl FnMut(M) -> N) -> Factor<N> {
        match self {
            Self::Whole(whole) => Factor::Whole(f(whole)),
            Self::Product { left, right } => Factor::Product {
                left: f(left),
                right: f(right),
            },
            Self::Tucker { core, left, right } => Factor::Tucker {
                core: f(core),
                left: f(left),
                right: f(right),
            },
        }
    }
}

impl<M> WeightChange<M> {
    /// The same expression of other matrices.
    pub fn map<N>(self, mut f: impl FnMut(M) -> N) -> WeightChange<N> {
        let delta = match self.delta {
            Delta::Plain(factor) => Delta::Plain(factor.map(&mut f)),
            Delta::Hadamard(a, b) => Delta::Hadamard(a.map(&mut f), b.map(&mut f)),
            Delta::Kronecker(a, b) => Delta::Kronecker(a.map(&mut f), b.map(&mut f)),
        };
        let magnitude = self.magnitude.map(|magnitude| Magnitude {
            axis: magnitude.axis,
            lengths: f(magnitude.lengths),
            rule: magnitude.rule,
        });
        WeightChange {
            delta,
            scale: self.scale,
            magnitude,
        }
    }
}
