"""Draws with the client of AUTOMATIC1111's web interface: from words with an adapter, over a picture, with a mask; looks at
progress, interrupts, sets options, reads what a picture says, and lists what there is.

`python a1111.py http://127.0.0.1:PORT PICTURE...`, where `webuiapi` is installed and ATELIER_TOKEN is a token. Needs a model in the library, which the
scripts of Leonardo.Ai's clients leave in the trash; so it trains one by this studio's own API.
"""

import os
import sys
import threading
import time
import uuid

import requests
import webuiapi
from PIL import Image, ImageChops

server, pictures = sys.argv[1], sys.argv[2:]
token = os.environ["ATELIER_TOKEN"]


def call(method, path, **how):
    answer = requests.request(
        method, f"{server}/api/v1{path}", headers={"Authorization": f"Bearer {token}"}, **how
    )
    assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.json()


def until(what, read):
    for _ in range(3000):
        if read():
            return
        time.sleep(0.1)
    raise AssertionError(f"{what} takes too long")


def trained():
    """The name of a new model."""
    dataset = call("POST", "/datasets", json={"name": f"a1111 {uuid.uuid4()}", "trigger_word": "BlobV3"})["id"]
    files = [("files", (f"{at}.png", open(path, "rb").read())) for at, path in enumerate(pictures)]
    call("POST", f"/datasets/{dataset}/images", files=files)
    started = call("POST", "/trainings", json={"dataset": dataset, "settings": {"epochs": 1}})
    job, run = started["job"]["id"], started["run"]["id"]
    until("the training", lambda: call("GET", f"/jobs/{job}")["state"] in ("completed", "failed"))
    model = call("GET", f"/runs/{run}")["model"]
    assert model, call("GET", f"/jobs/{job}")
    return call("GET", f"/models/{model}")["name"]


def refused(status, act):
    try:
        act()
    except RuntimeError as error:
        assert error.args[0] == status, error
        assert "detail" in error.args[1], error
    else:
        raise AssertionError("it was not refused")


def client(password, **how):
    """A client that shows the token in place of a password."""
    return webuiapi.WebUIApi(baseurl=f"{server}/sdapi/v1", username="any", password=password, **how)


api = client(token, sampler="Euler a", steps=8)
model = trained()

# Lists.
assert api.util_get_model_names() == [api.util_get_current_model()]
assert "Euler a" in api.util_get_sampler_names() and "karras" in api.util_get_scheduler_names()
[lora] = [lora for lora in api.get_loras() if lora["name"] == model]
assert lora["metadata"]["trigger_word"] == "BlobV3"
for names in (
    api.get_sd_vae(),
    api.get_upscalers(),
    api.get_latent_upscale_modes(),
    api.get_hypernetworks(),
    api.get_face_restorers(),
    api.get_realesrgan_models(),
    api.get_prompt_styles(),
):
    assert names == []
assert api.get_scripts() == {"txt2img": [], "img2img": []} and not api.has_controlnet
assert "loaded" in api.get_embeddings() and "ram" in api.get_memory() and api.get_cmd_flags()["api"]
api.refresh_checkpoints()

# From words, with an adapter whose strength matters.
wanted = {"width": 64, "height": 64, "seed": 5, "negative_prompt": "a dog"}
with_adapter = api.txt2img(prompt=f"BlobV3 in a forest <lora:{model}:0.8>", batch_size=2, **wanted)
assert [image.size for image in with_adapter.images] == [(64, 64), (64, 64)]
assert with_adapter.info["all_seeds"] == [5, 6] and with_adapter.parameters["steps"] == 8
assert f"<lora:{model}:0.8>" in with_adapter.info["infotexts"][0]
assert "Sampler: Euler a" in with_adapter.info["infotexts"][0]
without = api.txt2img(prompt="BlobV3 in a forest", **wanted)
assert ImageChops.difference(with_adapter.image, without.image).getbbox()
again = api.txt2img(prompt="BlobV3 in a forest", **wanted)
assert not ImageChops.difference(again.image, without.image).getbbox()
karras = api.txt2img(prompt="a cat", sampler_name="DPM++ 2M", scheduler="karras", **wanted)
assert "Schedule type: Karras" in karras.info["infotexts"][0]
anyhow = api.txt2img(prompt="a cat", width=64, height=64)
assert anyhow.info["seed"] >= 0

# What the picture says about itself.
told = api.png_info(with_adapter.images[1])
assert told.info == with_adapter.info["infotexts"][1]
assert told.parameters["Seed"] == "6" and told.parameters["Size-1"] == "64"

# Over a picture, wholly and behind a mask.
start = Image.open(pictures[0]).convert("RGB").resize((64, 64))
over = api.img2img(images=[start], prompt="a red fox", denoising_strength=0.6, width=64, height=64, seed=1)
assert over.image.size == (64, 64) and over.info["denoising_strength"] == 0.6
mask = Image.new("L", (64, 64), 0)
mask.paste(255, (0, 0, 64, 32))
halves = {"upper": (0, 0, 64, 24), "lower": (0, 40, 64, 64)}
for invert, kept in ((0, "lower"), (1, "upper")):
    masked = api.img2img(
        images=[start], mask_image=mask, inpainting_mask_invert=invert, prompt="a red fox",
        denoising_strength=0.9, width=64, height=64, seed=1,
    )

    def change(half):
        """How far this half is from the picture that was drawn over."""
        both = (masked.image.convert("RGB").crop(halves[half]), start.crop(halves[half]))
        histogram = ImageChops.difference(*both).convert("L").histogram()
        return sum(level * count for level, count in enumerate(histogram))

    other = "upper" if kept == "lower" else "lower"
    assert change(kept) < change(other), (invert, change(kept), change(other))

# Progress, and an end before the end.
answers = []
slow = {"prompt": "a cat", "steps": 200, "width": 256, "height": 256, "n_iter": 16}
thread = threading.Thread(target=lambda: answers.append(api.txt2img(**slow)))
thread.start()
other = client(token)
until("the drawing", lambda: other.get_progress()["progress"] > 0)
progress = other.get_progress()
assert progress["state"]["job_count"] == 16 and progress["progress"] < 1
other.interrupt()
thread.join()
assert answers[0].images == [] and answers[0].info["atelier"]["is_cancelled"]
other.util_wait_for_ready(check_interval=0.1)

# Options.
current = api.util_get_current_model()
api.util_set_model(current.upper())
assert api.util_get_current_model() == current
api.set_options({"CLIP_stop_at_last_layers": 2})
assert api.get_options()["CLIP_stop_at_last_layers"] == 2
api.set_options({"CLIP_stop_at_last_layers": 1})

# What is not there.
refused(501, lambda: api.txt2img(prompt="a cat", enable_hr=True))
refused(501, lambda: api.txt2img(prompt="a cat", restore_faces=True))
refused(422, lambda: api.txt2img(prompt="a cat", sampler_name="Restart"))
refused(501, lambda: api.extra_single_image(start, upscaler_1=webuiapi.Upscaler.Lanczos))
refused(501, lambda: api.interrogate(start))
refused(501, lambda: api.img2img(images=[start, start], prompt="a cat", width=64, height=64))
refused(401, lambda: client("any").txt2img(prompt="a cat"))
print("PyPI webuiapi: the whole way")
