// The parts of the settings, and who sees which.

import { anOwner, type Account } from '../account/rights';
import type { SettingsPart } from '../shell/routes';

interface Part {
  part: SettingsPart;
  label: string;
  isFor: (account: Account) => boolean;
}

const everybody = () => true;
const anAccount = (account: Account) => account !== null;

const PARTS: Part[] = [
  { part: 'studio', label: 'Studio', isFor: everybody },
  { part: 'account', label: 'Account', isFor: anAccount },
  { part: 'tokens', label: 'API tokens', isFor: everybody },
  { part: 'accounts', label: 'Accounts', isFor: anOwner },
  { part: 'audit', label: 'Audit log', isFor: anOwner },
  { part: 'doors', label: 'Leonardo clients', isFor: everybody },
];

export function partsFor(account: Account): Part[] {
  return PARTS.filter(({ isFor }) => isFor(account));
}

/** Why this account sees what other programs' words mean, and does not say it; empty where it may. */
export function reasonAgainstMapping(account: Account): string {
  return account && account.role !== 'owner' ? 'The owner of the studio chooses what these words mean.' : '';
}
