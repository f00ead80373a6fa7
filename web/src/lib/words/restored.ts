/** What is said of a thing that is back from the trash: another may have got its name meanwhile. */
export function isBackWords(before: string, name: string): string {
  if (before === name) return `“${name}” is back.`;
  return `“${before}” is back as “${name}”, since another one has its name.`;
}
