// The title of a page, where the keyboard and screen readers start.

/** Goes to the title of the page; whether there is one yet. */
export function focusTitle(): boolean {
  const title = document.querySelector<HTMLElement>('main h1');
  title?.focus({ preventScroll: true });
  return title !== null;
}
