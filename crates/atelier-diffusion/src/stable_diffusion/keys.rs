//! Names that tensors of this family have in files, beside the ones that the layers ask for.

/// Other names for a parameter: the text encoder with its `text_model.` prefix, and the attention names that
/// autoencoders were published with before diffusers renamed them.
pub fn aliases(name: &str) -> Vec<String> {
    const OLD_ATTENTION: &[(&str, &str)] = &[
        ("to_q", "query"),
        ("to_k", "key"),
        ("to_v", "value"),
        ("to_out.0", "proj_attn"),
    ];
    let mut names = vec![format!("text_model.{name}")];
    if name.contains("mid_block.attentions.") {
        let old = OLD_ATTENTION.iter().filter(|(new, _)| name.contains(new));
        names.extend(old.map(|(new, old)| name.replace(new, old)));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_prefixed_names_are_found() {
        assert!(
            aliases("final_layer_norm.bias")
                .contains(&"text_model.final_layer_norm.bias".to_owned())
        );
        let old = aliases("decoder.mid_block.attentions.0.to_out.0.weight");
        assert!(old.contains(&"decoder.mid_block.attentions.0.proj_attn.weight".to_owned()));
    }
}
