// The calls that concern drawn pictures.

import { client, dataOf } from '../client';
import type { AddedPicture, Picture, PictureWithRecipe } from '../model';

const one = '/api/v1/pictures/{picture}' as const;
const at = (picture: string) => ({ params: { path: { picture } } });

export interface PicturePage {
  pictures: Picture[];
  total: number;
}

/** Some of the drawn pictures, the newest job's first. */
export function listPictures(
  query: { limit: number; offset?: number; trash?: boolean; job?: string; model?: string },
  signal?: AbortSignal,
): Promise<PicturePage> {
  return dataOf(client.GET('/api/v1/pictures', { params: { query }, signal }));
}

export function getPicture(picture: string): Promise<PictureWithRecipe> {
  return dataOf(client.GET(one, at(picture)));
}

export function deletePicture(picture: string): Promise<Picture> {
  return dataOf(client.DELETE(one, at(picture)));
}

export function restorePicture(picture: string): Promise<Picture> {
  return dataOf(client.POST(`${one}/restore`, at(picture)));
}

/** Adds a drawn picture to a dataset, as one version. */
export function addPicture(dataset: string, picture: string, caption: string): Promise<AddedPicture> {
  const params = { path: { dataset } };
  return dataOf(
    client.POST('/api/v1/datasets/{dataset}/images/from-picture', { params, body: { picture, caption } }),
  );
}
