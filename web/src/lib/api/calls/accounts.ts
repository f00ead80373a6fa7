// The calls that concern who is logged in, the accounts of the studio, and the tokens of programs.

import { client, dataOf, done } from '../client';
import type {
  Account,
  AuditList,
  CreateAccount,
  CreateToken,
  NewToken,
  Session,
  Token,
  ChangeAccount,
} from '../model';

export function getSession(signal?: AbortSignal): Promise<Session> {
  return dataOf(client.GET('/api/v1/session', { signal, cache: 'no-store' }));
}

export function logIn(name: string, password: string): Promise<Session> {
  return dataOf(client.POST('/api/v1/session', { body: { name, password } }));
}

export function logOut(): Promise<void> {
  return done(client.DELETE('/api/v1/session'));
}

export function changePassword(current: string, wanted: string): Promise<void> {
  return done(client.PUT('/api/v1/session/password', { body: { current, new: wanted } }));
}

const account = '/api/v1/accounts/{account}' as const;

export async function listAccounts(signal?: AbortSignal): Promise<Account[]> {
  return (await dataOf(client.GET('/api/v1/accounts', { signal }))).accounts;
}

export function createAccount(body: CreateAccount): Promise<Account> {
  return dataOf(client.POST('/api/v1/accounts', { body }));
}

export function updateAccount(id: string, body: ChangeAccount): Promise<Account> {
  return dataOf(client.PATCH(account, { params: { path: { account: id } }, body }));
}

export function deleteAccount(id: string): Promise<void> {
  return done(client.DELETE(account, { params: { path: { account: id } } }));
}

export async function listTokens(signal?: AbortSignal): Promise<Token[]> {
  return (await dataOf(client.GET('/api/v1/tokens', { signal }))).tokens;
}

/** The answer has the token itself, which nobody can be told again. */
export function createToken(body: CreateToken): Promise<NewToken> {
  return dataOf(client.POST('/api/v1/tokens', { body }));
}

export function deleteToken(id: string): Promise<void> {
  return done(client.DELETE('/api/v1/tokens/{token}', { params: { path: { token: id } } }));
}

/** What was done in the studio, newest first. */
export function listAudit(page: { limit: number; offset: number }, signal?: AbortSignal): Promise<AuditList> {
  return dataOf(client.GET('/api/v1/audit', { params: { query: page }, signal }));
}
