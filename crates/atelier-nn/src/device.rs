//! Where tensors live.

use burn::backend::DispatchDevice;
use burn::tensor::Device;

/// Whether tensors on `device` lie in this processor's memory, where the kernels run.
pub fn is_processor(device: &Device) -> bool {
    let plain = device.clone().without_autodiff();
    matches!(plain.as_dispatch(), DispatchDevice::Flex(_))
}
