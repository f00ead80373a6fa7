import { describe, expect, it } from 'vitest';
import type { PictureWithRecipe } from '../../../src/lib/api/model';
import { toldBy } from '../../../src/lib/drawing/gallery/recipe';

const told = (recipe: unknown) => toldBy({ recipe } as Pick<PictureWithRecipe, 'recipe'>);

describe('a recipe', () => {
  it('says how a picture was drawn whose drawing is private', () => {
    const request = { prompt: 'a cat', negative: '', steps: 20, sampler: 'ddim', guidance: 5 };
    const adapters = [{ name: 'blob', strength: 0.8, sha256: 'x' }];
    expect(told({ request, base: { name: 'atelier-mini', hash: 'y' }, adapters })).toMatchObject({
      prompt: 'a cat',
      negative: '',
      base: 'atelier-mini',
      steps: 20,
      adapters: [{ name: 'blob', strength: 0.8 }],
    });
  });

  it('that is another one says nothing', () => {
    for (const recipe of [{}, { request: null }, { request: { prompt: 1, steps: 2 } }]) {
      expect(told(recipe)).toBeUndefined();
    }
    expect(told({ request: { prompt: 'a', steps: 1 } })?.adapters).toEqual([]);
  });
});
