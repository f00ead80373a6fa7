// Where the keyboard goes on when what had it is gone: browsers begin anew at the top of the page then.

const CONTROLS = 'a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea';
const ROW = 'li, tr';

/** Whether the keyboard is nowhere, or where it cannot be any more. */
function isLost(): boolean {
  const { activeElement, body } = document;
  return activeElement === null || activeElement === body || !activeElement.isConnected;
}

function give(element: HTMLElement | null | undefined): void {
  if (!element) return;
  // Titles can have it where the page gives it to them.
  if (element.matches('h1, h2, h3') && !element.hasAttribute('tabindex')) element.tabIndex = -1;
  element.focus({ preventScroll: true });
}

/** The field of a form that is wrong, by its name, where it has one of that name. */
export function focusField(form: HTMLFormElement | null, name: string | undefined): void {
  if (name) form?.querySelector<HTMLElement>(`[name="${name}"]`)?.focus();
}

/** Remembers where the keyboard is before a dialog opens; what it returns gives it back there, unless it went on. */
export function rememberFocus(): () => void {
  const before = document.activeElement as HTMLElement | null;
  return () => {
    if (!isLost()) return;
    give(before?.isConnected ? before : document.querySelector<HTMLElement>('main h1'));
  };
}

/** What had the keyboard, and what was around it. */
interface Held {
  element: Element;
  /** From the inside out. */
  around: Element[];
  /** Its place among the rows of its list, where it stands in one. */
  row: number;
}

function heldOf(element: Element, box: Element): Held {
  const around: Element[] = [];
  for (let one = element.parentElement; one; one = one.parentElement) {
    around.push(one);
    if (one === box) break;
  }
  const row = around.find((one) => one.matches(ROW));
  return { element, around, row: row?.parentElement ? [...row.parentElement.children].indexOf(row) : -1 };
}

/** Where the keyboard goes on: in its row, in the row that took its place, or at the title above. */
export function placeAfter({ around, row }: Pick<Held, 'around' | 'row'>): HTMLElement | undefined {
  const near = around.find(({ isConnected }) => isConnected);
  if (!near) return undefined;
  const own = near.closest(ROW);
  const list = row >= 0 && !own ? [...near.children].filter((one) => one.matches(ROW)) : [];
  const inRow = (own ?? list[Math.min(row, list.length - 1)])?.querySelector<HTMLElement>(CONTROLS);
  if (inRow) return inRow;
  for (let part = near.closest('dialog, section, main'); part; part = part.parentElement) {
    const title = part.querySelector<HTMLElement>('h1, h2, h3');
    if (title) return title;
    if (part.matches('dialog')) return part as HTMLElement;
  }
  return undefined;
}

/** Attached to what holds all pages: when a button vanishes with the press, the keyboard goes on near it. */
export function holdFocus(box: HTMLElement): () => void {
  let held: Held | undefined;
  const note = (event: FocusEvent) => {
    held = event.target instanceof Element ? heldOf(event.target, box) : undefined;
  };
  const leave = ({ target }: FocusEvent) => {
    // Some browsers say so too of what vanishes, which is not there any more a moment later.
    queueMicrotask(() => {
      if (held?.element === target && held?.element.isConnected) held = undefined;
    });
  };
  const look = () => {
    if (!held || held.element.isConnected) return;
    const gone = held;
    held = undefined;
    if (isLost()) give(placeAfter(gone));
  };
  const watch = new MutationObserver(look);
  watch.observe(box, { childList: true, subtree: true });
  box.addEventListener('focusin', note);
  box.addEventListener('focusout', leave);
  return () => {
    watch.disconnect();
    box.removeEventListener('focusin', note);
    box.removeEventListener('focusout', leave);
  };
}
