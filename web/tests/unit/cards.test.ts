import { expect, it } from 'vitest';
import type { Version } from '../../src/lib/api/model';
import { hungImages } from '../../src/lib/cards/hung';
import { image } from './library';

it('reads each version once for its card, and again after a failure', async () => {
  const asked: string[] = [];
  const failures = [new Error('gone')];
  const get = async (dataset: string, version: string) => {
    asked.push(`${dataset} ${version}`);
    const failure = failures.pop();
    if (failure) throw failure;
    return { images: Array.from({ length: 10 }, (_, at) => image(String(at), '')) } as Version;
  };
  await expect(hungImages({ id: 'a', version: 1 }, get)).rejects.toThrow('gone');
  for (let times = 0; times < 3; times++) {
    expect(await hungImages({ id: 'a', version: 1 }, get)).toEqual(['0', '2', '4', '6', '8']);
  }
  await hungImages({ id: 'a', version: 2 }, get);
  expect(asked).toEqual(['a 1', 'a 1', 'a 2']);
});
