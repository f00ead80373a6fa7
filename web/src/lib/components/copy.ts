// Texts to the clipboard, also on pages that came without encryption, where browsers offer no clipboard.

/** Copies `text`; where nothing else helps, it selects it in `shown`, so that the keys of the system copy it. */
export async function copyText(
  text: string,
  shown: HTMLElement | undefined,
): Promise<'Copied' | 'Press Ctrl+C'> {
  try {
    await navigator.clipboard.writeText(text);
    return 'Copied';
  } catch {
    // Not offered, or forbidden.
  }
  if (shown) getSelection()?.selectAllChildren(shown);
  let isTaken = false;
  const take = (event: ClipboardEvent) => {
    event.clipboardData?.setData('text/plain', text);
    event.preventDefault();
    isTaken = true;
  };
  document.addEventListener('copy', take);
  // The only way on such pages, however old.
  document.execCommand('copy');
  document.removeEventListener('copy', take);
  return isTaken ? 'Copied' : 'Press Ctrl+C';
}
