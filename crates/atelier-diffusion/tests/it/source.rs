//! Weights of a golden case as a source of parameters, and small conversions.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use atelier_diffusion::stable_diffusion::aliases;
use atelier_nn::{Engine, Init, ParamError, ParamSource, Params};
use atelier_testkit::Golden;
use burn::tensor::{Device, Tensor};

thread_local! {
    static DEVICE: RefCell<Option<Device>> = const { RefCell::new(None) };
}

/// Where a test computes: on the processor, unless it is called through [`on`].
pub(crate) fn device() -> Device {
    DEVICE.with_borrow(|device| device.clone().unwrap_or_else(Device::flex))
}

/// Does the work of tests on another device.
#[cfg(feature = "vulkan")]
pub(crate) fn on(device: &Device, work: impl FnOnce()) {
    DEVICE.set(Some(device.clone()));
    work();
    DEVICE.set(None);
}

struct GoldenSource {
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    used: BTreeSet<String>,
}

impl ParamSource for GoldenSource {
    fn load(&mut self, name: &str, shape: &[usize], _init: Init) -> Result<Vec<f32>, ParamError> {
        let found = std::iter::once(name.to_owned())
            .chain(aliases(name))
            .find_map(|name| Some((self.tensors.get(&name)?, name)));
        let Some(((got, values), name)) = found else {
            return Err(ParamError::Missing {
                name: name.to_owned(),
                shape: shape.to_vec(),
            });
        };
        if got != shape {
            return Err(ParamError::Shape {
                name,
                got: got.clone(),
                expected: shape.to_vec(),
            });
        }
        let values = values.clone();
        self.used.insert(name);
        Ok(values)
    }
}

/// Builds something from the weights of `case`, every one of which must be asked for.
pub(crate) fn build<T>(
    file: &Golden,
    case: &str,
    device: &Device,
    build: impl FnOnce(&Params<'_>) -> Result<T, ParamError>,
) -> T {
    build_for(Engine::Exact, (file, case), device, build)
}

/// The same with either arithmetic.
pub(crate) fn build_for<T>(
    engine: Engine,
    (file, case): (&Golden, &str),
    device: &Device,
    build: impl FnOnce(&Params<'_>) -> Result<T, ParamError>,
) -> T {
    let mut source = GoldenSource {
        tensors: file.weights(&format!("{case}.w.")),
        used: BTreeSet::new(),
    };
    let built = build(&Params::new(&mut source, device, engine)).unwrap();
    let left: Vec<_> = source
        .tensors
        .keys()
        .filter(|name| !source.used.contains(*name))
        .collect();
    assert!(left.is_empty(), "`{case}` leaves weights unused: {left:?}");
    built
}

/// Fails unless `actual` has the shape and, within [`crate::TOLERANCE`], the values of the golden tensor `name`.
#[track_caller]
pub(crate) fn assert_golden<const D: usize>(actual: Tensor<D>, file: &Golden, name: &str) {
    assert_eq!(
        actual.dims().to_vec(),
        file.shape(name),
        "shape of `{name}`"
    );
    let values = atelier_nn::gradients::values_of(actual);
    let expected = file.vec(name);
    atelier_testkit::assert_case_close(name, &values, &expected, crate::TOLERANCE);
}
