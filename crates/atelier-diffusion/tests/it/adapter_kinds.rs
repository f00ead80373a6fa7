//! Every kind of adapter, attached to single layers, against the libraries that made them: `golden/adapter_kinds/`.

use std::path::PathBuf;

use atelier_adapters::AdapterFile;
use atelier_core::WeightChange;
use atelier_nn::layers::ConvShape;
use atelier_nn::layers::Weight;
use atelier_nn::layout::{channels_first, channels_last};
use atelier_nn::lora::{Attach, Detach};
use atelier_nn::{Conv2d, Engine, Init, Linear, ParamError, ParamSource, Params, Visit as _};
use atelier_testkit::{assert_case_close, assert_close};
use atelier_weights::TensorFile;
use burn::tensor::{Tensor, TensorData};

use crate::source::device;

/// Sums of f32 products in another order; a wrong formula is off by far more.
const TOLERANCE: f64 = 1e-5;

fn folder() -> PathBuf {
    atelier_testkit::golden_folder().join("adapter_kinds")
}

fn expected() -> TensorFile {
    TensorFile::open(folder().join("expected.safetensors")).unwrap()
}

/// Gives a layer the parameters that it has in the file.
struct Stored<'f>(&'f TensorFile);

impl ParamSource for Stored<'_> {
    fn load(&mut self, name: &str, _shape: &[usize], _init: Init) -> Result<Vec<f32>, ParamError> {
        Ok(self.0.read_f32(name).unwrap())
    }
}

/// One layer of each sort, as the script has them.
enum Layer {
    Linear(Linear),
    Conv(Conv2d),
}

impl Layer {
    fn new(sort: &str, file: &TensorFile, engine: Engine) -> Self {
        let (mut source, device) = (Stored(file), device());
        let params = Params::new(&mut source, &device, engine).at(sort);
        match sort {
            "linear" => Self::Linear(Linear::new(&params, 12, 8).unwrap()),
            "conv1" => Self::Conv(Conv2d::new(&params, 12, 8, ConvShape::ONE).unwrap()),
            _ => Self::Conv(Conv2d::new(&params, 12, 8, ConvShape::HALVE).unwrap()),
        }
    }

    fn attach(&mut self, change: &WeightChange, strength: f32) {
        let mut attach = Attach {
            factors: |_: &str| Some(change.clone()),
            strength,
            device: &device(),
            trainable: false,
        };
        match self {
            Self::Linear(layer) => layer.visit("", &mut attach),
            Self::Conv(layer) => layer.visit("", &mut attach),
        }
    }

    fn detach(&mut self) {
        match self {
            Self::Linear(layer) => layer.visit("", &mut Detach),
            Self::Conv(layer) => layer.visit("", &mut Detach),
        }
    }

    fn forward(&self, sort: &str, file: &TensorFile) -> Vec<f32> {
        let device = device();
        let x = file.read_f32(&format!("{sort}.x")).unwrap();
        match self {
            Self::Linear(layer) => {
                let x = Tensor::<3>::from_data(TensorData::new(x, [2, 5, 12]), &device);
                layer.forward(x).into_data().try_to_vec().unwrap()
            }
            Self::Conv(layer) => {
                let x = Tensor::<4>::from_data(TensorData::new(x, [2, 12, 5, 5]), &device);
                let y = channels_first(layer.forward(channels_last(x)));
                y.into_data().try_to_vec().unwrap()
            }
        }
    }
}

/// Every case with the sort of its layer and its change.
fn cases(file: &TensorFile) -> Vec<(String, String, WeightChange)> {
    let config: serde_json::Value = serde_json::from_str(&file.metadata()["config"]).unwrap();
    let mut cases = Vec::new();
    let lycoris = AdapterFile::read(folder().join("lycoris.safetensors")).unwrap();
    // The whole difference comes with one of the bias, which its outputs are without.
    let layers = lycoris.layers.into_iter();
    for layer in layers.filter(|layer| !layer.is_of_bias()) {
        let case = layer.name.trim_start_matches("lora_unet_").to_owned();
        let sort = config["cases"][&case].as_str().unwrap().to_owned();
        cases.push((case, sort, layer.into_change()));
    }
    for kind in config["peft"].as_array().unwrap() {
        let kind = kind.as_str().unwrap();
        for layer in AdapterFile::read(folder().join(format!("peft_{kind}")))
            .unwrap()
            .layers
        {
            let sort = layer
                .name
                .trim_start_matches("base_model.model.")
                .to_owned();
            cases.push((format!("peft_{kind}.{sort}"), sort, layer.into_change()));
        }
    }
    cases
}

#[test]
pub(crate) fn attached_adapters_of_every_kind_give_the_outputs_of_lycoris_and_peft() {
    let file = expected();
    let cases = cases(&file);
    assert_eq!(cases.len(), 24 + 7 * 3);
    for (case, sort, change) in cases {
        let mut layer = Layer::new(&sort, &file, Engine::Exact);
        let bare = layer.forward(&sort, &file);
        layer.attach(&change, 0.0);
        assert_eq!(layer.forward(&sort, &file), bare, "{case} at strength 0");
        layer.detach();
        layer.attach(&change, 1.0);
        let y = file.read_f32(&format!("{case}.y")).unwrap();
        assert_case_close(&case, &layer.forward(&sort, &file), &y, TOLERANCE);
        layer.detach();
        assert_eq!(
            layer.forward(&sort, &file),
            bare,
            "{case} after taking it off"
        );
    }
}

#[test]
fn dora_of_peft_at_other_strengths_is_that_of_peft() {
    let file = expected();
    let dora = |(case, ..): &(String, String, WeightChange)| case.starts_with("peft_dora.");
    let cases: Vec<_> = cases(&file).into_iter().filter(dora).collect();
    assert_eq!(cases.len(), 3);
    for (case, sort, change) in cases {
        for strength in [0.5, 1.1] {
            let mut layer = Layer::new(&sort, &file, Engine::Exact);
            layer.attach(&change, strength);
            let y = file.read_f32(&format!("{case}.y_{strength}")).unwrap();
            assert_case_close(&case, &layer.forward(&sort, &file), &y, TOLERANCE);
        }
    }
}

#[test]
fn several_adapters_act_as_if_baked_one_after_the_other() {
    use atelier_adapters::operate::apply_to_weight;
    let file = expected();
    let all = cases(&file);
    let named = |name: &str| {
        all.iter()
            .find(|(case, ..)| case == name)
            .unwrap()
            .2
            .clone()
    };
    for (sort, names) in [
        (
            "linear",
            [
                "lora_linear",
                "dora_linear",
                "loha_linear",
                "lora_rs_linear",
            ],
        ),
        (
            "conv3",
            ["tucker_conv3", "dora_conv3", "lokr_conv3", "lora_conv3"],
        ),
        (
            "conv3",
            [
                "tucker_conv3",
                "peft_dora.conv3",
                "lokr_conv3",
                "lora_conv3",
            ],
        ),
    ] {
        let mut layer = Layer::new(sort, &file, Engine::Exact);
        let mut weight = file.read_f32(&format!("{sort}.weight")).unwrap();
        for (name, strength) in names.into_iter().zip([0.8, 0.5, 1.1, 0.3]) {
            layer.attach(&named(name), strength);
            apply_to_weight(&named(name), &mut weight, strength);
        }
        let mut baked = Layer::new(sort, &file, Engine::Exact);
        let device = device();
        match &mut baked {
            Layer::Linear(layer) => {
                let shape = layer.weight.dims();
                let weight = Tensor::from_data(TensorData::new(weight, shape), &device);
                layer.weight = Weight::Plain(weight);
            }
            Layer::Conv(layer) => {
                let shape = layer.weight.dims();
                let weight = Tensor::from_data(TensorData::new(weight, shape), &device);
                layer.weight = Weight::Plain(weight);
            }
        }
        assert_close(
            &layer.forward(sort, &file),
            &baked.forward(sort, &file),
            TOLERANCE,
        );
    }
}

#[test]
fn half_precision_layers_follow_the_reference() {
    let file = expected();
    for (case, sort, change) in cases(&file) {
        let mut layer = Layer::new(&sort, &file, Engine::Mixed);
        layer.attach(&change, 1.0);
        let y = file.read_f32(&format!("{case}.y")).unwrap();
        // Products of bf16 numbers, which have 8 bits.
        assert_case_close(&case, &layer.forward(&sort, &file), &y, 1e-2);
    }
}
