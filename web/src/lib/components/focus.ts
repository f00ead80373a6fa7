// Where the keyboard goes on when what had it is gone: browsers begin anew at the top of the page then.

const CONTROLS = 'a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea';
const ROW = 'li, tr';

/** Whether the keyboard is nowhere, or where it cannot be any more; also in what is `going`. */
export function isLost(going?: Element | null): boolean {
  const { activeElement, body } = document;
  if (activeElement === null || activeElement === body || !activeElement.isConnected) return true;
  return going?.contains(activeElement) ?? false;
}

function give(element: HTMLElement | null | undefined): void {
  if (!element) return;
  // Titles and rows can have it where the page gives it to them.
  if (element.matches(`h1, h2, h3, ${ROW}`) && !element.hasAttribute('tabindex')) element.tabIndex = -1;
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
  /** From the inside out, with itself. */
  around: Element[];
  /** Its place among the rows of its list, where it stands in one. */
  row: number;
}

function heldOf(element: Element, box: Element): Held {
  const around: Element[] = [];
  for (let one: Element | null = element; one; one = one.parentElement) {
    around.push(one);
    if (one === box) break;
  }
  const row = around.find((one) => one.matches(ROW));
  return { element, around, row: row?.parentElement ? [...row.parentElement.children].indexOf(row) : -1 };
}

/**
 * Where the keyboard goes on: in its row, at the row that took its place, or at the title above. A control of another row never
 * gets it: a key that is pressed just then would act on that row.
 */
export function placeAfter({ around, row }: Pick<Held, 'around' | 'row'>): HTMLElement | undefined {
  const at = around.findIndex(({ isConnected }) => isConnected);
  const near = around[at];
  if (!near) return undefined;
  const own = near.closest<HTMLElement>(ROW);
  if (row >= 0 && around.slice(0, at).some((one) => one.matches(ROW))) {
    const rows = [...near.children].filter((one) => one.matches(ROW));
    const next = (rows[Math.min(row, rows.length - 1)] as HTMLElement | undefined) ?? own;
    if (next) return next;
  } else if (own) {
    return own.querySelector<HTMLElement>(CONTROLS) ?? own;
  }
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
