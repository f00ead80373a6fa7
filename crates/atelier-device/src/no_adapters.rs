//! A build without graphics processors.

use std::convert::Infallible;

use atelier_core::Interface;

use super::{Chosen, DeviceKind, Listed, Result};

/// There is none.
pub(super) struct Adapter {
    pub(super) kind: DeviceKind,
    never: Infallible,
}

impl Adapter {
    pub(super) fn listed(&self) -> Listed {
        match self.never {}
    }

    pub(super) fn open(self) -> Result<Chosen> {
        match self.never {}
    }
}

pub(super) fn adapters(_interface: Interface) -> Vec<Adapter> {
    Vec::new()
}
