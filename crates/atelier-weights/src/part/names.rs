//! Spellings that diffusers folders were published with, turned into the ones that diffusers writes today.

use crate::TensorInfo;

/// Attention of autoencoders before diffusers renamed it.
const OLD_ATTENTION: [(&str, &str); 4] = [
    (".query.", ".to_q."),
    (".key.", ".to_k."),
    (".value.", ".to_v."),
    (".proj_attn.", ".to_out.0."),
];
/// What a CLIP text model starts with where the `text_model.` in front is left out.
const TEXT_MODEL: [&str; 3] = ["embeddings.", "encoder.", "final_layer_norm."];

/// The name and shape that a tensor of a diffusers folder has today.
///
/// Text encoders get the `text_model.` prefix of published folders, and the attention weights of old autoencoders
/// become matrices.
pub(crate) fn current_name(part: &str, stored: &str, info: &TensorInfo) -> (String, TensorInfo) {
    let mut info = info.clone();
    let name = match part {
        "text_encoder" | "text_encoder_2" => with_text_model(stored),
        "vae" => {
            let name = current_name_of_attention(stored);
            if is_attention_weight(&name) {
                drop_unit_axes(&mut info);
            }
            name
        }
        _ => stored.to_owned(),
    };
    (name, info)
}

/// A name of a CLIP text model with `text_model.` in front of what belongs there.
pub(crate) fn with_text_model(name: &str) -> String {
    if TEXT_MODEL.iter().any(|start| name.starts_with(start)) {
        return format!("text_model.{name}");
    }
    name.to_owned()
}

pub(crate) fn current_name_of_attention(name: &str) -> String {
    if name.contains("mid_block.attentions.") {
        for (old, new) in OLD_ATTENTION {
            if name.contains(old) {
                return name.replace(old, new);
            }
        }
    }
    name.to_owned()
}

/// Whether this is a weight of an autoencoder's attention, which was once a 1×1 convolution.
pub(crate) fn is_attention_weight(name: &str) -> bool {
    name.contains("mid_block.attentions.") && name.ends_with(".weight") && name.contains(".to_")
}

/// A 1×1 convolution as the matrix that it is.
pub(crate) fn drop_unit_axes(info: &mut TensorInfo) {
    while info.shape.len() > 2 && info.shape.last() == Some(&1) {
        info.shape.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;

    fn renamed(part: &str, stored: &str, shape: &[usize]) -> (String, Vec<usize>) {
        let dtype = DType::F16;
        let shape = shape.to_vec();
        let (name, info) = current_name(part, stored, &TensorInfo { dtype, shape });
        (name, info.shape)
    }

    #[test]
    fn old_attention_becomes_matrices_under_new_names() {
        let old = "decoder.mid_block.attentions.0.proj_attn.weight";
        let new = "decoder.mid_block.attentions.0.to_out.0.weight";
        assert_eq!(
            renamed("vae", old, &[8, 8, 1, 1]),
            (new.to_owned(), vec![8, 8])
        );
        assert_eq!(renamed("vae", new, &[8, 8]), (new.to_owned(), vec![8, 8]));
        let other = "decoder.conv_in.weight";
        assert_eq!(
            renamed("vae", other, &[8, 4, 1, 1]),
            (other.to_owned(), vec![8, 4, 1, 1])
        );
    }

    #[test]
    fn text_encoders_get_their_prefix_once() {
        let full = "text_model.final_layer_norm.bias";
        for stored in ["final_layer_norm.bias", full] {
            assert_eq!(renamed("text_encoder", stored, &[8]).0, full);
        }
        let projection = "text_projection.weight";
        assert_eq!(renamed("text_encoder_2", projection, &[8, 8]).0, projection);
    }
}
