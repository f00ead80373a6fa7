// The strength of a model: how far it goes, from the base alone to beyond what was trained.

export const MOST_STRENGTH = 1.5;
export const STRENGTH_STEP = 0.05;

/** What a strength does, in a few words. */
export function strengthWords(strength: number): string {
  if (strength <= 0) return 'Off: the base alone';
  if (strength < 0.5) return 'A hint';
  if (strength < 0.9) return 'Loose: obeys prompts more';
  if (strength < 1) return 'Close to what was trained';
  if (strength <= 1.1) return 'Tight: as it was trained';
  return 'Beyond what was trained: may break';
}

/** With two digits at most, as sliders give it. */
export function rounded(strength: number): number {
  return Math.round(Math.min(MOST_STRENGTH, Math.max(0, strength)) * 100) / 100;
}

export function strengthNumber(strength: number): string {
  return rounded(strength).toFixed(2).replace(/0$/, '');
}
