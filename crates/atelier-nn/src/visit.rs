//! One walk over a model's named layers. Saving, optimizing, counting and attaching adapters are all visitors of it.

use burn::tensor::Tensor;

use crate::layers::{Affine, Conv2d, Linear};

/// What is done at each layer or parameter. Names are those of the published checkpoints.
pub trait Visitor {
    /// Called for every parameter.
    fn param<const D: usize>(&mut self, name: &str, tensor: &mut Tensor<D>);

    /// Called for every linear layer; visits its parameters unless overridden.
    fn linear(&mut self, path: &str, layer: &mut Linear) {
        layer.visit_params(path, self);
    }

    /// Called for every convolution; visits its parameters unless overridden.
    fn conv2d(&mut self, path: &str, layer: &mut Conv2d) {
        layer.visit_params(path, self);
    }

    /// Called for the numbers of every norm; visits its parameters unless overridden.
    fn affine(&mut self, path: &str, affine: &mut Affine) {
        affine.visit_params(path, self);
    }
}

/// Something with named layers inside.
pub trait Visit {
    /// Shows every layer below `path` to the visitor, in the order in which it was built.
    fn visit<V: Visitor>(&mut self, path: &str, visitor: &mut V);
}

impl<T: Visit> Visit for Vec<T> {
    fn visit<V: Visitor>(&mut self, path: &str, visitor: &mut V) {
        for (index, item) in self.iter_mut().enumerate() {
            item.visit(&join(path, &index.to_string()), visitor);
        }
    }
}

impl<T: Visit> Visit for Option<T> {
    fn visit<V: Visitor>(&mut self, path: &str, visitor: &mut V) {
        if let Some(item) = self {
            item.visit(path, visitor);
        }
    }
}

/// `path.name`, or `name` at the root.
pub fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        [path, ".", name].concat()
    }
}

/// Implements [`Visit`] for a struct whose fields carry the published names, or are given them: `field => "to_out.0"`.
#[macro_export]
macro_rules! visit_fields {
    ($type:ty { $($field:ident $(=> $name:literal)?),+ $(,)? }) => {
        impl $crate::visit::Visit for $type {
            fn visit<V: $crate::visit::Visitor>(&mut self, path: &str, visitor: &mut V) {
                $($crate::visit::Visit::visit(
                    &mut self.$field,
                    &$crate::visit::join(path, $crate::visit_fields!(@name $field $(, $name)?)),
                    visitor,
                );)+
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident, $name:literal) => { $name };
}
