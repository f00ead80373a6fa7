// Pictures whose files cannot be fetched: while the server is away, none of them is called broken.

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
