// Pictures of the page that failed while the server was away are fetched once more when it is back.

import { connection } from './connection.svelte';

/** Looks after them until what this returns is called. */
export function fetchPicturesAgain(): () => void {
  const failed = new Set<HTMLImageElement>();
  const note = async ({ target }: Event) => {
    if (target instanceof HTMLImageElement && !(await connection.answers())) failed.add(target);
  };
  const forget = connection.onBack(() => {
    for (const picture of failed) {
      if (picture.isConnected) picture.setAttribute('src', picture.getAttribute('src') ?? '');
    }
    failed.clear();
  });
  // Such events do not rise, but they can be caught on their way down.
  document.addEventListener('error', note, true);
  return () => {
    forget();
    document.removeEventListener('error', note, true);
  };
}
