"""Whole tiny CLIP text encoders: both activations, both spellings of the names, every layer skip."""
import torch
from transformers import CLIPTextConfig, CLIPTextModel

from reference import randomise, save, weights

VOCABULARY = 64
MODELS = {"prefixed": "quick_gelu", "unprefixed": "gelu"}


def with_prefix(name):
    """The name that published folders carry."""
    return name if name.startswith("text_model.") else "text_model." + name


def without_prefix(name):
    """The name that transformers 5 writes."""
    return name.removeprefix("text_model.")


def prompts():
    """Two padded prompts, the second one full."""
    words = torch.randint(0, VOCABULARY - 2, (2, 77), generator=torch.Generator("cpu").manual_seed(600))
    words[:, 0] = VOCABULARY - 2
    words[0, 9:] = VOCABULARY - 1
    words[1, 76] = VOCABULARY - 1
    return words


def main():
    tensors, config = {}, {}
    for seed, (name, act) in enumerate(MODELS.items()):
        settings = CLIPTextConfig(vocab_size=VOCABULARY, hidden_size=32, intermediate_size=96, num_hidden_layers=3,
                                  num_attention_heads=4, max_position_embeddings=77, hidden_act=act, projection_dim=32,
                                  bos_token_id=VOCABULARY - 2, eos_token_id=VOCABULARY - 1, pad_token_id=VOCABULARY - 1)
        model = randomise(CLIPTextModel(settings), seed=610 + seed)
        inner = getattr(model, "text_model", model)
        ids = prompts()
        with torch.no_grad():
            found = model(ids, output_hidden_states=True)
            tensors[f"{name}.last_hidden_state"] = found.last_hidden_state
            for skip in (1, 2):
                tensors[f"{name}.skip_{skip}"] = inner.final_layer_norm(found.hidden_states[-(skip + 1)])
                tensors[f"{name}.hidden_{skip}"] = found.hidden_states[-(skip + 1)]
        tensors[f"{name}.input_ids"] = ids.to(torch.int32)
        tensors.update(weights(name, model, with_prefix if name == "prefixed" else without_prefix))
        config[name] = settings.to_diff_dict() | {"hidden_act": act}
    save(__file__, tensors, config)


if __name__ == "__main__":
    main()
