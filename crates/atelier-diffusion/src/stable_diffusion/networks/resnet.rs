//! The residual block and the changes of size that denoiser and autoencoder share.

use atelier_nn::layers::ConvShape;
use atelier_nn::{
    Conv2d, Engine, GroupNorm, Linear, ParamError, Params, activation::Activation, kernels,
    resample, visit_fields,
};
use burn::tensor::Tensor;

/// Sizes of a residual block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResnetShape {
    pub(crate) channels_in: usize,
    pub(crate) channels_out: usize,
    /// Width of the timestep embedding; `None` in the autoencoder.
    pub(crate) time_width: Option<usize>,
    pub(crate) groups: usize,
    pub(crate) epsilon: f64,
}

/// `ResnetBlock2D`: two normalised convolutions around a skip, with the timestep added in between.
#[derive(Debug, Clone)]
pub(crate) struct ResnetBlock {
    norm1: GroupNorm,
    conv1: Conv2d,
    time_emb_proj: Option<Linear>,
    norm2: GroupNorm,
    conv2: Conv2d,
    conv_shortcut: Option<Conv2d>,
    engine: Engine,
}

visit_fields!(ResnetBlock {
    norm1,
    conv1,
    time_emb_proj,
    norm2,
    conv2,
    conv_shortcut
});

impl ResnetBlock {
    pub(crate) fn new(params: &Params<'_>, shape: ResnetShape) -> Result<Self, ParamError> {
        let ResnetShape {
            channels_in,
            channels_out,
            time_width,
            groups,
            epsilon,
        } = shape;
        let time_emb_proj =
            time_width.map(|width| Linear::new(&params.at("time_emb_proj"), width, channels_out));
        let shortcut = (channels_in != channels_out).then(|| {
            Conv2d::new(
                &params.at("conv_shortcut"),
                channels_in,
                channels_out,
                ConvShape::ONE,
            )
        });
        Ok(Self {
            norm1: GroupNorm::new(&params.at("norm1"), groups, channels_in, epsilon)?,
            conv1: Conv2d::new(
                &params.at("conv1"),
                channels_in,
                channels_out,
                ConvShape::THREE,
            )?,
            time_emb_proj: time_emb_proj.transpose()?,
            norm2: GroupNorm::new(&params.at("norm2"), groups, channels_out, epsilon)?,
            conv2: Conv2d::new(
                &params.at("conv2"),
                channels_out,
                channels_out,
                ConvShape::THREE,
            )?,
            conv_shortcut: shortcut.transpose()?,
            engine: params.engine(),
        })
    }

    /// # Shapes
    /// - `x_bhwc`: `[b, h, w, in]`
    /// - `time_bd`: `[b, time width]`, the embedded timestep before its activation
    /// - returns: `[b, h, w, out]`
    pub(crate) fn forward(&self, x_bhwc: Tensor<4>, time_bd: Option<&Tensor<2>>) -> Tensor<4> {
        let mut hidden = self
            .conv1
            .forward(self.norm1.forward_silu_between(x_bhwc.clone()));
        if let (Some(projection), Some(time)) = (&self.time_emb_proj, time_bd) {
            let shift = projection.forward(Activation::Silu.apply(time.clone(), self.engine));
            hidden = kernels::shift(hidden, shift);
        }
        let hidden = self.conv2.forward(self.norm2.forward_silu_between(hidden));
        match &self.conv_shortcut {
            Some(shortcut) => kernels::sum(shortcut.forward(x_bhwc), hidden),
            None => kernels::sum(x_bhwc, hidden),
        }
    }
}

/// `Downsample2D`: halves both sides with a strided convolution.
#[derive(Debug, Clone)]
pub(crate) struct Downsample {
    conv: Conv2d,
    /// The autoencoder pads right and bottom only.
    one_sided: bool,
}

visit_fields!(Downsample { conv });

impl Downsample {
    pub(crate) fn new(params: &Params<'_>, channels: usize) -> Result<Self, ParamError> {
        Ok(Self {
            conv: Conv2d::new(&params.at("conv"), channels, channels, ConvShape::HALVE)?,
            one_sided: false,
        })
    }

    pub(crate) fn one_sided(params: &Params<'_>, channels: usize) -> Result<Self, ParamError> {
        let conv = Conv2d::new(
            &params.at("conv"),
            channels,
            channels,
            ConvShape::HALVE_UNPADDED,
        )?;
        Ok(Self {
            conv,
            one_sided: true,
        })
    }

    pub(crate) fn forward(&self, x_bhwc: Tensor<4>) -> Tensor<4> {
        if self.one_sided {
            return self.conv.forward(x_bhwc.pad([(0, 1), (0, 1), (0, 0)], 0.0));
        }
        self.conv.forward(x_bhwc)
    }
}

/// `Upsample2D`: repeats pixels to a given size, then convolves.
#[derive(Debug, Clone)]
pub(crate) struct Upsample {
    conv: Conv2d,
}

visit_fields!(Upsample { conv });

impl Upsample {
    pub(crate) fn new(params: &Params<'_>, channels: usize) -> Result<Self, ParamError> {
        Ok(Self {
            conv: Conv2d::new(&params.at("conv"), channels, channels, ConvShape::THREE)?,
        })
    }

    pub(crate) fn forward(&self, x_bhwc: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
        self.conv
            .forward(resample::nearest(x_bhwc, size[0], size[1]))
    }
}
