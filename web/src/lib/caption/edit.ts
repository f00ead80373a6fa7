// What becomes of captions in changes of many, to show it before the server does it. The rules are the server's.

import type { Category, Edit } from '../api/model';

export type CaptionChange =
  | { kind: 'prepend' | 'append' | 'remove'; text: string }
  | { kind: 'replace'; old: string; new: string }
  | { kind: 'trigger'; word: string; category: Category };

/** The caption as the server keeps it: one line, one space between words. */
export function oneLine(text: string): string {
  return text.split(/\s+/u).filter(Boolean).join(' ');
}

function joined(front: string, back: string): string {
  const trimmed = [front, back].map((part) =>
    part
      .trim()
      .replace(/^,+|,+$/g, '')
      .trim(),
  );
  return trimmed.filter(Boolean).join(', ');
}

function isPartOfWord(character: string | undefined): boolean {
  return character !== undefined && /[\p{L}\p{N}_]/u.test(character);
}

/** Whether a caption has the word, not only as a part of another one. Capital letters do not count. */
export function containsWord(text: string, word: string): boolean {
  const [where, what] = [text.toLowerCase(), word.trim().toLowerCase()];
  if (!what) return false;
  for (let at = where.indexOf(what); at >= 0; at = where.indexOf(what, at + 1)) {
    const before = [...where.slice(0, at)].at(-1);
    const after = [...where.slice(at + what.length)][0];
    if (!isPartOfWord(before) && !isPartOfWord(after)) return true;
  }
  return false;
}

/** What captions call the training: styles are called styles, unless the word says so already. */
export function calledBy(category: Category, word: string): string {
  const trimmed = word.trim();
  const lacksNoun = category === 'style' && trimmed && !trimmed.toLowerCase().includes('style');
  return lacksNoun ? `${trimmed} style` : trimmed;
}

/** The caption with the trigger word in front, unless it has it already. */
export function withTrigger(category: Category, word: string, caption: string): string {
  if (!word.trim() || containsWord(caption, word)) return caption.trim();
  return [calledBy(category, word), caption.trim()].filter(Boolean).join(', ');
}

export function changedCaption(change: CaptionChange, caption: string): string {
  switch (change.kind) {
    case 'prepend':
      return oneLine(joined(change.text, caption));
    case 'append':
      return oneLine(joined(caption, change.text));
    case 'remove': {
      const gone = change.text.trim();
      const parts = caption.split(',').map((part) => part.trim());
      return parts.filter((part) => part && part !== gone).join(', ');
    }
    case 'replace':
      return change.old ? oneLine(caption.split(change.old).join(change.new)) : caption;
    case 'trigger':
      return withTrigger(change.category, change.word, caption);
  }
}

/** The same as an edit for the server. */
export function editOf(change: CaptionChange, images: string[]): Edit {
  switch (change.kind) {
    case 'prepend':
      return { prepend_caption: { images, text: change.text } };
    case 'append':
      return { append_caption: { images, text: change.text } };
    case 'remove':
      return { remove_from_caption: { images, text: change.text } };
    case 'replace':
      return { replace_in_caption: { images, old: change.old, new: change.new } };
    case 'trigger':
      return { add_trigger: { images } };
  }
}
