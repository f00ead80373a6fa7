// The calls that concern trainings before they are runs.

import { client, dataOf } from '../client';
import { exactJson } from '../exact';
import type {
  Base,
  Category,
  PlannedTraining,
  RunAndJob,
  SettingsSchema,
  TrainingRequest,
  WordFinding,
} from '../model';

export async function listBases(signal?: AbortSignal): Promise<Base[]> {
  return (await dataOf(client.GET('/api/v1/bases', { signal }))).bases;
}

/** What is to be known about a trigger word, the worst first. */
export async function judgeTrigger(
  word: { word: string; category: Category; dataset?: string },
  signal?: AbortSignal,
): Promise<WordFinding[]> {
  return (await dataOf(client.POST('/api/v1/trigger-words/judge', { body: word, signal }))).findings;
}

export function getSettingsSchema(signal?: AbortSignal): Promise<SettingsSchema> {
  return dataOf(client.GET('/api/v1/settings/schema', { signal }));
}

/** A large seed among its settings is the text of its digits. */
export async function planTraining(body: TrainingRequest, signal?: AbortSignal): Promise<PlannedTraining> {
  const text = await dataOf(client.POST('/api/v1/trainings/plan', { body, signal, parseAs: 'text' }));
  return exactJson(text) as PlannedTraining;
}

export function startTraining(body: TrainingRequest): Promise<RunAndJob> {
  return dataOf(client.POST('/api/v1/trainings', { body }));
}
