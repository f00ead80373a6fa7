// Brings removed pictures back. Older versions keep their files, so these are fetched and added again with their captions
// and crops; they come in at the end.

import { getImageFile } from '../../api/calls/datasets';
import type { Image } from '../../api/model';
import type { Picked } from '../../upload/picked';

/** The files of an upload that adds the images; each lies in a folder of its own, as names of several versions may be alike. */
export async function filesOf(
  dataset: string,
  images: Image[],
  get: typeof getImageFile = getImageFile,
): Promise<Picked[]> {
  const files: Picked[] = [];
  for (const [at, image] of images.entries()) {
    const add = (name: string, content: BlobPart, type: string) =>
      files.push({ path: `${at}/${name}`, file: new File([content], name, { type }) });
    const picture = await get(dataset, image.id);
    add(image.file_name, picture, picture.type);
    add(`${image.file_name.replace(/\.[^.]*$/, '')}.txt`, image.caption, 'text/plain');
    if (image.crop) {
      const crops = { format: 1, crops: { [image.file_name]: image.crop } };
      add('crops.json', JSON.stringify(crops), 'application/json');
    }
  }
  return files;
}
