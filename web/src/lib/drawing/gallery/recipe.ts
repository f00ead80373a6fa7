// What the recipe of a picture says, for those who do not see the drawing that it comes from.

import type { PictureWithRecipe } from '../../api/model';
import type { Sampler } from '../form';

/** How a picture was drawn. */
export interface Told {
  prompt: string;
  negative?: string | null;
  base?: string | null;
  steps: number;
  sampler?: Sampler;
  guidance?: number;
  /** Adapters by their names, with their strengths. */
  adapters: { name: string; strength: number }[];
}

/** Reads a recipe, as far as it is one that is known here. */
export function toldBy(picture: Pick<PictureWithRecipe, 'recipe'>): Told | undefined {
  const { request, base, adapters } = picture.recipe as Partial<Record<string, unknown>>;
  const { prompt, negative, steps, sampler, guidance } = (request ?? {}) as Partial<Told>;
  if (typeof prompt !== 'string' || typeof steps !== 'number') return undefined;
  const { name } = (base ?? {}) as { name?: string };
  const all = (Array.isArray(adapters) ? adapters : []) as Told['adapters'];
  return { prompt, negative, base: name, steps, sampler, guidance, adapters: all };
}
