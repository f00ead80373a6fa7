"""Goes the whole way with the official client: dataset, upload, training, drawing at a weight, download, deletion.

`python leonardo.py http://127.0.0.1:PORT PICTURE...`, where `leonardo-ai-sdk` is installed and ATELIER_TOKEN is a token.
Objects with an unknown word in them become unset without a complaint, so that every assertion is on parsed fields.
"""

import json
import os
import struct
import sys
import time

import httpx
from leonardo_ai_sdk import LeonardoAiSDK

server, pictures = sys.argv[1], sys.argv[2:]
sdk = LeonardoAiSDK(server_url=f"{server}/api/rest/v1", bearer_auth=os.environ["ATELIER_TOKEN"])


def word(status):
    return getattr(status, "value", status)


def until(what, read):
    for _ in range(1800):
        one = read()
        assert word(one.status) in ("PENDING", "COMPLETE", "FAILED"), f"{what}: {one}"
        if word(one.status) != "PENDING":
            assert word(one.status) == "COMPLETE", f"{what}: {one}"
            return one
        time.sleep(0.2)
    raise AssertionError(f"{what} takes too long")


def refused(status, call):
    try:
        call()
    except Exception as error:  # The SDK names the class differently from version to version.
        assert getattr(error, "status_code", None) == status, error
        assert isinstance(json.loads(error.body)["error"], str)
    else:
        raise AssertionError("it was not refused")


user = sdk.user.get_user_self().object.user_details[0]
assert isinstance(user.user.id, str) and user.api_subscription_tokens > 0

dataset = sdk.dataset.create_dataset(request={"name": "leonardo blobs"}).object.insert_datasets_one.id
for picture in pictures:
    announced = sdk.dataset.upload_dataset_image(dataset_id=dataset, request_body={"extension": "png"})
    upload = announced.object.upload_dataset_image
    content = open(picture, "rb").read()
    sent = httpx.post(upload.url, data=json.loads(upload.fields), files={"file": ("picture.png", content)})
    assert sent.status_code == 204, sent.text
    images = sdk.dataset.get_dataset_by_id(id=dataset).object.datasets_by_pk.dataset_images
    [image] = [image for image in images if image.id == upload.id]
    assert httpx.get(image.url).content == content

element = sdk.elements.create_element(
    request={
        "name": "leonardo blob",
        "dataset_id": dataset,
        "instance_prompt": "BlobV1",
        "learning_rate": 0.000001,
        "lora_focus": "Character",
        "num_train_epochs": 2,
        "sd_version": "SDXL_1_0",
    }
).object.sd_training_job.user_lora_id
assert isinstance(element, int)
trained = until("the element", lambda: sdk.elements.get_element_by_id(id=str(element)).object.user_loras_by_pk)
assert (trained.id, trained.instance_prompt) == (element, "BlobV1")
elements = sdk.elements.get_custom_elements_by_user_id(user_id=user.user.id).object.user_loras
assert any(one.id == element and word(one.status) == "COMPLETE" for one in elements)
assert [model.featured for model in sdk.models.list_platform_models().object.custom_models].count(True) == 1
assert len(sdk.elements.list_elements().object.loras) > 0

generation = sdk.image.create_generation(
    request={
        "prompt": "BlobV1 in a forest",
        "num_images": 2,
        "num_inference_steps": 10,
        "seed": 5,
        "user_elements": [{"user_lora_id": element, "weight": 0.8}],
    }
).object.sd_generation_job.generation_id
drawn = until("the generation", lambda: sdk.image.get_generation_by_id(id=generation).object.generations_by_pk)
assert (drawn.prompt, drawn.seed, len(drawn.generated_images)) == ("BlobV1 in a forest", 5, 2)
assert drawn.generation_elements[0].id == element
assert abs(drawn.generation_elements[0].weight_applied - 0.8) < 1e-6
for image in drawn.generated_images:
    answer = httpx.get(image.url)
    assert answer.headers["content-type"] == "image/png"
    assert struct.unpack(">II", answer.content[16:24]) == (drawn.image_width, drawn.image_height)
generations = sdk.image.get_generations_by_user_id(user_id=user.user.id, limit=10, offset=0).object.generations
assert any(one.id == generation for one in generations)
copied = sdk.dataset.upload_dataset_image_from_gen(
    dataset_id=dataset, request_body={"generated_image_id": drawn.generated_images[0].id}
)
assert isinstance(copied.object.upload_dataset_image_from_gen.id, str)

model = sdk.models.create_model(
    request={"name": "leonardo model", "dataset_id": dataset, "instance_prompt": "BlobV2", "strength": "VERY_LOW"}
).object.sd_training_job.custom_model_id
pending = sdk.models.get_model_by_id(id=model).object.custom_models_by_pk
assert (pending.id, word(pending.status)) == (model, "PENDING")
models = sdk.models.get_custom_models_by_user_id(user_id=user.user.id).object.custom_models
assert any(one.id == model for one in models)
assert sdk.models.delete_model_by_id(id=model).object.delete_custom_models_by_pk.id == model

refused(501, lambda: sdk.variation.create_variation_upscale(request={"id": drawn.generated_images[0].id}))
refused(404, lambda: sdk.elements.get_element_by_id(id="1000000"))
refused(501, lambda: sdk.image.create_generation(request={"init_image_id": dataset}))
assert sdk.image.delete_generation_by_id(id=generation).object.delete_generations_by_pk.id == generation
assert sdk.elements.delete_element_by_id(id=str(element)).object.delete_user_loras_by_pk.id == element
assert sdk.dataset.delete_dataset_by_id(id=dataset).object.delete_datasets_by_pk.id == dataset
refused(404, lambda: sdk.image.get_generation_by_id(id=generation))
refused(404, lambda: sdk.elements.get_element_by_id(id=str(element)))
refused(404, lambda: sdk.dataset.get_dataset_by_id(id=dataset))
print("PyPI leonardo-ai-sdk: the whole way")
