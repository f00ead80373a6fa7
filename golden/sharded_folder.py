"""How `save_pretrained` lays out a folder in shards, with and without a variant. `sharded_folder.json` has the names of all files that it
makes of `tiny-sd15/`, with their text; the index beside shards says which tensors lie where, so that tests can make the same folder again.
"""
import json
import pathlib
import tempfile

import torch
from diffusers import StableDiffusionPipeline
from safetensors import safe_open

from reference import HERE, TINY

CASES = {"sharded": dict(max_shard_size="100KB"), "variant": dict(variant="fp16"), "sharded-variant": dict(max_shard_size="150KB", variant="fp16")}
PARTS = {"unet": 3, "vae": 3, "text_encoder": 2}


def layout(folder):
    """Every file of the parts with weights, and the index of the whole: text as it is, `None` for tensors."""
    found = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = file.relative_to(folder).as_posix()
        if name.split("/")[0] not in PARTS and name != "model_index.json":
            continue
        if file.suffix == ".safetensors":
            with safe_open(file, "pt") as stored:
                found[name] = None
                assert {stored.get_tensor(key).dtype for key in stored.keys()} == {torch.float16}
        else:
            found[name] = json.loads(file.read_text())
            found[name].pop("_name_or_path", None)
    return found


def main():
    pipeline = StableDiffusionPipeline.from_pretrained(TINY, dtype=torch.float16)
    layouts = {}
    for case, options in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            if "max_shard_size" in options:
                # The whole pipeline does not hand the size on to the encoder of text, so that parts are saved one by one.
                pipeline.save_pretrained(folder, variant=options.get("variant"))
                for part in PARTS:
                    for old in (pathlib.Path(folder) / part).glob("*.safetensors*"):
                        old.unlink()
                    getattr(pipeline, part).save_pretrained(f"{folder}/{part}", **options)
            else:
                pipeline.save_pretrained(folder, **options)
            layouts[case] = layout(pathlib.Path(folder))
            for part, fewest in PARTS.items():
                count = sum(name.startswith(part + "/") and name.endswith(".safetensors") for name in layouts[case])
                assert count >= fewest or "max_shard_size" not in options, (case, part, count)
    (HERE / "sharded_folder.json").write_text(json.dumps(layouts, indent=0, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
