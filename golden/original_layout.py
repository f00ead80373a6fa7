"""Names and shapes of single-file checkpoints, as the programs that they come from build their networks.

Written from the architecture (blocks numbered through, level after level), not from anybody's key map, so that a key map
can be checked with it. Every function gives a dictionary from name to shape.
"""


def layer(name, *shape):
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def conv(name, inputs, outputs, kernel):
    return layer(name, outputs, inputs, kernel, kernel)


def unet_resnet(name, inputs, outputs, time):
    found = layer(f"{name}.in_layers.0", inputs) | conv(f"{name}.in_layers.2", inputs, outputs, 3)
    found |= layer(f"{name}.emb_layers.1", outputs, time) | layer(f"{name}.out_layers.0", outputs)
    found |= conv(f"{name}.out_layers.3", outputs, outputs, 3)
    return found | (conv(f"{name}.skip_connection", inputs, outputs, 1) if inputs != outputs else {})


def transformer(name, width, depth, context, linear):
    projection = (width, width) if linear else (width, width, 1, 1)
    found = layer(f"{name}.norm", width) | layer(f"{name}.proj_in", *projection) | layer(f"{name}.proj_out", *projection)
    for index in range(depth):
        block = f"{name}.transformer_blocks.{index}"
        for norm in ("norm1", "norm2", "norm3"):
            found |= layer(f"{block}.{norm}", width)
        for attention, inputs in (("attn1", width), ("attn2", context)):
            found |= {f"{block}.{attention}.to_q.weight": (width, width), f"{block}.{attention}.to_k.weight": (width, inputs),
                      f"{block}.{attention}.to_v.weight": (width, inputs)}
            found |= layer(f"{block}.{attention}.to_out.0", width, width)
        found |= layer(f"{block}.ff.net.0.proj", 8 * width, width) | layer(f"{block}.ff.net.2", width, 4 * width)
    return found


def unet(model_channels, channel_mult, num_res_blocks, depths, context, linear, adm=None):
    """`depths` has the transformer blocks of each level, 0 where it does not attend; the middle has the last level's, or 1."""
    time, width = 4 * model_channels, model_channels
    found = layer("time_embed.0", time, width) | layer("time_embed.2", time, time)
    if adm:
        found |= layer("label_emb.0.0", time, adm) | layer("label_emb.0.2", time, time)
    found |= conv("input_blocks.0.0", 4, width, 3)
    skips, block, levels = [width], 1, len(channel_mult)
    for level, mult in enumerate(channel_mult):
        for _ in range(num_res_blocks):
            found |= unet_resnet(f"input_blocks.{block}.0", width, mult * model_channels, time)
            width = mult * model_channels
            if depths[level]:
                found |= transformer(f"input_blocks.{block}.1", width, depths[level], context, linear)
            skips.append(width)
            block += 1
        if level != levels - 1:
            found |= conv(f"input_blocks.{block}.0.op", width, width, 3)
            skips.append(width)
            block += 1
    found |= unet_resnet("middle_block.0", width, width, time) | unet_resnet("middle_block.2", width, width, time)
    found |= transformer("middle_block.1", width, depths[-1] or 1, context, linear)
    block = 0
    for level, mult in reversed(list(enumerate(channel_mult))):
        for index in range(num_res_blocks + 1):
            found |= unet_resnet(f"output_blocks.{block}.0", width + skips.pop(), mult * model_channels, time)
            width, place = mult * model_channels, 1
            if depths[level]:
                found |= transformer(f"output_blocks.{block}.1", width, depths[level], context, linear)
                place = 2
            if level and index == num_res_blocks:
                found |= conv(f"output_blocks.{block}.{place}.conv", width, width, 3)
            block += 1
    return found | layer("out.0", width) | conv("out.2", width, 4, 3)


def vae_resnet(name, inputs, outputs):
    found = layer(f"{name}.norm1", inputs) | conv(f"{name}.conv1", inputs, outputs, 3)
    found |= layer(f"{name}.norm2", outputs) | conv(f"{name}.conv2", outputs, outputs, 3)
    return found | (conv(f"{name}.nin_shortcut", inputs, outputs, 1) if inputs != outputs else {})


def vae_middle(name, width):
    found = vae_resnet(f"{name}.block_1", width, width) | vae_resnet(f"{name}.block_2", width, width)
    found |= layer(f"{name}.attn_1.norm", width)
    for projection in ("q", "k", "v", "proj_out"):
        found |= conv(f"{name}.attn_1.{projection}", width, width, 1)
    return found


def vae(ch, ch_mult, num_res_blocks, latents=4):
    levels, width = len(ch_mult), ch
    found = conv("encoder.conv_in", 3, width, 3)
    for level, mult in enumerate(ch_mult):
        for index in range(num_res_blocks):
            found |= vae_resnet(f"encoder.down.{level}.block.{index}", width, mult * ch)
            width = mult * ch
        if level != levels - 1:
            found |= conv(f"encoder.down.{level}.downsample.conv", width, width, 3)
    found |= vae_middle("encoder.mid", width) | layer("encoder.norm_out", width)
    found |= conv("encoder.conv_out", width, 2 * latents, 3) | conv("quant_conv", 2 * latents, 2 * latents, 1)
    found |= conv("post_quant_conv", latents, latents, 1) | conv("decoder.conv_in", latents, width, 3)
    found |= vae_middle("decoder.mid", width)
    for level in reversed(range(levels)):
        for index in range(num_res_blocks + 1):
            found |= vae_resnet(f"decoder.up.{level}.block.{index}", width, ch_mult[level] * ch)
            width = ch_mult[level] * ch
        if level:
            found |= conv(f"decoder.up.{level}.upsample.conv", width, width, 3)
    return found | layer("decoder.norm_out", width) | conv("decoder.conv_out", width, 3, 3)


def clip(width, inner, layers, vocabulary=49408, positions=77):
    start = "text_model"
    found = {f"{start}.embeddings.token_embedding.weight": (vocabulary, width),
             f"{start}.embeddings.position_embedding.weight": (positions, width),
             f"{start}.embeddings.position_ids": (1, positions)}
    for index in range(layers):
        name = f"{start}.encoder.layers.{index}"
        for projection in ("q_proj", "k_proj", "v_proj", "out_proj"):
            found |= layer(f"{name}.self_attn.{projection}", width, width)
        found |= layer(f"{name}.layer_norm1", width) | layer(f"{name}.layer_norm2", width)
        found |= layer(f"{name}.mlp.fc1", inner, width) | layer(f"{name}.mlp.fc2", width, inner)
    return found | layer(f"{start}.final_layer_norm", width)


def openclip(width, inner, layers, vocabulary=49408, positions=77):
    found = {"positional_embedding": (positions, width), "text_projection": (width, width), "logit_scale": (),
             "token_embedding.weight": (vocabulary, width)}
    for index in range(layers):
        name = f"transformer.resblocks.{index}"
        found |= {f"{name}.attn.in_proj_weight": (3 * width, width), f"{name}.attn.in_proj_bias": (3 * width,)}
        found |= layer(f"{name}.attn.out_proj", width, width) | layer(f"{name}.ln_1", width) | layer(f"{name}.ln_2", width)
        found |= layer(f"{name}.mlp.c_fc", inner, width) | layer(f"{name}.mlp.c_proj", width, inner)
    return found | layer("ln_final", width)


UNET, VAE = "model.diffusion_model.", "first_stage_model."
CLIP = {"sd1": "cond_stage_model.transformer.", "sdxl": "conditioner.embedders.0.transformer."}
OPENCLIP = {"sd2": "cond_stage_model.model.", "sdxl": "conditioner.embedders.1.model."}


def under(prefix, names):
    return {prefix + name: shape for name, shape in names.items()}
