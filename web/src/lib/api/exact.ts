// JSON with every digit of its whole numbers: they go up to 2^64 - 1, and numbers of browsers are rounded from 2^53 on.

const TEXT_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** What a text of JSON says; whole numbers that would be rounded are the text of their digits. */
export function exactJson(text: string): unknown {
  return JSON.parse(text.replace(TEXT_OR_NUMBER, (part) => (isRounded(part) ? `"${part}"` : part)));
}

function isRounded(part: string): boolean {
  return /^-?\d+$/.test(part) && !Number.isSafeInteger(Number(part));
}
