// What the server says of itself.

import { client, dataOf } from '../client';
import type { ServerAbout } from '../model';

export function getAbout(signal?: AbortSignal): Promise<ServerAbout> {
  return dataOf(client.GET('/api/v1/about', { signal }));
}
