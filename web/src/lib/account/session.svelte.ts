// Who is logged in. Without accounts nobody needs to be, and the pages are as if there was no such thing.

import { access } from '../api/access.svelte';
import * as calls from '../api/calls/accounts';
import { afterLoss } from '../api/connection.svelte';
import { type ApiError, errorOf } from '../api/error';
import type { Session as View } from '../api/model';
import { allEntries, entriesOf, forgetEntries } from './entries';
import { type Owned, reasonAgainstChanging, reasonAgainstMaking } from './rights';

type Account = NonNullable<View['account']>;
type Calls = Pick<typeof calls, 'getSession' | 'logIn' | 'logOut'>;

export class Session {
  error = $state.raw<ApiError>();
  /** The last one that was open, also when it has ended since. */
  #view = $state.raw<View>();
  #calls: Calls;
  /** Whether it was ended on purpose, so that nobody is asked to log in again until the page is gone. */
  #hasLeft = false;
  #loadAnew: (address?: string) => void;

  constructor(ask: Calls = calls, loadAnew = leave) {
    this.#calls = ask;
    this.#loadAnew = loadAnew;
  }

  /** Where the visitor stands: not known yet, before the door, or inside. */
  get place(): 'unknown' | 'outside' | 'inside' {
    if (!this.#view) return 'unknown';
    return isOutside(this.#view) ? 'outside' : 'inside';
  }

  /** Whether it ended while pages are open, which keep what is typed in them. */
  get hasEnded(): boolean {
    return this.place === 'inside' && access.isClosed;
  }

  /** Who is logged in; nobody where the studio has no accounts. */
  get account(): Account | null {
    return this.#view?.account ?? null;
  }

  /** Why nothing new is made here; empty where it is. */
  get reasonAgainstMaking(): string {
    return reasonAgainstMaking(this.account);
  }

  /** Why that is not changed here; empty where it can be. */
  reasonAgainstChanging(thing: Owned): string {
    return reasonAgainstChanging(this.account, thing);
  }

  /** Asks how it stands, also after a while: roles change, and other pages of this browser log in and out. */
  look = async (): Promise<void> => {
    this.error = undefined;
    try {
      const view = await afterLoss(() => this.#calls.getSession());
      if (!this.#hasLeft) this.#take(view);
    } catch (thrown) {
      if (!this.#view) this.error = errorOf(thrown);
    }
  };

  /** Keeps an eye on it until what this returns is called. */
  watch(): () => void {
    const look = () => {
      if (document.visibilityState === 'visible' && this.place === 'inside') void this.look();
    };
    const forget = access.onDoubt(look);
    document.addEventListener('visibilitychange', look);
    void this.look();
    return () => {
      forget();
      document.removeEventListener('visibilitychange', look);
    };
  }

  async logIn(name: string, password: string): Promise<void> {
    this.#take(await this.#calls.logIn(name, password));
  }

  async logOut(): Promise<void> {
    try {
      await this.#calls.logOut();
    } catch (thrown) {
      // One that has ended already needs no end.
      if (errorOf(thrown).status !== 401) throw thrown;
    }
    this.#hasLeft = true;
    for (const entries of allEntries()) forgetEntries(entries);
    this.#loadAnew('/');
  }

  #take(view: View): void {
    const account = view.account?.id ?? null;
    const isOther = this.place === 'inside' && !isOutside(view) && account !== (this.account?.id ?? null);
    const hadOthers = account !== null && allEntries().filter((all) => entriesOf(account, all)).length > 0;
    // What waits and what is shown is of another account, or what was read of the browser's entries is.
    if (isOther || hadOthers) return this.#loadAnew();
    if (isOutside(view)) access.close();
    if (!isOutside(view) || this.place !== 'inside') this.#view = view;
    if (!isOutside(view)) access.open(view.csrf_token);
  }
}

/** Whether somebody has to log in first. */
function isOutside({ needs_login, account }: View): boolean {
  return needs_login && account === null;
}

function leave(address?: string): void {
  if (address) location.assign(address);
  else location.reload();
}

export const session = new Session();
