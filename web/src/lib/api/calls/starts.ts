// The calls that concern pictures to draw over.

import { client, dataOf } from '../client';
import type { StartPicture } from '../model';
import { sendForm } from '../../upload/send';
import { START_URL } from './addresses';

/** Sends a picture, so that drawings can start from it, or use it as a mask. */
export function sendStart(file: File, signal: AbortSignal): Promise<StartPicture> {
  const body = new FormData();
  body.append('file', file, file.name);
  return sendForm(START_URL, body, () => undefined, signal);
}

/** Makes a start of a drawn picture. */
export function startFromPicture(picture: string): Promise<StartPicture> {
  return dataOf(client.POST('/api/v1/start-pictures/from-library', { body: { picture } }));
}
