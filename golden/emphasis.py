"""Weighted prompts on the text encoder of `tiny-sd15`: token ids, weights, and states before and after the weighting.

The fragments are written here by hand, so that no parser is needed: a list of chunks, each a list of (text, weight).
`emphasis.safetensors` holds each prompt's text in its metadata.
"""
import torch
from transformers import CLIPTextModel, CLIPTokenizer

from reference import TINY, save

LENGTH = 77
FIRST = [(f"word{i}, ", 1.0) for i in range(22)]
CASES = {
    "plain": ("a photo of a cat", [[("a photo of a cat", 1.0)]]),
    "weighted": ("a (red:1.5) cat, ((big)) [tree]",
                 [[("a ", 1.0), ("red", 1.5), (" cat, ", 1.0), ("big", 1.1 * 1.1), (" ", 1.0), ("tree", 1 / 1.1)]]),
    "crossed": (r"(a \(b\) (c:0.5) [d]", [[("a (b) ", 1.1), ("c", 0.5 * 1.1), (" ", 1.1), ("d", 1.0)]]),
    "negative": ("(noise:-0.7), (blur:0)", [[("noise", -0.7), (", ", 1.0), ("blur", 0.0)]]),
    "breaks": ("a cat BREAK (a dog BREAK night:1.4)", [[("a cat", 1.0)], [("a dog", 1.4)], [("night", 1.4)]]),
    # 22 words with commas are 78 tokens: the chunk ends at its last comma, after 74, and what began behind it moves on.
    "long": ("".join(text for text, _ in FIRST) + "(a green hill:1.3)",
             [FIRST[:21], [FIRST[21], ("a green hill", 1.3)]]),
}


def tokens(tokenizer, fragments):
    """Ids and weights of one chunk, opened, closed and filled up."""
    ids, weights = [tokenizer.bos_token_id], [1.0]
    for text, weight in fragments:
        found = tokenizer(text, add_special_tokens=False).input_ids
        ids += found
        weights += [weight] * len(found)
    assert len(ids) <= LENGTH - 1, f"{len(ids) - 1} tokens do not fit"
    ids.append(tokenizer.eos_token_id)
    fill = LENGTH - len(ids)
    return ids + [tokenizer.pad_token_id] * fill, weights + [1.0] * (fill + 1)


def main():
    tokenizer = CLIPTokenizer.from_pretrained(TINY / "tokenizer")
    model = CLIPTextModel.from_pretrained(TINY / "text_encoder", torch_dtype=torch.float32).eval()
    tensors, config = {}, {}
    for name, (text, chunks) in CASES.items():
        pairs = [tokens(tokenizer, fragments) for fragments in chunks]
        ids = torch.tensor([pair[0] for pair in pairs])
        weights = torch.tensor([pair[1] for pair in pairs])
        with torch.no_grad():
            states = model(ids).last_hidden_state
        weighted = []
        for state, weight in zip(states.double(), weights.double()):
            scaled = state * weight[:, None]
            weighted.append(scaled * (state.mean() / scaled.mean()))
        tensors[f"{name}.ids"] = ids.to(torch.int32)
        tensors[f"{name}.weights"] = weights
        tensors[f"{name}.states"] = states
        tensors[f"{name}.weighted"] = torch.cat(weighted)[None].float()
        config[name] = {"prompt": text}
    save(__file__, tensors, config)


if __name__ == "__main__":
    main()
