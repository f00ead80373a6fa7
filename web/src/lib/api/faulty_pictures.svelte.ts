// Pictures whose files cannot be fetched: while the server is away none of them is called broken, and afterwards they are asked for again.

import { connection } from './connection.svelte';

/** What is known to be broken of the addresses that a component shows. */
export class FaultyPictures {
  #address = $state<string>();

  constructor() {
    $effect(() => connection.onBack(() => (this.#address = undefined)));
  }

  has(address: string): boolean {
    return this.#address === address;
  }

  /** It could not be shown, which is its own fault only where the server answers. */
  failed = async (address: string): Promise<void> => {
    if (await connection.answers()) this.#address = address;
  };
}

/** Has every picture of the page that failed while the server was away fetched once more when it is back. */
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
