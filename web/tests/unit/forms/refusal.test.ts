import { describe, expect, it } from 'vitest';
import { ApiError, unreachable } from '../../../src/lib/api/error';
import { Refusal } from '../../../src/lib/components/refusal.svelte';
import { changedFields, nameKey } from '../../../src/lib/dataset/about_fields';
import { askBeforeLoss } from '../../../src/lib/shell/dialogs.svelte';

const taken = new ApiError('invalid_input', 'there is a dataset `Lamps` already', '', 400);

/** The details of a dataset as their dialog has them, from when it is opened. */
function dialog() {
  const start = { name: 'Brass', description: 'old', category: 'object', trigger_word: '' } as const;
  const fields: Record<string, string> = { ...start };
  const refusal = new Refusal(() => fields);
  return { fields, refusal, changed: () => changedFields(start, fields as unknown as typeof start) };
}

describe('a name that is taken', () => {
  it('is said of the name until another one stands there, and keeps what is written', () => {
    const { fields, refusal, changed } = dialog();
    Object.assign(fields, { name: 'Lamps', description: 'new' });
    refusal.take(taken);
    expect([refusal.field, refusal.of('name')]).toEqual(['name', 'There is a dataset “Lamps” already.']);
    expect([refusal.of('description'), refusal.elsewhere]).toEqual(['', undefined]);
    fields.name = 'Lamps 2';
    expect([refusal.of('name'), refusal.elsewhere]).toEqual(['', undefined]);
    // The next save sends all that is not saved yet.
    expect(changed()).toEqual({ name: 'Lamps 2', description: 'new' });
    // And it is still taken, where it comes back.
    fields.name = 'Lamps';
    expect(refusal.of('name')).not.toBe('');
    // The old name is no change any more.
    fields.name = 'Brass';
    expect([refusal.of('name'), changed()]).toEqual(['', { description: 'new' }]);
  });

  it('is forgotten with the next attempt', () => {
    const { fields, refusal } = dialog();
    fields.name = 'Lamps';
    refusal.take(taken);
    refusal.forget();
    expect([refusal.field, refusal.of('name'), refusal.elsewhere]).toEqual([undefined, '', undefined]);
    refusal.take(unreachable());
    expect([refusal.of('name'), refusal.elsewhere?.isUnreachable]).toEqual(['', true]);
  });

  it('is one that the library takes for the same', () => {
    expect(nameKey('CAFE\u0301')).toBe(nameKey('café'));
    expect(nameKey('Straße')).toBe(nameKey('STRASSE'));
    expect(nameKey('lamps 2')).not.toBe(nameKey('lamps'));
  });
});

describe('what is refused of a form', () => {
  it('is said below it where it has no such field', () => {
    const refusal = new Refusal(() => ({ password: 'short' }));
    refusal.take(taken);
    expect([refusal.field, refusal.elsewhere]).toEqual([undefined, taken]);
  });

  it('is of the field that the form calls otherwise', () => {
    const refusal = new Refusal(() => ({ current: 'x', wanted: 'short' }));
    const words = 'the password has 5 characters; at least 10 are needed';
    const short = new ApiError('invalid_input', words, '', 400);
    expect(short.field).toBe('password');
    refusal.take(short, 'wanted');
    expect([refusal.of('wanted'), refusal.of('current')]).toEqual([
      'The password has 5 characters; at least 10 are needed.',
      '',
    ]);
    expect(refusal.elsewhere).toBeUndefined();
  });
});

describe('a form that something is typed in', () => {
  it('has the browser ask before it is lost with the page, and not any more once it is handed in', () => {
    const page = new EventTarget();
    const leave = () => page.dispatchEvent(new Event('beforeunload', { cancelable: true }));
    const stop = askBeforeLoss(page);
    expect(leave()).toBe(false);
    stop();
    expect(leave()).toBe(true);
  });
});
