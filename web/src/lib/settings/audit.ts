// The newest entries of the audit log, as many as were asked for.

import { listAudit } from '../api/calls/accounts';
import type { AuditEntry } from '../api/model';
import { PAGE } from '../api/pages';

export interface NewestEntries {
  entries: AuditEntry[];
  /** How many older ones there are. */
  left: number;
}

export async function newestEntries(
  most: number,
  signal?: AbortSignal,
  list = listAudit,
): Promise<NewestEntries> {
  const entries: AuditEntry[] = [];
  for (;;) {
    const page = await list({ limit: Math.min(PAGE, most - entries.length), offset: entries.length }, signal);
    entries.push(...page.entries);
    if (page.entries.length === 0 || entries.length >= Math.min(most, page.total)) {
      return { entries, left: Math.max(0, page.total - entries.length) };
    }
  }
}

const DEEDS: Record<string, string> = {
  login: 'Logged in',
  'login-failed': 'Failed to log in as',
  logout: 'Logged out',
  'password-changed': 'Changed the password of',
  'account-added': 'Added the account',
  'account-changed': 'Changed the account',
  'account-role-changed': 'Changed the role of',
  'account-closed': 'Closed the account',
  'account-opened': 'Opened the account',
  'account-password-changed': 'Set another password for',
  'account-removed': 'Deleted the account',
  'token-added': 'Made the token',
  'token-revoked': 'Revoked the token',
  'door-mappings-changed': 'Changed what words of Leonardo’s clients mean',
};
const VERBS: Record<string, string> = {
  shared: 'Chose who sees',
  deleted: 'Deleted',
  started: 'Started',
  stopped: 'Stopped',
  cancelled: 'Cancelled',
  imported: 'Imported',
};

export interface Deed {
  words: string;
  /** What it was done to. */
  thing: string;
  /** The page that shows that. */
  address?: string;
}

/** What was done, as a person would say it: the log writes `model-shared`, and the address of the request. */
export function deedOf({ what, thing }: Pick<AuditEntry, 'what' | 'thing'>): Deed {
  const [, noun = '', verb = ''] = /^([a-z]+)-([a-z]+)$/.exec(what) ?? [];
  if (DEEDS[what] || !VERBS[verb]) {
    const words = DEEDS[what] ?? what.replaceAll('-', ' ');
    const name = thing?.startsWith('/') ? '' : (thing ?? '');
    return { words: words.charAt(0).toUpperCase() + words.slice(1), thing: name };
  }
  const [, room, id] = /^\/api\/v1\/(datasets|runs|models)\/([\w-]{36})/.exec(thing ?? '') ?? [];
  return { words: VERBS[verb], thing: `a ${noun}`, address: id && `/${room}/${id}` };
}
