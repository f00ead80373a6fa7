"""Token ids of words that a folder adds to its vocabulary in `added_tokens.json`, as older programs wrote it, and of words that
stand for several vectors, as diffusers' pipelines read them. Written to `added_tokens.json`."""
import json
import pathlib
import shutil
import tempfile

from diffusers.loaders import TextualInversionLoaderMixin
from transformers import CLIPTokenizer

from reference import HERE, TINY

ADDED = {"<cat-toy>": 49408, "<many>": 49409, "<many>_1": 49410, "<many>_2": 49411, "<|endoftext|>": 49407, "Sks": 49412}
STRINGS = ["a photo of <cat-toy>", "a <CAT-TOY>, sks and SKS", "<many>", "two <many><many>", "<many>_1 alone", "a<cat-toy>b <many>_2",
           "x <|endoftext|> y", "<|ENDOFTEXT|>"]


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for file in ["vocab.json", "merges.txt", "tokenizer_config.json"]:
            shutil.copy(TINY / "tokenizer" / file, folder)
        (folder / "added_tokens.json").write_text(json.dumps(ADDED))
        tokenizer = CLIPTokenizer.from_pretrained(folder)
    mixin = TextualInversionLoaderMixin()
    entries = []
    for text in STRINGS:
        prompt = mixin.maybe_convert_prompt(text, tokenizer)
        entries.append({"text": text, "ids": tokenizer(prompt, add_special_tokens=False).input_ids})
    lines = ",\n".join("    " + json.dumps(entry) for entry in entries)
    (HERE / "added_tokens.json").write_text(f'{{\n  "added": {json.dumps(ADDED)},\n  "texts": [\n{lines}\n  ]\n}}\n')
    print(f"added_tokens.json: {len(entries)} strings")


if __name__ == "__main__":
    main()
