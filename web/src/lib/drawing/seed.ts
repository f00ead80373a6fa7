// Seeds, by their digits: they go up to 2^64 - 1, and numbers of browsers are rounded from 2^53 on.

export const MOST_SEED = 2n ** 64n - 1n;

/** The digits of a seed; nothing where the text is none. */
export function seedOf(text: string): string | undefined {
  const digits = text.trim();
  return /^\d{1,20}$/.test(digits) && BigInt(digits) <= MOST_SEED ? digits : undefined;
}

/** What is wrong with a seed, or nothing. */
export function seedProblem(text: string): string | undefined {
  if (seedOf(text) !== undefined) return undefined;
  return /^\d+$/.test(text.trim()) ? `At most ${MOST_SEED}.` : 'A whole number is needed.';
}

/** Short enough to be read out. */
export function randomSeed(): string {
  return String(Math.floor(Math.random() * 2 ** 32));
}
