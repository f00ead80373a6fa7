// Sends files. `fetch` does not tell how much was sent, so this uses the older way.

import { access } from '../api/access.svelte';
import { uploadUrl } from '../api/calls/addresses';
import { connection } from '../api/connection.svelte';
import { ApiError, failureOf, unreachable } from '../api/error';
import type { Uploaded } from '../api/model';
import type { Picked } from './picked';
import { SilenceWatch } from '../api/time_limit';

const MOST_SILENCE_MS = 60_000;

export function sendUpload(
  dataset: string,
  files: Picked[],
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<Uploaded> {
  const body = new FormData();
  for (const { path, file } of files) body.append('files', file, path);
  return sendForm(uploadUrl(dataset), body, onProgress, signal);
}

/** Where a login is needed first, it waits for that and sends the form again. */
export async function sendForm<T>(
  address: string,
  body: FormData,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<T> {
  for (;;) {
    const { session } = access;
    try {
      return await sendOnce<T>(address, body, onProgress, signal);
    } catch (thrown) {
      if (!(thrown instanceof ApiError) || thrown.status !== 401) throw thrown;
    }
    onProgress(0);
    await access.reopened(session, signal);
  }
}

function sendOnce<T>(
  address: string,
  body: FormData,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<T> {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    let isSent = false;
    // While files are read nothing comes, and it is enough that the server answers others.
    const watch = new SilenceWatch(MOST_SILENCE_MS, lost, () => isSent && !connection.isLost);
    function lost() {
      // A server that refuses a body early closes the connection, so it is asked before it is called lost.
      void connection.ask();
      failed(unreachable());
      request.abort();
    }
    request.open('POST', address);
    for (const [name, value] of Object.entries(access.headers('POST'))) request.setRequestHeader(name, value);
    request.responseType = 'json';
    request.upload.onprogress = (event) => {
      watch.heard();
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    };
    request.upload.onload = () => {
      isSent = true;
    };
    request.onloadend = () => watch.stop();
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) return done(request.response as T);
      const failure = failureOf(request.status, request.response);
      if (failure.isUnreachable) connection.lost();
      failed(failure);
    };
    request.onerror = lost;
    request.onabort = () => failed(new DOMException('cancelled', 'AbortError'));
    signal.addEventListener('abort', () => request.abort(), { once: true });
    request.send(body);
  });
}
