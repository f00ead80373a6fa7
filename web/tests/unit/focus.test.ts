import { afterEach, describe, expect, it, vi } from 'vitest';
import { isLost, placeAfter, rememberFocus } from '../../src/lib/components/focus';

/** As much of an element as is asked for here. */
class Fake {
  parentElement: Fake | null = null;
  isConnected = true;
  children: Fake[] = [];
  tabIndex = 0;
  focus = vi.fn();

  constructor(
    readonly tag: string,
    ...children: Fake[]
  ) {
    for (const child of children) this.append(child);
  }

  append(child: Fake): void {
    child.parentElement = this;
    this.children.push(child);
  }

  remove(): void {
    const siblings = this.parentElement!.children;
    siblings.splice(siblings.indexOf(this), 1);
    this.#disconnect();
  }

  matches(selector: string): boolean {
    return selector.split(',').some((one) => /^\w+/.exec(one.trim())?.[0] === this.tag);
  }

  closest(selector: string): Fake | null {
    return this.matches(selector) ? this : (this.parentElement?.closest(selector) ?? null);
  }

  querySelector(selector: string): Fake | null {
    for (const child of this.children) {
      const found = child.matches(selector) ? child : child.querySelector(selector);
      if (found) return found;
    }
    return null;
  }

  contains(other: Fake): boolean {
    return other === this || this.children.some((child) => child.contains(other));
  }

  hasAttribute(): boolean {
    return false;
  }

  #disconnect(): void {
    this.isConnected = false;
    for (const child of this.children) child.#disconnect();
  }
}

const el = (tag: string, ...children: Fake[]) => new Fake(tag, ...children);

function page() {
  const rows = [0, 1, 2].map(() => el('li', el('span'), el('button')));
  const list = el('ul', ...rows);
  const part = el('section', el('h2'), el('div', list));
  const whole = el('section', el('h1'), part);
  return { rows, list, part, whole };
}

/** Everything around a button of a row, from the inside out. */
function around(element: Fake): Element[] {
  const all: Fake[] = [];
  for (let one = element.parentElement; one; one = one.parentElement) all.push(one);
  return all as unknown as Element[];
}

describe('the keyboard, when what had it is gone', () => {
  it('goes on in the same row where that stays', () => {
    const { rows } = page();
    const button = rows[1]!.children[1]!;
    const chain = around(button);
    button.remove();
    const link = el('a');
    rows[1]!.append(link);
    expect(placeAfter({ around: chain, row: 1 })).toBe(link);
  });

  it('goes on at the row that took its place, and at none of its controls, also where that was the last one', () => {
    const { rows } = page();
    for (const [gone, next] of [
      [1, 2],
      [2, 0],
    ] as const) {
      const chain = around(rows[gone]!.children[1]!);
      rows[gone]!.remove();
      expect(placeAfter({ around: chain, row: 1 })).toBe(rows[next]);
    }
  });

  it('is at the row where nothing else of it stays', () => {
    const { rows } = page();
    const button = rows[1]!.children[1]!;
    const chain = around(button);
    button.remove();
    expect(placeAfter({ around: chain, row: 1 })).toBe(rows[1]);
  });

  it('never goes to a control of the row around a list', () => {
    const [gone, next] = [el('li', el('button')), el('li', el('button'))];
    const outer = el('li', el('button'), el('ul', gone, next));
    el('section', el('h2'), el('ul', outer));
    const chain = around(gone.children[0]!);
    gone.remove();
    expect(placeAfter({ around: chain, row: 0 })).toBe(next);
    const rest = around(next.children[0]!);
    next.remove();
    expect(placeAfter({ around: rest, row: 0 })).toBe(outer);
  });

  it('goes to the title above where nothing is left', () => {
    const { rows, list, part, whole } = page();
    const chain = around(rows[0]!.children[1]!);
    list.remove();
    expect(placeAfter({ around: chain, row: 0 })).toBe(part.children[0]);
    part.remove();
    expect(placeAfter({ around: chain, row: 0 })).toBe(whole.children[0]);
  });

  it('stays in a dialog', () => {
    const button = el('button');
    const dialog = el('dialog', el('div', button));
    el('section', el('h1'), dialog);
    const chain = around(button);
    button.remove();
    expect(placeAfter({ around: chain, row: -1 })).toBe(dialog);
  });
});

describe('the keyboard, when a dialog closes', () => {
  const body = el('body');
  const title = el('h1');
  const screen = (activeElement: Fake) => {
    const document = { activeElement, body, querySelector: () => title };
    vi.stubGlobal('document', document);
    return document;
  };
  afterEach(() => void vi.unstubAllGlobals());

  it('is back where it was', () => {
    const button = el('button');
    const document = screen(button);
    const giveBack = rememberFocus();
    document.activeElement = body;
    giveBack();
    expect(button.focus).toHaveBeenCalledOnce();
  });

  it('is lost where it is nowhere, or in what goes', () => {
    const field = el('input');
    const form = el('form', field) as unknown as Element;
    const document = screen(field);
    expect([isLost(), isLost(form), isLost(el('p') as unknown as Element)]).toEqual([false, true, false]);
    document.activeElement = body;
    expect(isLost()).toBe(true);
  });

  it('is at the title where that is gone, and stays where it went on', () => {
    const button = el('button');
    const document = screen(button);
    const giveBack = rememberFocus();
    document.activeElement = el('textarea');
    giveBack();
    expect(button.focus).not.toHaveBeenCalled();
    button.isConnected = false;
    document.activeElement = body;
    giveBack();
    expect([button.focus.mock.calls.length, title.focus.mock.calls.length]).toEqual([0, 1]);
  });
});
