import { describe, expect, it } from 'vitest';
import { dependentsOfDataset, dependentsOfModel, dependentsOfRun } from '../../src/lib/words/dependents';

describe('what depends on something that is deleted', () => {
  const of = (run_total: number, model_total: number) =>
    dependentsOfDataset({ run_total, model_total, runs: [], models: [] });

  it('is nothing where nothing does', () => {
    expect([of(0, 0), dependentsOfRun([]), dependentsOfModel(0, 0)]).toEqual(['', '', '']);
  });

  it('is said of a dataset', () => {
    expect(of(1, 0)).toBe('1 run trained on it. It stays.');
    expect(of(1, 1)).toBe('1 run trained on it, and 1 model came of that. They stay.');
    expect(of(3, 2)).toBe('3 runs trained on it, and 2 models came of its runs. They stay.');
    expect(of(0, 1)).toBe('1 model came of its runs. It stays.');
  });

  it('is said of a run', () => {
    expect(dependentsOfRun([{ name: 'a' }])).toBe('1 model was made of it: “a”. It stays.');
    expect(dependentsOfRun([{ name: 'a' }, { name: 'b' }])).toBe(
      '2 models were made of it: “a”, “b”. They stay.',
    );
  });

  it('is said of a model', () => {
    expect(dependentsOfModel(1, 0)).toBe('1 picture was drawn with it. It stays.');
    expect(dependentsOfModel(12, 1)).toBe(
      '12 pictures were drawn with it. They stay. 1 drawing in the queue still needs it.',
    );
  });
});
