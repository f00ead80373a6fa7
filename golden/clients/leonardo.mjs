// Goes the whole way with the official client: dataset, upload, training, drawing at a weight, download, deletion.
// `node leonardo.mjs http://127.0.0.1:PORT PICTURE...`, where `@leonardo-ai/sdk` is found in NODE_PATH's folder
// and ATELIER_TOKEN is a token.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";

const found = createRequire(`${process.env.NODE_PATH}/`).resolve("@leonardo-ai/sdk");
const { Leonardo } = await import(pathToFileURL(found).href);
const [server, ...pictures] = process.argv.slice(2);
const sdk = new Leonardo({ serverURL: `${server}/api/rest/v1`, bearerAuth: process.env.ATELIER_TOKEN });

async function until(what, read) {
  for (let at = 0; at < 1800; at++) {
    const one = await read();
    assert.ok(["PENDING", "COMPLETE", "FAILED"].includes(one.status), `${what}: ${one.status}`);
    if (one.status !== "PENDING") {
      assert.equal(one.status, "COMPLETE", `${what}: ${JSON.stringify(one)}`);
      return one;
    }
    await sleep(200);
  }
  assert.fail(`${what} takes too long`);
}

async function refused(status, call) {
  const error = await call.then(() => assert.fail("it was not refused"), (error) => error);
  assert.equal(error.statusCode, status, String(error));
  assert.equal(typeof JSON.parse(error.body).error, "string");
}

const user = (await sdk.user.getUserSelf()).object.userDetails[0];
assert.equal(typeof user.user.id, "string");
assert.ok(user.apiSubscriptionTokens > 0);

const made = await sdk.dataset.createDataset({ name: "leonardo blobs", description: "by npm" });
const dataset = made.object.insertDatasetsOne.id;
for (const picture of pictures) {
  const announced = await sdk.dataset.uploadDatasetImage({ extension: "png" }, dataset);
  const { id, url, fields } = announced.object.uploadDatasetImage;
  const form = new FormData();
  for (const [name, value] of Object.entries(JSON.parse(fields))) form.append(name, value);
  form.append("file", new Blob([await readFile(picture)]), "picture.png");
  assert.equal((await fetch(url, { method: "POST", body: form })).status, 204);
  const images = (await sdk.dataset.getDatasetById(dataset)).object.datasetsByPk.datasetImages;
  const image = images.find((image) => image.id === id);
  assert.deepEqual(Buffer.from(await (await fetch(image.url)).arrayBuffer()), await readFile(picture));
}

const started = await sdk.elements.createElement({
  name: "leonardo blob",
  datasetId: dataset,
  instancePrompt: "BlobV1",
  learningRate: 0.000001,
  loraFocus: "Character",
  numTrainEpochs: 2,
  sdVersion: "SDXL_1_0",
});
const element = started.object.sdTrainingJob.userLoraId;
assert.ok(Number.isInteger(element));
const trained = await until("the element", async () => (await sdk.elements.getElementById(element)).object.userLorasByPk);
assert.equal(trained.id, element);
assert.equal(trained.instancePrompt, "BlobV1");
const elements = (await sdk.elements.getCustomElementsByUserId(user.user.id)).object.userLoras;
assert.ok(elements.some((one) => one.id === element && one.status === "COMPLETE"));
const platform = (await sdk.models.listPlatformModels()).object.customModels;
assert.equal(platform.filter((model) => model.featured).length, 1);
const loras = (await sdk.elements.listElements()).object.loras;
assert.ok(loras.length > 0);

const asked = await sdk.image.createGeneration({
  prompt: "BlobV1 in a forest",
  numImages: 2,
  numInferenceSteps: 10,
  seed: 5,
  userElements: [{ userLoraId: element, weight: 0.8 }],
});
const generation = asked.object.sdGenerationJob.generationId;
const drawn = await until("the generation", async () => (await sdk.image.getGenerationById(generation)).object.generationsByPk);
assert.equal(drawn.prompt, "BlobV1 in a forest");
assert.equal(drawn.seed, 5);
assert.equal(drawn.generationElements[0].id, element);
assert.ok(Math.abs(drawn.generationElements[0].weightApplied - 0.8) < 1e-6);
assert.equal(drawn.generatedImages.length, 2);
for (const image of drawn.generatedImages) {
  const answer = await fetch(image.url);
  assert.equal(answer.headers.get("content-type"), "image/png");
  const bytes = Buffer.from(await answer.arrayBuffer());
  assert.equal(bytes.readUInt32BE(16), drawn.imageWidth);
  assert.equal(bytes.readUInt32BE(20), drawn.imageHeight);
}
const all = (await sdk.image.getGenerationsByUserId(user.user.id, 10, 0)).object.generations;
assert.ok(all.some((one) => one.id === generation));
const copied = await sdk.dataset.uploadDatasetImageFromGen({ generatedImageId: drawn.generatedImages[0].id }, dataset);
assert.equal(typeof copied.object.uploadDatasetImageFromGen.id, "string");

const model = (await sdk.models.createModel({ name: "leonardo model", datasetId: dataset, instancePrompt: "BlobV2", strength: "VERY_LOW" }))
  .object.sdTrainingJob.customModelId;
const pending = (await sdk.models.getModelById(model)).object.customModelsByPk;
assert.equal(pending.id, model);
assert.equal(pending.status, "PENDING");
assert.ok((await sdk.models.getCustomModelsByUserId(user.user.id)).object.customModels.some((one) => one.id === model));
assert.equal((await sdk.models.deleteModelById(model)).object.deleteCustomModelsByPk.id, model);

await refused(501, sdk.variation.createVariationUpscale({ id: drawn.generatedImages[0].id }));
await refused(404, sdk.elements.getElementById(1_000_000));
await refused(501, sdk.image.createGeneration({ initImageId: dataset }));
assert.equal((await sdk.image.deleteGenerationById(generation)).object.deleteGenerationsByPk.id, generation);
assert.equal((await sdk.elements.deleteElementById(element)).object.deleteUserLorasByPk.id, element);
assert.equal((await sdk.dataset.deleteDatasetById(dataset)).object.deleteDatasetsByPk.id, dataset);
await refused(404, sdk.image.getGenerationById(generation));
await refused(404, sdk.elements.getElementById(element));
await refused(404, sdk.dataset.getDatasetById(dataset));
console.log("npm @leonardo-ai/sdk: the whole way");
