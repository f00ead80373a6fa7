// Words in commands for a shell.

/** A word as one argument of a shell such as bash. */
export function quoted(word: string): string {
  if (/^[\w@.,:/+-]+$/.test(word)) return word;
  if (!/["\\$`!]/.test(word)) return `"${word}"`;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
