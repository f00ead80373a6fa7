// Words in commands for a shell.

/** A word as one argument of any POSIX shell, whatever is in it. */
export function quoted(word: string): string {
  if (/^[\w@.,:/+-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
