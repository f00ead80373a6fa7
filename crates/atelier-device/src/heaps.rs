//! How much memory graphics processors have, which only their own interfaces tell.

/// The memory of a graphics processor.
pub(super) struct Heap {
    /// The numbers by which drivers call maker and model.
    pub(super) vendor: u32,
    pub(super) device: u32,
    /// The largest memory of the device's own; of an integrated one its share of the processor's.
    pub(super) bytes: u64,
}

/// Those of all Vulkan devices in the order of the drivers; nothing where they cannot be asked.
#[cfg(feature = "vulkan")]
pub(super) fn local() -> Vec<Heap> {
    use vulkano::VulkanLibrary;
    use vulkano::instance::{Instance, InstanceCreateFlags, InstanceCreateInfo};
    use vulkano::memory::MemoryHeapFlags;

    let Ok(library) = VulkanLibrary::new() else {
        return Vec::new();
    };
    let create = InstanceCreateInfo {
        flags: InstanceCreateFlags::ENUMERATE_PORTABILITY,
        ..InstanceCreateInfo::default()
    };
    let Ok(instance) = Instance::new(library, create) else {
        return Vec::new();
    };
    let Ok(devices) = instance.enumerate_physical_devices() else {
        return Vec::new();
    };
    let heap = |device: std::sync::Arc<vulkano::device::physical::PhysicalDevice>| {
        let heaps = device.memory_properties().memory_heaps.iter();
        let own = heaps.filter(|heap| heap.flags.intersects(MemoryHeapFlags::DEVICE_LOCAL));
        let bytes = own.map(|heap| heap.size).max()?;
        let properties = device.properties();
        Some(Heap {
            vendor: properties.vendor_id,
            device: properties.device_id,
            bytes,
        })
    };
    devices.filter_map(heap).collect()
}

/// Nothing: no interface in this build tells.
#[cfg(not(feature = "vulkan"))]
pub(super) fn local() -> Vec<Heap> {
    Vec::new()
}
