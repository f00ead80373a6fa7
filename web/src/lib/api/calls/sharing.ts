// Who sees what: everything is private until it is shared with the studio.

import { client, dataOf } from '../client';
import type { Dataset, Model, Picture, Run } from '../model';

const body = (shared: boolean) => ({ shared });

export function shareDataset(dataset: string, shared: boolean): Promise<Dataset> {
  const params = { path: { dataset } };
  return dataOf(client.PUT('/api/v1/datasets/{dataset}/shared', { params, body: body(shared) }));
}

export function shareRun(run: string, shared: boolean): Promise<Run> {
  const params = { path: { run } };
  return dataOf(client.PUT('/api/v1/runs/{run}/shared', { params, body: body(shared) }));
}

export function shareModel(model: string, shared: boolean): Promise<Model> {
  const params = { path: { model } };
  return dataOf(client.PUT('/api/v1/models/{model}/shared', { params, body: body(shared) }));
}

export function sharePicture(picture: string, shared: boolean): Promise<Picture> {
  const params = { path: { picture } };
  return dataOf(client.PUT('/api/v1/pictures/{picture}/shared', { params, body: body(shared) }));
}
