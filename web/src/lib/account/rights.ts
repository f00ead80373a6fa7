// What an account may do, in words where it may not. The server decides; this keeps pages from offering what it refuses.

import type { Dataset, Session } from '../api/model';

export type Account = Session['account'];

/** What may be private or shared with the studio. */
export type Owned = Pick<Dataset, 'owner' | 'shared'> & { trashed_ms?: number | null };

const VIEWER = 'Your role is viewer: you see what is shared with the studio, and change nothing.';

/** Why this account makes nothing new; empty where it may, and where there are no accounts. */
export function reasonAgainstMaking(account: Account): string {
  return account?.role === 'viewer' ? VIEWER : '';
}

/** Why this account does not change that; empty where it may, and where there are no accounts. */
export function reasonAgainstChanging(account: Account, thing: Owned): string {
  if (!account || account.role === 'owner') return '';
  if (account.role === 'viewer') return VIEWER;
  if (thing.owner === account.name) return '';
  return `${ownerWords(thing)}, who alone can change it. You can use it.`;
}

/** The user of the machine is one too, where nobody logs in. */
export function anOwner(account: Account): boolean {
  return account === null || account.role === 'owner';
}

/** “Shared by Kim” */
export function ownerWords({ owner }: Owned): string {
  return owner === null ? 'Shared by the studio' : `Shared by ${owner}`;
}

/** How a card is marked: what is of others by their names, one's own where others see it. */
export function markOf(account: Account, thing: Owned): string {
  if (!account) return '';
  if (thing.owner !== account.name) return thing.owner === null ? 'Of the studio' : `By ${thing.owner}`;
  return thing.shared ? 'Shared' : '';
}

export const ROLES = [
  { value: 'owner', label: 'Owner', about: 'Everything, and the accounts.' },
  { value: 'member', label: 'Member', about: 'Trains, draws, and shares what is theirs.' },
  { value: 'viewer', label: 'Viewer', about: 'Looks at what is shared.' },
] as const;

export function roleLabel(role: NonNullable<Account>['role']): string {
  return ROLES.find(({ value }) => value === role)?.label ?? role;
}
