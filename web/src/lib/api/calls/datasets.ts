// The calls that concern datasets.

import { client, dataOf } from '../client';
import { wholeList } from '../pages';
import type {
  CreateDataset,
  Dataset,
  Dependents,
  Difference,
  EditDataset,
  UpdateDataset,
  Version,
  VersionAbout,
} from '../model';

/** Browsers take 64 KiB; a character has up to four bytes. */
const MOST_KEPT_ALIVE = 16_000;
const one = '/api/v1/datasets/{dataset}' as const;

/** Every dataset, or every one in the trash, newest change first. */
export async function listDatasets(trash: boolean, signal?: AbortSignal): Promise<Dataset[]> {
  return wholeList(async (page) => {
    const query = { ...page, trash };
    const list = await dataOf(client.GET('/api/v1/datasets', { params: { query }, signal }));
    return { items: list.datasets, total: list.total };
  });
}

export function getDataset(dataset: string, signal?: AbortSignal): Promise<Dataset> {
  return dataOf(client.GET(one, { params: { path: { dataset } }, signal }));
}

export function createDataset(body: CreateDataset): Promise<Dataset> {
  return dataOf(client.POST('/api/v1/datasets', { body }));
}

export function updateDataset(dataset: string, body: UpdateDataset): Promise<Dataset> {
  return dataOf(client.PATCH(one, { params: { path: { dataset } }, body }));
}

export function deleteDataset(dataset: string): Promise<Dataset> {
  return dataOf(client.DELETE(one, { params: { path: { dataset } } }));
}

export function restoreDataset(dataset: string): Promise<Dataset> {
  return dataOf(client.POST(`${one}/restore`, { params: { path: { dataset } } }));
}

/** The runs and models that came of a dataset. */
export function listDependents(dataset: string): Promise<Dependents> {
  return dataOf(client.GET(`${one}/dependents`, { params: { path: { dataset } } }));
}

export async function listVersions(dataset: string, signal?: AbortSignal): Promise<VersionAbout[]> {
  const list = await dataOf(client.GET(`${one}/versions`, { params: { path: { dataset } }, signal }));
  return list.versions;
}

export function getVersion(dataset: string, version: string, signal?: AbortSignal): Promise<Version> {
  return dataOf(client.GET(`${one}/versions/{version}`, { params: { path: { dataset, version } }, signal }));
}

export function compareVersions(
  dataset: string,
  from: number,
  to: number,
  signal?: AbortSignal,
): Promise<Difference> {
  const params = { path: { dataset }, query: { from, to } };
  return dataOf(client.GET(`${one}/diff`, { params, signal }));
}

/** Makes one version with these edits. */
export function editDataset(
  dataset: string,
  body: EditDataset,
): Promise<{ dataset: Dataset; version: Version }> {
  // It arrives also when the page is left meanwhile, as far as browsers promise that.
  const keepalive = JSON.stringify(body).length < MOST_KEPT_ALIVE;
  return dataOf(client.POST(`${one}/edits`, { params: { path: { dataset } }, body, keepalive }));
}

/** The file of a picture as it was added. */
export function getImageFile(dataset: string, image: string): Promise<Blob> {
  const params = { path: { dataset, image } };
  return dataOf(client.GET(`${one}/images/{image}/file`, { params, parseAs: 'blob' }));
}
