// What tokens may do and how long they hold, in words.

import type { Token, TokenScope } from '../../api/model';
import { ago, daysLeft, moment } from '../../words/format';

export const SCOPES: { value: TokenScope; label: string; about: string }[] = [
  { value: 'read', label: 'Read', about: 'Looks and downloads.' },
  { value: 'write', label: 'Write', about: 'Also uploads, trains and draws.' },
  { value: 'all', label: 'All', about: 'Everything that you may do.' },
];

export function scopeLabel(scope: TokenScope): string {
  return SCOPES.find(({ value }) => value === scope)?.label ?? scope;
}

/** How long a new token holds, in days; without days it holds until it is revoked. */
export const LIVES: { days: number | null; label: string }[] = [
  { days: 30, label: '30 days' },
  { days: 90, label: '90 days' },
  { days: 365, label: 'A year' },
  { days: null, label: 'Until it is revoked' },
];

/** Whose token it is, where it is not that of who looks. */
export function speaksFor(token: Pick<Token, 'account'>, own: string | null): string {
  if (token.account === own) return '';
  return token.account === null ? 'of the machine’s user' : `of ${token.account}`;
}

type Times = Pick<Token, 'created_ms' | 'expires_ms' | 'used_ms'>;

export function isExpired({ expires_ms }: Times, nowMs: number): boolean {
  return expires_ms !== null && expires_ms <= nowMs;
}

/** “Made 3 days ago, used 2 hours ago, holds 27 days more” */
export function tokenWords(token: Times, nowMs: number): string {
  const used = token.used_ms === null ? 'never used' : `used ${ago(token.used_ms, nowMs)}`;
  return [`Made ${ago(token.created_ms, nowMs)}`, used, endWords(token, nowMs)].filter(Boolean).join(', ');
}

function endWords(token: Times, nowMs: number): string {
  const { expires_ms } = token;
  if (expires_ms === null) return '';
  if (isExpired(token, nowMs)) return `ended ${moment(expires_ms)}`;
  const days = daysLeft(expires_ms, 0, nowMs);
  return days > 1 ? `holds ${days} days more` : 'holds less than a day more';
}
