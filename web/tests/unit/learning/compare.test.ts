import { describe, expect, it } from 'vitest';
import { absentWords, chosenAmong } from '../../../src/lib/runs/compare/comparison';

describe('the runs of an address', () => {
  const runs = ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => ({ id }));

  it('are chosen where they are in the library', () => {
    expect(chosenAmong(['a', 'gone', 'b'], runs)).toEqual({ chosen: ['a', 'b'], absent: ['gone'] });
    expect(chosenAmong(['a', 'b', 'c', 'd', 'e', 'f'], runs).chosen).toHaveLength(5);
    // Until the library is known, none is called absent.
    expect(chosenAmong(['a'], undefined)).toEqual({ chosen: [], absent: [] });
  });

  it('are said to be in the trash or gone', () => {
    const trash = [
      { id: 'x', name: 'Ink-1' },
      { id: 'y', name: 'Ink-2' },
    ];
    expect(absentWords(['x'], trash)).toBe('“Ink-1” is in the trash.');
    expect(absentWords(['x', 'y', 'z'], trash)).toBe(
      '“Ink-1”, “Ink-2” are in the trash. 1 run of this address is not in the library.',
    );
    expect(absentWords(['z', 'w'], trash)).toBe('2 runs of this address are not in the library.');
  });
});
