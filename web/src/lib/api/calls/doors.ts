// The calls that concern what other programs' words mean here.

import { client, dataOf } from '../client';
import type { DoorMapping, DoorMappingChange } from '../model';

export function listDoorMappings(signal?: AbortSignal): Promise<DoorMapping[]> {
  return dataOf(client.GET('/api/v1/door-mappings', { signal }));
}

export function setDoorMappings(body: DoorMappingChange[]): Promise<DoorMapping[]> {
  return dataOf(client.PUT('/api/v1/door-mappings', { body }));
}
