//! The graphics processors that drivers show. Drivers are loaded when they are asked for the first time; where there is none,
//! nothing is found.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use atelier_core::Interface;
use atelier_nn::device::listen;
use burn::backend::wgpu::{RuntimeOptions, WgpuSetup, try_init_device, wgpu};
use burn::tensor::Device;
use wgpu::{Backend, DeviceType, MemoryBudgetThresholds};

use super::{Chosen, DeviceKind, Error, Listed, MOST_MEMORY_PERCENT, Result, heaps};

/// A graphics processor.
pub(super) struct Adapter {
    interface: Interface,
    place: usize,
    name: String,
    pub(super) kind: DeviceKind,
    memory_bytes: Option<u64>,
    instance: wgpu::Instance,
    handle: wgpu::Adapter,
}

impl Adapter {
    /// What is said about it.
    pub(super) fn listed(&self) -> Listed {
        Listed {
            device: format!("{}:{}", self.interface, self.place),
            name: self.name.clone(),
            kind: self.kind,
            memory_bytes: self.memory_bytes,
        }
    }

    /// Takes the device for work.
    pub(super) fn open(self) -> Result<Chosen> {
        let listed = self.listed();
        match self.initialize() {
            Ok(device) => Ok(Chosen::graphics(device, listed)),
            Err(problem) => Err(Error::Unusable {
                name: listed.to_string(),
                problem: problem.to_string(),
            }),
        }
    }

    fn initialize(self) -> std::result::Result<Device, Box<dyn std::error::Error>> {
        let Self {
            instance,
            handle: adapter,
            ..
        } = self;
        // Kernels come in the shader language, and need nothing that is on trial.
        let trials = wgpu::Features::all_experimental_mask();
        let unused = trials | wgpu::Features::MAPPABLE_PRIMARY_BUFFERS;
        let wanted = wgpu::DeviceDescriptor {
            required_features: adapter.features().difference(unused),
            required_limits: adapter.limits(),
            // The tensor library takes large pieces of memory itself.
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..wgpu::DeviceDescriptor::default()
        };
        let (device, queue) = ready(adapter.request_device(&wanted)).ok_or("no answer")??;
        let setup = WgpuSetup {
            backend: adapter.get_info().backend,
            instance,
            adapter,
            device,
            queue,
        };
        listen();
        let device = try_init_device(setup, RuntimeOptions::try_default()?)?;
        Ok(Device::new(device))
    }
}

/// All of an interface, in the order of its driver. No more drivers are loaded than it takes to find a card.
pub(super) fn adapters(interface: Interface) -> Vec<Adapter> {
    let backends: &[_] = match interface {
        Interface::Vulkan => &[Backend::Vulkan],
        Interface::Metal => &[Backend::Metal],
        Interface::Wgpu => &[Backend::Vulkan, Backend::Metal, Backend::Dx12, Backend::Gl],
    };
    let mut only_software = Vec::new();
    for &backend in backends {
        let list = adapters_on(interface, backend);
        // What shows cards goes before what shows only programs that stand for one.
        let mut kinds = list.iter().map(|adapter| adapter.kind);
        if kinds.any(|kind| kind != DeviceKind::Software) {
            return list;
        }
        if only_software.is_empty() {
            only_software = list;
        }
    }
    only_software
}

fn adapters_on(interface: Interface, backend: Backend) -> Vec<Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: backend.into(),
        memory_budget_thresholds: MemoryBudgetThresholds {
            for_resource_creation: Some(MOST_MEMORY_PERCENT),
            for_device_loss: None,
        },
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let found = ready(instance.enumerate_adapters(backend.into())).unwrap_or_default();
    let mut heaps = if found.is_empty() || backend != Backend::Vulkan {
        Vec::new()
    } else {
        heaps::local()
    };
    let mut memory = |info: &wgpu::AdapterInfo| {
        let is_same = |heap: &heaps::Heap| (heap.vendor, heap.device) == (info.vendor, info.device);
        // Equal cards come in the same order on both sides.
        let place = heaps.iter().position(is_same)?;
        Some(heaps.remove(place).bytes)
    };
    let with_place = found.into_iter().enumerate();
    with_place
        .map(|(place, handle)| {
            let info = handle.get_info();
            Adapter {
                interface,
                place,
                kind: match info.device_type {
                    DeviceType::DiscreteGpu => DeviceKind::Discrete,
                    DeviceType::IntegratedGpu => DeviceKind::Integrated,
                    DeviceType::VirtualGpu => DeviceKind::Virtual,
                    DeviceType::Cpu => DeviceKind::Software,
                    DeviceType::Other => DeviceKind::Other,
                },
                memory_bytes: memory(&info),
                name: info.name,
                instance: instance.clone(),
                handle,
            }
        })
        .collect()
}

/// What a future gives that has nothing to wait for, as those of this interface outside of browsers.
fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
