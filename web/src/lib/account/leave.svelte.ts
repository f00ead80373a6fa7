// Logging out, once nothing is on its way that would be lost with the session.

import { connection } from '../api/connection.svelte';
import { ApiError } from '../api/error';
import { underway } from '../api/underway.svelte';
import { pending } from '../dataset/changes/pending.svelte';
import { notices } from '../shell/notices.svelte';
import { session } from './session.svelte';

/** How long it is waited for what can still arrive. */
const MOST_MS = 4000;
const LOOK_MS = 50;

/** What may be on its way. */
export interface Ways {
  /** Has everything sent that is written and not handed in yet. */
  send: () => void;
  /** Whether something arrives if one waits for it. */
  isMoving: () => boolean;
  /** Whether something would be lost that somebody made. */
  isBusy: () => boolean;
  logOut: () => Promise<void>;
}

const ways: Ways = {
  send: () => pending.leaving.tell(),
  isMoving: () => !connection.isLost && (pending.isMoving || !underway.isEmpty),
  isBusy: () => pending.isBusy,
  logOut: () => session.logOut(),
};

export class Leaving {
  isBusy = $state(false);
  #ways: Ways;
  #mostMs: number;

  constructor(of: Ways = ways, mostMs = MOST_MS) {
    this.#ways = of;
    this.#mostMs = mostMs;
  }

  leave = async (): Promise<void> => {
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      await this.#leave();
    } catch (thrown) {
      notices.failed(thrown);
    }
    this.isBusy = false;
  };

  async #leave(): Promise<void> {
    const { send, isMoving, isBusy, logOut } = this.#ways;
    send();
    const end = Date.now() + this.#mostMs;
    while (isMoving() && Date.now() < end) await new Promise((done) => setTimeout(done, LOOK_MS));
    if (isBusy()) {
      throw new ApiError(
        'busy',
        'changes or uploads are still on their way',
        'log out once they have arrived',
        0,
      );
    }
    await logOut();
  }
}

export const leaving = new Leaving();
