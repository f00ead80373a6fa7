// The calls that concern runs.

import { client, dataOf } from '../client';
import { exactJson } from '../exact';
import type { ComparedRuns, Run, RunAndJob, RunLosses, RunPreviews, RunWithCheckpoints } from '../model';
import { wholeList } from '../pages';

const one = '/api/v1/runs/{run}' as const;
const at = (run: string) => ({ params: { path: { run } } });

/** Every run, or every one in the trash, newest first. */
export function listRuns(trash: boolean, signal?: AbortSignal): Promise<Run[]> {
  return wholeList(async (page) => {
    const list = await dataOf(client.GET('/api/v1/runs', { params: { query: { ...page, trash } }, signal }));
    return { items: list.runs, total: list.total };
  });
}

/** A large seed in its settings is the text of its digits. */
export async function getRun(run: string, signal?: AbortSignal): Promise<RunWithCheckpoints> {
  const text = await dataOf(client.GET(one, { ...at(run), signal, parseAs: 'text' }));
  return exactJson(text) as RunWithCheckpoints;
}

/** The losses of its saved steps, thinned to so many points. */
export function listLosses(run: string, points: number, signal?: AbortSignal): Promise<RunLosses> {
  const params = { path: { run }, query: { points } };
  return dataOf(client.GET(`${one}/losses`, { params, signal }));
}

/** What its checkpoints draw. */
export function listPreviews(run: string, signal?: AbortSignal): Promise<RunPreviews> {
  return dataOf(client.GET(`${one}/previews`, { ...at(run), signal }));
}

/** A large seed among the settings is the text of its digits. */
export async function compareRuns(ids: string[], signal?: AbortSignal): Promise<ComparedRuns> {
  const params = { query: { ids: ids.join(',') } };
  const text = await dataOf(client.GET('/api/v1/runs/compare', { params, signal, parseAs: 'text' }));
  return exactJson(text) as ComparedRuns;
}

export function stopRun(run: string): Promise<RunAndJob> {
  return dataOf(client.POST(`${one}/stop`, at(run)));
}

export function resumeRun(run: string): Promise<RunAndJob> {
  return dataOf(client.POST(`${one}/resume`, at(run)));
}

export function deleteRun(run: string): Promise<Run> {
  return dataOf(client.DELETE(one, at(run)));
}

export function restoreRun(run: string): Promise<Run> {
  return dataOf(client.POST(`${one}/restore`, at(run)));
}
