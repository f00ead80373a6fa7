// What this browser keeps of one account, such as a half-written prompt: another account is not to find it.

/** What is of the browser, whoever uses it. */
const OF_THE_BROWSER = ['atelier.theme', 'atelier.grid', 'atelier.account'];
const OWNER = 'atelier.account';

type Entries = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;

/** Removes what is of one account; whether there was anything. */
export function forgetEntries(entries: Entries): boolean {
  const names = Array.from({ length: entries.length }, (_, at) => entries.key(at) ?? '');
  const own = names.filter((name) => name.startsWith('atelier.') && !OF_THE_BROWSER.includes(name));
  for (const name of own) entries.removeItem(name);
  return own.length > 0;
}

/** Notes whose entries these are; whether those of another were there, which are removed. */
export function entriesOf(account: string, entries: Entries): boolean {
  const before = entries.getItem(OWNER);
  entries.setItem(OWNER, account);
  return before !== null && before !== account && forgetEntries(entries);
}

/** The browser's own, unless it keeps none. */
export function browserEntries(): Storage | undefined {
  return unlessRefused(() => localStorage);
}

/** Those of this tab alone, unless the browser keeps none. */
export function tabEntries(): Storage | undefined {
  return unlessRefused(() => sessionStorage);
}

/** Every place that keeps something of an account. */
export function allEntries(): Storage[] {
  return [browserEntries(), tabEntries()].filter((entries) => entries !== undefined);
}

function unlessRefused(entries: () => Storage): Storage | undefined {
  try {
    return entries();
  } catch {
    return undefined;
  }
}
