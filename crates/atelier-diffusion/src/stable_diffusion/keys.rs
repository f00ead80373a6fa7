//! Names that tensors of this family have in files, beside the ones that the layers ask for. Names of older folders are
//! gone before: `PartTensors` has those that diffusers writes today.

/// The other name of a parameter: that of text encoders with the `text_model.` prefix.
pub fn aliases(name: &str) -> Vec<String> {
    vec![format!("text_model.{name}")]
}
