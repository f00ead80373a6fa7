//! Names of layers: every spelling finds its layer, none finds two.

use std::collections::HashSet;

use atelier_adapters::{AdapterFamily, BaseLayers, LayerId, LayerNames, Part};
use proptest::prelude::*;

fn unet(path: &str) -> LayerId {
    LayerId::new(Part::Unet, path)
}

#[test]
fn no_two_layers_of_a_published_model_share_a_spelling() {
    for &family in AdapterFamily::ALL {
        let names = LayerNames::published(family);
        assert_eq!(names.ambiguous(), [""; 0], "{family}");
        let kohya: HashSet<_> = names.layers().iter().map(|l| names.kohya(l)).collect();
        let peft: HashSet<_> = names.layers().iter().map(|l| names.peft(l)).collect();
        assert_eq!(kohya.len(), names.layers().len());
        assert_eq!(peft.len(), names.layers().len());
        for layer in names.layers() {
            for name in [names.kohya(layer), names.peft(layer)] {
                assert_eq!(names.find(&name), Some(layer), "{name}");
            }
        }
    }
}

#[test]
fn every_spelling_of_a_layer_finds_it() {
    let to_q = unet("down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q");
    let out = unet("down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out.0");
    let conv = unet("up_blocks.1.upsamplers.0.conv");
    let embed = unet("time_embedding.linear_1");
    let norm = unet("down_blocks.1.resnets.0.norm1");
    let last = unet("conv_norm_out");
    let text = LayerId::new(Part::TextEncoder, "encoder.layers.3.self_attn.q_proj");
    let fc1 = LayerId::new(Part::TextEncoder, "text_model.encoder.layers.3.mlp.fc1");
    for &family in AdapterFamily::ALL {
        let names = LayerNames::published(family);
        for (layer, spelling) in [
            (
                &to_q,
                "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q",
            ),
            (
                &to_q,
                "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q",
            ),
            (
                &to_q,
                "lycoris_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q",
            ),
            (
                &to_q,
                "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q",
            ),
            (
                &to_q,
                "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q",
            ),
            (
                &to_q,
                "diffusion_model.input_blocks.4.1.transformer_blocks.0.attn1.to_q",
            ),
            (
                &to_q,
                "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.processor.to_q",
            ),
            (
                &to_q,
                "base_model.model.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q",
            ),
            (
                &to_q,
                "unet.base_model.model.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q",
            ),
            (
                &to_q,
                "base_model.model.unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q",
            ),
            (
                &out,
                "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_out_0",
            ),
            (
                &out,
                "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.processor.to_out",
            ),
            (
                &out,
                "down_blocks.1.attentions.0.transformer_blocks.0.attn1.processor.to_out",
            ),
            (&conv, "lora_unet_output_blocks_5_2_conv"),
            (&conv, "lora_unet_up_blocks_1_upsamplers_0_conv"),
            (&embed, "lora_unet_time_embed_0"),
            (
                &text,
                "lora_te_text_model_encoder_layers_3_self_attn_q_proj",
            ),
            (
                &text,
                "lora_te1_text_model_encoder_layers_3_self_attn_q_proj",
            ),
            (
                &text,
                "text_encoder.text_model.encoder.layers.3.self_attn.q_proj",
            ),
            (&text, "text_encoder.encoder.layers.3.self_attn.q_proj"),
            (
                &text,
                "text_encoder.text_model.encoder.layers.3.self_attn.to_q",
            ),
            (
                &text,
                "text_encoder.base_model.model.text_model.encoder.layers.3.self_attn.q_proj",
            ),
            (&norm, "lora_unet_down_blocks_1_resnets_0_norm1"),
            (&norm, "lora_unet_input_blocks_4_0_in_layers_0"),
            (&norm, "diffusion_model.input_blocks.4.0.in_layers.0"),
            (&last, "lora_unet_out_0"),
            (&fc1, "text_encoder.text_model.encoder.layers.3.mlp.fc1"),
            (&fc1, "lora_te_text_model_encoder_layers_3_mlp_fc1"),
        ] {
            assert_eq!(names.find(spelling), Some(layer), "{spelling}");
        }
    }
}

#[test]
fn every_spelling_of_the_second_text_encoder_finds_it() {
    let names = LayerNames::published(AdapterFamily::Sdxl);
    let second = LayerId::new(Part::TextEncoder2, "encoder.layers.31.mlp.fc2");
    for spelling in [
        "lora_te2_text_model_encoder_layers_31_mlp_fc2",
        "text_encoder_2.text_model.encoder.layers.31.mlp.fc2",
        "text_encoder_2.encoder.layers.31.mlp.fc2",
        "text_encoders.clip_g.transformer.text_model.encoder.layers.31.mlp.fc2",
    ] {
        assert_eq!(names.find(spelling), Some(&second), "{spelling}");
    }
    // Without the encoder's name it could be either.
    assert_eq!(names.find("text_model.encoder.layers.3.mlp.fc1"), None);
    let projection = LayerId::new(Part::TextEncoder2, "text_projection");
    assert_eq!(names.kohya(&projection), "lora_te2_text_projection");
}

#[test]
fn comfyui_names_text_encoders_by_what_they_are() {
    let path = "encoder.layers.3.self_attn.q_proj";
    let (first, second) = (
        LayerId::new(Part::TextEncoder, path),
        LayerId::new(Part::TextEncoder2, path),
    );
    let projection = LayerId::new(Part::TextEncoder2, "text_projection");
    let spelled = |encoder: &str| format!("text_encoders.{encoder}.transformer.text_model.{path}");
    for (family, encoder, layer) in [
        (AdapterFamily::Sd1, "clip_l", &first),
        (AdapterFamily::Sd2, "clip_h", &first),
        (AdapterFamily::Sdxl, "clip_l", &first),
        (AdapterFamily::Sdxl, "clip_g", &second),
    ] {
        let names = LayerNames::published(family);
        assert_eq!(names.find(&spelled(encoder)), Some(layer), "{family}");
    }
    let names = LayerNames::published(AdapterFamily::Sdxl);
    let name = "text_encoders.clip_g.transformer.text_projection";
    assert_eq!(names.find(name), Some(&projection));
    assert_eq!(names.find(&spelled("clip_h")), None);
}

#[test]
fn names_are_written_as_kohya_and_diffusers_write_them() {
    let layer = unet("up_blocks.0.attentions.2.transformer_blocks.9.attn2.to_out.0");
    let names = LayerNames::published(AdapterFamily::Sdxl);
    assert_eq!(
        names.kohya(&layer),
        "lora_unet_output_blocks_2_1_transformer_blocks_9_attn2_to_out_0"
    );
    let upsampler = unet("up_blocks.0.upsamplers.0.conv");
    assert_eq!(names.kohya(&upsampler), "lora_unet_output_blocks_2_2_conv");
    let text = LayerId::new(Part::TextEncoder, "encoder.layers.0.mlp.fc1");
    assert_eq!(
        names.kohya(&text),
        "lora_te1_text_model_encoder_layers_0_mlp_fc1"
    );
    assert_eq!(
        names.peft(&text),
        "text_encoder.text_model.encoder.layers.0.mlp.fc1"
    );
    let names = LayerNames::published(AdapterFamily::Sd1);
    assert_eq!(
        names.kohya(&unet("up_blocks.1.upsamplers.0.conv")),
        "lora_unet_up_blocks_1_upsamplers_0_conv"
    );
}

#[test]
fn layers_that_would_share_a_spelling_lose_it() {
    let names = LayerNames::new(AdapterFamily::Sd1, [unet("a.b_c"), unet("a_b.c")]);
    assert_eq!(names.find("lora_unet_a_b_c"), None);
    assert!(names.ambiguous().contains(&"lora_unet_a_b_c".to_owned()));
    assert_eq!(names.find("unet.a.b_c"), Some(&unet("a.b_c")));
}

#[test]
fn published_bases_know_the_shapes() {
    let base = BaseLayers::published(AdapterFamily::Sdxl);
    let layer = unet("mid_block.attentions.0.transformer_blocks.0.attn2.to_k");
    assert_eq!(base.shape(&layer), Some(&[1280, 2048][..]));
    assert_eq!(base.shape(&layer.bias()), None);
    let norm = unet("mid_block.resnets.0.norm1");
    assert_eq!(base.shape(&norm), Some(&[1280][..]));
    assert_eq!(base.shape(&norm.bias()), Some(&[1280][..]));
}

proptest! {
    #[test]
    fn no_stem_panics(stem in ".{0,60}", front in "(unet\\.|base_model\\.model\\.|lora_te2_|)") {
        let names = LayerNames::new(AdapterFamily::Sdxl, [unet("conv_in")]);
        let _ = names.find(&format!("{front}{stem}"));
    }

    #[test]
    fn no_layer_list_panics(paths in proptest::collection::vec("[a-z0-9_.]{0,20}", 0..8)) {
        let layers: Vec<_> = paths.iter().map(|path| unet(path)).collect();
        let names = LayerNames::new(AdapterFamily::Sdxl, layers.clone());
        for layer in &layers {
            let _ = names.find(&names.kohya(layer));
        }
    }
}
