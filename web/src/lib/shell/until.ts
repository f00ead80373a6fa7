// What waits until the page has become what it will be, as with a slow server, as long as the user does nothing else.

const DEEDS = ['keydown', 'pointerdown', 'wheel'];

/** Calls what it is given after each change, until what it returns is called. */
export type Watch = (changed: () => void) => () => void;

/** Tries now and after each change, until it works, the user does something or what this returns is called. */
export function untilUserActs(
  attempt: () => boolean,
  watch: Watch,
  user: Pick<EventTarget, 'addEventListener' | 'removeEventListener'> = window,
): () => void {
  if (attempt()) return () => {};
  const end = () => {
    stop();
    for (const deed of DEEDS) user.removeEventListener(deed, end, true);
  };
  const stop = watch(() => {
    if (attempt()) end();
  });
  for (const deed of DEEDS) user.addEventListener(deed, end, true);
  return end;
}

/** Whenever something in `element` comes or goes. */
export function partsOf(element: Element): Watch {
  return (changed) => {
    const observer = new MutationObserver(changed);
    observer.observe(element, { childList: true, subtree: true });
    return () => observer.disconnect();
  };
}

/** Whenever `element` gets another size. */
export function sizeOf(element: Element): Watch {
  return (changed) => {
    const observer = new ResizeObserver(changed);
    observer.observe(element);
    return () => observer.disconnect();
  };
}
