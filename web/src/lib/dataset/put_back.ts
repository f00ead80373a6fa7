// Brings removed pictures back. Older versions keep their files, so these are fetched and added again with their captions
// and crops; they come in at the end.

import { imageUrl } from '../api/addresses';
import { failureOf } from '../api/error';
import type { Image } from '../api/model';

export async function filesOf(dataset: string, images: Image[]): Promise<File[]> {
  const files: File[] = [];
  const crops: Record<string, Image['crop']> = {};
  for (const image of images) {
    const answer = await fetch(imageUrl(dataset, image.id));
    if (!answer.ok) throw failureOf(answer.status, await answer.json().catch(() => null));
    const picture = await answer.blob();
    files.push(new File([picture], image.file_name, { type: picture.type }));
    const stem = image.file_name.replace(/\.[^.]*$/, '');
    files.push(new File([image.caption], `${stem}.txt`, { type: 'text/plain' }));
    if (image.crop) crops[image.file_name] = image.crop;
  }
  if (Object.keys(crops).length > 0) {
    files.push(new File([JSON.stringify({ format: 1, crops })], 'crops.json', { type: 'application/json' }));
  }
  return files;
}
