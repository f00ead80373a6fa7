// The calls that concern fine-tuned models.

import { client, dataOf } from '../client';
import type { Lineage, Model, UpdateModel } from '../model';
import { wholeList } from '../pages';

const one = '/api/v1/models/{model}' as const;
const at = (model: string) => ({ params: { path: { model } } });

/** Every model, or every one in the trash, newest first. */
export function listModels(trash: boolean, signal?: AbortSignal): Promise<Model[]> {
  return wholeList(async (page) => {
    const query = { ...page, trash };
    const list = await dataOf(client.GET('/api/v1/models', { params: { query }, signal }));
    return { items: list.models, total: list.total };
  });
}

export function getModel(model: string, signal?: AbortSignal): Promise<Model> {
  return dataOf(client.GET(one, { ...at(model), signal }));
}

/** Makes a model of the adapter that a run wrote after an epoch. */
export function createModel(body: { run: string; epoch: number; name?: string }): Promise<Model> {
  return dataOf(client.POST('/api/v1/models', { body }));
}

/** One that is small can outlive the page. */
export function updateModel(model: string, body: UpdateModel, keepalive = false): Promise<Model> {
  return dataOf(client.PATCH(one, { ...at(model), body, keepalive }));
}

export function deleteModel(model: string): Promise<Model> {
  return dataOf(client.DELETE(one, at(model)));
}

export function restoreModel(model: string): Promise<Model> {
  return dataOf(client.POST(`${one}/restore`, at(model)));
}

/** Follows a model back to its pictures; it reads every file on the way. */
export function verifyModel(model: string): Promise<Lineage> {
  return dataOf(client.GET(`${one}/lineage`, at(model)));
}
