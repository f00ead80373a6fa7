//! Differences of norms and biases, beside a base and in its weights.

use std::collections::BTreeMap;
use std::path::Path;

use atelier_adapters::{AdapterFile, AdapterLayer, Array, Content};
use atelier_core::{AdapterUse, GenerateRequest, Generator as _, SamplerKind};
use atelier_diffusion::stable_diffusion::{Base, Pipeline};
use atelier_nn::Engine;
use atelier_nn::gradients::values_of;
use atelier_testkit::{assert_close, golden, relative_error, tiny_sd15, tiny_sdxl};
use atelier_weights::{DType, ModelFiles, OutTensor, TensorFile, write_tensors};
use burn::tensor::Device;

use super::request;

/// Sums in another order: a difference is added to what a layer gives, and not to its bias.
const TOLERANCE: f64 = 1e-4;

/// Copies a base to a folder, with weights in f32, so that baking rounds nothing.
fn copy_in_f32(from: &Path, to: &Path) {
    for source in ModelFiles::open(from).unwrap().files().unwrap() {
        let target = to.join(source.strip_prefix(from).unwrap());
        fs_err::create_dir_all(target.parent().unwrap()).unwrap();
        if source.extension().is_none_or(|end| end != "safetensors") {
            fs_err::copy(source, target).unwrap();
            continue;
        }
        let file = TensorFile::open(&source).unwrap();
        let tensors = file.names().map(|name| OutTensor {
            name: name.to_owned(),
            dtype: DType::F32,
            shape: file.info(name).unwrap().shape.clone(),
            data: file.read_f32(name).unwrap(),
        });
        write_tensors(target, &tensors.collect::<Vec<_>>(), &BTreeMap::new()).unwrap();
    }
}

/// Writes an adapter with a difference for every norm and every bias of a base.
fn write_adapter(base: &Base, path: &Path) {
    let base = base.adapter_layers().unwrap();
    let array = |shape: &[usize]| {
        let count = shape.iter().product::<usize>();
        let values = (0..count).map(|i| (i as f32 * 0.7 + count as f32).sin() * 0.2);
        Array::new(shape, values.collect())
    };
    let mut layers = Vec::new();
    for layer in base.names().layers() {
        let name = base.names().kohya(layer);
        let weight = base.shape(layer).filter(|shape| shape.len() == 1);
        let weight = weight.map(|shape| Content::Full(array(shape)));
        let bias = base.shape(&layer.bias());
        let bias = bias.map(|shape| Content::Bias(array(shape)));
        let both = weight.into_iter().chain(bias);
        layers.extend(both.map(|content| AdapterLayer::difference(name.clone(), content)));
    }
    AdapterFile::write(path, &layers, DType::F32, &BTreeMap::new()).unwrap();
}

/// Copies a base to a folder with an adapter in its weights.
fn bake(base: &Base, adapter: &AdapterUse, from: &Path, to: &Path) {
    let changes = base.fit_adapter(adapter).unwrap().into_changes();
    let baking = atelier_adapters::bake::plan(base.files(), changes).unwrap();
    for source in base.files().files().unwrap() {
        let target = to.join(source.strip_prefix(from).unwrap());
        fs_err::create_dir_all(target.parent().unwrap()).unwrap();
        if baking.changes(&source) {
            let none = BTreeMap::new();
            assert!(baking.write(&source, &target, &none, || true).unwrap());
        } else {
            fs_err::copy(source, target).unwrap();
        }
    }
}

fn latents(pipeline: &mut Pipeline, request: &GenerateRequest) -> Vec<f32> {
    let latents = values_of(pipeline.final_latents(request, None).unwrap());
    assert_eq!(pipeline.take_notes(), [""; 0]);
    latents
}

#[test]
fn norms_and_biases_draw_beside_a_base_what_they_draw_in_its_weights() {
    for tiny in [tiny_sd15(), tiny_sdxl()] {
        let folder = tempfile::tempdir().unwrap();
        let [exact, baked] = ["exact", "baked"].map(|name| folder.path().join(name));
        let file = folder.path().join("adapter.safetensors");
        copy_in_f32(&tiny, &exact);
        let base = Base::open(&exact).unwrap();
        write_adapter(&base, &file);
        let adapter = AdapterUse::new(&file, 0.7);
        bake(&base, &adapter, &exact, &baked);
        let open = |path: &Path| {
            let base = Base::open(path).unwrap();
            Pipeline::in_turn(base, &Device::flex(), Engine::Exact)
        };
        let mut request = request(&golden("adapter_pictures"));
        (request.sampler, request.steps) = (SamplerKind::Ddim, 2);
        let inside = latents(&mut open(&baked), &request);
        let mut pipeline = open(&exact);
        let bare = latents(&mut pipeline, &request);
        request.adapters = vec![adapter];
        let beside = latents(&mut pipeline, &request);
        assert_close(&beside, &inside, TOLERANCE);
        assert!(relative_error(&beside, &bare).0 > 1e-2);
        request.adapters.clear();
        assert_eq!(latents(&mut pipeline, &request), bare);
    }
}
