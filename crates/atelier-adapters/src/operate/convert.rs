//! An adapter in another format: names, shapes and metadata as the format's readers expect them.

use std::collections::BTreeMap;

use atelier_core::MagnitudeRule;

use super::fold::fold;
use super::outdated;
use crate::array::Array;
use crate::fit::{BaseLayers, misfit};
use crate::layer::{AdapterLayer, Content};
use crate::names::{LayerId, Part};
use crate::{AdapterFile, AdapterFormat, KohyaMetadata, NamedAdapter};

/// An adapter cannot be had in a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// No layer's name is one of the model's.
    #[error("none of the {total} layers has a place in the model, first `{first}`")]
    NoLayer {
        /// Layers in the file.
        total: usize,
        /// The first of them.
        first: String,
    },
    /// The format has no way to store a layer.
    #[error("layer `{name}` is a {kind}, which {format} files cannot hold; use kohya's format")]
    Kind {
        /// The layer.
        name: String,
        /// Its kind.
        kind: &'static str,
        /// The format.
        format: AdapterFormat,
    },
    /// A layer is for a weight of another shape.
    #[error("layer `{name}` does not fit the model: {reason}")]
    Misfit {
        /// The layer.
        name: String,
        /// What does not fit.
        reason: String,
    },
    /// Two layers of the file are for the same place.
    #[error("`{one}` and `{other}` are for the same layer")]
    Twice {
        /// One name.
        one: String,
        /// The other name.
        other: String,
    },
    /// A part has layers with `DoRA`'s lengths and layers without.
    #[error(
        "layer `{dora}` is a DoRA and `{plain}` is none, which PEFT files cannot mix in one part of the model; \
         use kohya's format"
    )]
    Mixed {
        /// One with lengths.
        dora: String,
        /// One without.
        plain: String,
    },
}

/// Names an adapter's layers for a format. Layers without a place in the model are left out and noted, and so are
/// differences of norms and biases that the format has no names for.
pub fn convert(
    file: AdapterFile,
    base: &BaseLayers,
    format: AdapterFormat,
) -> Result<NamedAdapter, ConvertError> {
    let names = base.names();
    let mut notes = file.notes();
    if !file.unknown.is_empty() {
        notes.push(
            "what is not used is left out of the new file; programs that use it draw another picture from that"
                .to_owned(),
        );
    }
    let total = file.layers.len();
    let (mut layers, mut changed) = (Vec::new(), Changed::default());
    let mut places: BTreeMap<LayerId, String> = BTreeMap::new();
    for mut layer in file.layers {
        let (Some(named), Some((place, shape))) = (names.find(&layer.name), base.place(&layer))
        else {
            changed.homeless.push(layer.name);
            continue;
        };
        if let Some(other) = places.insert(place.clone(), layer.name.clone()) {
            return Err(ConvertError::Twice {
                one: other,
                other: layer.name,
            });
        }
        if let Some(reason) = misfit(&layer, shape) {
            let name = layer.name;
            return Err(ConvertError::Misfit { name, reason });
        }
        shape_like(&mut layer, shape);
        layer.name = match format {
            AdapterFormat::Kohya => names.kohya(named),
            AdapterFormat::Peft if layer.vector().is_some() => {
                changed.vectors.push((layer.name.clone(), layer.kind()));
                continue;
            }
            AdapterFormat::Peft => {
                fold_scale(&mut layer)?;
                names.peft(named)
            }
        };
        if layer.dora_scale.is_some() && layer.magnitude_rule != format.magnitude_rule() {
            layer.magnitude_rule = format.magnitude_rule();
            changed.respelled += 1;
        }
        changed.unread += usize::from(layer.has_kohya_lengths_of_rows());
        layers.push(layer);
    }
    if layers.is_empty() {
        changed.refuse_nothing(total, format)?;
    }
    notes.extend(changed.notes(total, format));
    layers.sort_by(|a, b| a.name.cmp(&b.name));
    if format == AdapterFormat::Peft {
        unmixed(&layers)?;
    }
    let mut metadata = file.metadata;
    outdated::remove(&mut metadata, &layers);
    if format == AdapterFormat::Kohya {
        for (key, value) in minimum(&layers, base).to_minimum() {
            metadata.entry(key).or_insert(value);
        }
    }
    Ok(NamedAdapter {
        format,
        layers,
        metadata,
        notes,
    })
}

/// What of an adapter is left out of another format, or means something else there.
#[derive(Default)]
struct Changed {
    /// Layers without a place in the model.
    homeless: Vec<String>,
    /// Differences of norms and biases that the format cannot hold, with their kinds.
    vectors: Vec<(String, &'static str)>,
    /// `DoRA` layers whose strength has another meaning there.
    respelled: usize,
    /// `DoRA` layers that no program reads there as they are meant.
    unread: usize,
}

impl Changed {
    /// Refuses a file of which nothing is left.
    fn refuse_nothing(&self, total: usize, format: AdapterFormat) -> Result<(), ConvertError> {
        if let Some((name, kind)) = self.vectors.first() {
            let (name, kind) = (name.clone(), *kind);
            return Err(ConvertError::Kind { name, kind, format });
        }
        self.homeless.first().map_or(Ok(()), |first| {
            let first = first.clone();
            Err(ConvertError::NoLayer { total, first })
        })
    }

    /// It in words.
    fn notes(&self, total: usize, format: AdapterFormat) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.homeless.is_empty() {
            let (count, shown) = (self.homeless.len(), self.homeless.iter());
            let shown = atelier_weights::first_names(shown.map(String::as_str));
            notes.push(format!(
                "{count} of {total} layers have no place in the model: {shown}"
            ));
        }
        if !self.vectors.is_empty() {
            let (count, shown) = (self.vectors.len(), self.vectors.iter());
            let shown = atelier_weights::first_names(shown.map(|(name, _)| name.as_str()));
            notes.push(format!(
                "{count} differences of norms and biases are left out, which {format} files cannot hold, and the new file \
                 draws another picture: {shown}; kohya's format keeps them"
            ));
        }
        if self.respelled > 0 {
            notes.push(format!(
                "{} DoRA layers mean something else in {format} files at strengths other than 1: {}",
                self.respelled,
                match format.magnitude_rule() {
                    MagnitudeRule::Interpolate =>
                        "the weight goes that share of the way, where before the factors were scaled",
                    MagnitudeRule::ScaleDelta =>
                        "the factors are scaled, where before the weight went that share of the way",
                }
            ));
        }
        if self.unread > 0 {
            notes.push(format!(
                "{} DoRA layers have a length for each row, which other programs read in {format} files without an error \
                 and draw another picture from; where PEFT's format can hold the file, diffusers reads it as it is meant",
                self.unread
            ));
        }
        notes
    }
}

/// One flag of PEFT's settings says of all layers of a part whether they are `DoRA`.
fn unmixed(layers: &[AdapterLayer]) -> Result<(), ConvertError> {
    for part in Part::ALL {
        let prefix = format!("{}.", part.name());
        let first = |is_dora: bool| {
            layers.iter().find(|layer| {
                layer.name.starts_with(&prefix) && layer.dora_scale.is_some() == is_dora
            })
        };
        if let (Some(dora), Some(plain)) = (first(true), first(false)) {
            return Err(ConvertError::Mixed {
                dora: dora.name.clone(),
                plain: plain.name.clone(),
            });
        }
    }
    Ok(())
}

/// Gives low-rank factors, `DoRA`'s lengths and whole differences, which fit, the axes that the weight has: convolutions four,
/// linear layers two. Of the factors, only those of 1×1 convolutions can lack them.
fn shape_like(layer: &mut AdapterLayer, weight: &[usize]) {
    if let Content::Full(whole) | Content::Bias(whole) = &mut layer.content {
        whole.shape = weight.to_vec();
    }
    let axes = weight.len().max(2);
    if let Some(lengths) = &mut layer.dora_scale {
        // All but one of them have length 1.
        lengths.shape.resize(axes, 1);
    }
    let AdapterLayer {
        content:
            Content::LowRank {
                down,
                up,
                mid: None,
            },
        ..
    } = layer
    else {
        return;
    };
    let pointwise = |array: &Array| array.shape.iter().skip(2).all(|length| *length == 1);
    if !pointwise(down) || !pointwise(up) || weight.iter().skip(2).any(|length| *length != 1) {
        return;
    }
    down.shape.resize(axes, 1);
    up.shape.resize(axes, 1);
}

/// PEFT files have no alpha: readers without the metadata take scale 1, so that the scale goes into the factors.
fn fold_scale(layer: &mut AdapterLayer) -> Result<(), ConvertError> {
    let (scale, rank) = (layer.scale(), layer.rank() as f32);
    let on_rows = layer
        .dora_scale
        .as_ref()
        .is_none_or(|lengths| lengths.length(0) == layer.weight_size().0);
    let kind = layer.kind();
    match &mut layer.content {
        Content::LowRank {
            down,
            up,
            mid: None,
        } if on_rows => {
            fold(scale, &mut down.values, &mut up.values);
            layer.alpha = rank;
            Ok(())
        }
        _ => Err(ConvertError::Kind {
            name: layer.name.clone(),
            kind,
            format: AdapterFormat::Peft,
        }),
    }
}

/// What kohya's readers need to know where the source does not say.
fn minimum(layers: &[AdapterLayer], base: &BaseLayers) -> KohyaMetadata {
    let ranked = layers.iter().find(|layer| layer.has_rank());
    let first = ranked.or(layers.first());
    let algorithm = layers.iter().find_map(|layer| match &layer.content {
        Content::LoHa(..) => Some("loha"),
        Content::LoKr(..) => Some("lokr"),
        Content::Full(_) => layer.vector().is_none().then_some("full"),
        Content::Bias(_) => None,
        Content::LowRank { mid: Some(_), .. } => Some("locon"),
        Content::LowRank { .. } => layer.dora_scale.as_ref().map(|_| "lora"),
    });
    KohyaMetadata {
        family: base.names().family(),
        algorithm: algorithm.map(str::to_owned),
        rank: first.map_or(0, AdapterLayer::rank),
        alpha: first.map_or(0.0, |layer| layer.alpha),
        ..KohyaMetadata::default()
    }
}
