// Which words of a caption went and which came.

export interface Piece {
  text: string;
  kind: 'same' | 'gone' | 'new';
}

/** Longer captions are shown as replaced altogether, since comparing costs the product of both lengths. */
const MOST_WORDS = 400;

export function wordDifference(before: string, after: string): Piece[] {
  const a = words(before);
  const b = words(after);
  if (a.length > MOST_WORDS || b.length > MOST_WORDS) {
    return merged([...a.map((text) => piece(text, 'gone')), ...b.map((text) => piece(text, 'new'))]);
  }
  const common = commonLengths(a, b);
  const pieces: Piece[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      pieces.push(piece(a[i++]!, 'same'));
      j++;
    } else if (j >= b.length || (i < a.length && common[i + 1]![j]! >= common[i]![j + 1]!)) {
      pieces.push(piece(a[i++]!, 'gone'));
    } else {
      pieces.push(piece(b[j++]!, 'new'));
    }
  }
  return merged(pieces);
}

function words(text: string): string[] {
  // A comma is a part of its own, so that adding one does not make the word before it another.
  return text.match(/[^\s,]+|,/gu) ?? [];
}

function piece(text: string, kind: Piece['kind']): Piece {
  return { text, kind };
}

/** `lengths[i][j]`: how many words the rests from `a[i]` and `b[j]` have in common, in order. */
function commonLengths(a: string[], b: string[]): number[][] {
  const lengths = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const [below, beside] = [lengths[i + 1]![j]!, lengths[i]![j + 1]!];
      lengths[i]![j] = a[i] === b[j] ? lengths[i + 1]![j + 1]! + 1 : Math.max(below, beside);
    }
  }
  return lengths;
}

function merged(pieces: Piece[]): Piece[] {
  const result: Piece[] = [];
  for (const { text, kind } of pieces) {
    const last = result.at(-1);
    if (last?.kind === kind) last.text += text === ',' ? text : ` ${text}`;
    else result.push({ text, kind });
  }
  return result;
}
