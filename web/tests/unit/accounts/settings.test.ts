import { describe, expect, it } from 'vitest';
import {
  type Account,
  markOf,
  reasonAgainstChanging,
  reasonAgainstMaking,
} from '../../../src/lib/account/rights';
import type { AuditEntry, DoorMapping } from '../../../src/lib/api/model';
import { deedOf, type NewestEntries, newestEntries } from '../../../src/lib/settings/audit';
import { AuditEntries } from '../../../src/lib/settings/audit_entries.svelte';
import { basesFor, groupsOf, isModelId } from '../../../src/lib/settings/doors/words';
import { partsFor, reasonAgainstMapping } from '../../../src/lib/settings/parts';
import { isExpired, speaksFor, tokenWords } from '../../../src/lib/settings/tokens/words';

const account = (role: NonNullable<Account>['role']): Account => ({ id: '1', name: 'Kim', role });

describe('what an account may do', () => {
  const own = { owner: 'Kim', shared: false };
  const others = { owner: 'Noor', shared: true };

  it('is everything where there are no accounts', () => {
    expect(reasonAgainstMaking(null)).toBe('');
    expect(reasonAgainstChanging(null, others)).toBe('');
    expect(markOf(null, others)).toBe('');
  });

  it('is to make and to change one’s own for members, and to look for viewers', () => {
    expect(reasonAgainstMaking(account('member'))).toBe('');
    expect(reasonAgainstChanging(account('member'), own)).toBe('');
    expect(reasonAgainstChanging(account('member'), others)).toContain('Noor');
    expect(reasonAgainstMaking(account('viewer'))).toContain('viewer');
    expect(reasonAgainstChanging(account('viewer'), others)).toContain('viewer');
    expect(reasonAgainstChanging(account('owner'), others)).toBe('');
  });

  it('shows on cards whose they are', () => {
    expect(markOf(account('member'), own)).toBe('');
    expect(markOf(account('member'), { ...own, shared: true })).toBe('Shared');
    expect(markOf(account('member'), others)).toBe('By Noor');
  });
});

describe('the parts of the settings', () => {
  const namesFor = (account: Account) => partsFor(account).map(({ part }) => part);

  it('are those that one can do something with', () => {
    expect(namesFor(null)).toEqual(['studio', 'tokens', 'accounts', 'audit', 'doors']);
    expect(namesFor(account('member'))).toEqual(['studio', 'account', 'tokens', 'doors']);
    expect(namesFor(account('viewer'))).toEqual(['studio', 'account', 'tokens', 'doors']);
    expect(namesFor(account('owner'))).toEqual(['studio', 'account', 'tokens', 'accounts', 'audit', 'doors']);
  });

  it('leave what words mean to the owner', () => {
    expect(reasonAgainstMapping(null)).toBe('');
    expect(reasonAgainstMapping(account('owner'))).toBe('');
    expect(reasonAgainstMapping(account('member'))).not.toBe('');
  });
});

describe('tokens', () => {
  const DAY = 86_400_000;
  const token = { created_ms: 0, expires_ms: 30 * DAY, used_ms: null };

  it('say how long they hold and when they were used', () => {
    expect(tokenWords(token, 2 * DAY)).toBe('Made 2 days ago, never used, holds 28 days more');
    expect(tokenWords({ ...token, expires_ms: null, used_ms: 2 * DAY }, 2 * DAY)).toBe(
      'Made 2 days ago, used just now',
    );
    expect(tokenWords(token, 29.5 * DAY)).toContain('less than a day more');
  });

  it('say whose they are where they are of others', () => {
    expect(speaksFor({ account: 'Kim' }, 'Kim')).toBe('');
    expect(speaksFor({ account: null }, null)).toBe('');
    expect(speaksFor({ account: 'Noor' }, 'Kim')).toBe('of Noor');
    expect(speaksFor({ account: null }, 'Kim')).not.toBe('');
  });

  it('end', () => {
    expect(isExpired(token, 30 * DAY)).toBe(true);
    expect(isExpired(token, 30 * DAY - 1)).toBe(false);
    expect(isExpired({ ...token, expires_ms: null }, 1e15)).toBe(false);
    expect(tokenWords(token, 31 * DAY)).toContain('ended');
  });
});

describe('the words of other programs', () => {
  const word = (kind: DoorMapping['kind'], name: string, base: string | null = null): DoorMapping => ({
    kind,
    name,
    label: null,
    base,
    is_default: base === null,
    is_installed: base !== 'gone',
  });

  it('stand by their kinds, in the order in which they decide', () => {
    const words = [
      word('preset', 'FILM'),
      word('model_id', 'a', 'xl'),
      word('sd_version', 'v2'),
      word('model_id', 'b'),
    ];
    expect(
      groupsOf(words).map(({ kind, rows, set }) => [kind, set, ...rows.map(({ name }) => name)]),
    ).toEqual([
      ['model_id', 1, 'a', 'b'],
      ['sd_version', 0, 'v2'],
      ['preset', 0, 'FILM'],
    ]);
  });

  it('can mean every installed base, and show one that is gone', () => {
    expect(basesFor(word('preset', 'FILM', 'xl'), ['mini', 'xl']).map(({ name }) => name)).toEqual([
      'mini',
      'xl',
    ]);
    expect(basesFor(word('preset', 'FILM'), ['mini'])).toHaveLength(1);
    const gone = basesFor(word('preset', 'FILM', 'gone'), ['mini']);
    expect(gone[1]).toEqual({ name: 'gone', label: 'gone, which is not there any more' });
  });

  it('of models are ids', () => {
    expect(isModelId(' 5C232a9e-9061-4777-980a-ddc8e65647c6 ')).toBe(true);
    expect(isModelId('5c232a9e')).toBe(false);
    expect(isModelId('Vision XL')).toBe(false);
  });
});

describe('the audit log', () => {
  const all = Array.from({ length: 450 }, (_, at) => ({ time_ms: 450 - at }) as AuditEntry);

  it('is read in pages, as far as is asked for', async () => {
    const asked: number[] = [];
    const list = async ({ limit, offset }: { limit: number; offset: number }) => {
      asked.push(limit);
      return { entries: all.slice(offset, offset + limit), total: all.length, limit, offset };
    };
    expect(await newestEntries(100, undefined, list)).toMatchObject({ left: 350 });
    const { entries, left } = await newestEntries(500, undefined, list);
    expect([entries.length, left, asked]).toEqual([450, 0, [100, 200, 200, 100]]);
  });

  it('shows older ones below those that are there', async () => {
    const asked: number[] = [];
    let answer: (entries: NewestEntries) => void = () => {};
    const entries = new AuditEntries((most) => {
      asked.push(most);
      return new Promise((done) => (answer = done));
    });
    const first = { entries: [], left: 7 };
    const fetched = entries.log.fetch(true);
    answer(first);
    await fetched;
    const more = entries.more();
    // What is shown does not vanish meanwhile.
    expect([entries.log.data, asked]).toEqual([first, [100, 200]]);
    answer({ entries: [], left: 0 });
    await more;
    expect(entries.log.data?.left).toBe(0);
  });

  it('speaks of deeds as people do, and leads to what they were done to', () => {
    const id = '01a221a4-0a01-7653-9d49-e7c60fd1c604';
    const deed = (what: string, thing: string | null) => deedOf({ what, thing });
    expect(deed('login-failed', 'Kim')).toEqual({ words: 'Failed to log in as', thing: 'Kim' });
    expect(deed('model-shared', `/api/v1/models/${id}/shared`)).toEqual({
      words: 'Chose who sees',
      thing: 'a model',
      address: `/models/${id}`,
    });
    expect(deed('picture-deleted', `/api/v1/pictures/${id}`)).toMatchObject({
      thing: 'a picture',
      address: undefined,
    });
    expect(deed('training-started', '/api/v1/trainings')).toMatchObject({
      words: 'Started',
      thing: 'a training',
    });
    expect(deed('something-new', null)).toEqual({ words: 'Something new', thing: '' });
  });
});
