import { ApiError, errorOf } from '../api/error';

/** What is to be done after a login that failed, for a person: the server's hints are for programs. */
const HINTS: Partial<Record<string, string>> = {
  unauthenticated: 'check the spelling, or ask an owner of the studio for another password',
  rate_limited: 'wait a minute, and try again',
};

/** The failure of a login, with what a person can do about it. */
export function loginError(thrown: unknown): ApiError {
  const { code, message, hint, status } = errorOf(thrown);
  return new ApiError(code, message, HINTS[code] ?? hint, status);
}
