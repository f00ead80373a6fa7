import { describe, expect, it } from 'vitest';
import { ApiError, failureOf, sentences } from '../../../src/lib/api/error';

const failure = (message: string, hint = '', status = 400) =>
  failureOf(status, { error: { code: 'invalid_input', message, hint, details: {} } });

describe('what went wrong', () => {
  it('names no documents of programs, and no commands', () => {
    const accepted = 'correct the value; /api/v1/openapi.json says what is accepted';
    expect(failure('caption `x`: it is too long', accepted).hint).toBe('');
    const most = 'send less in one request; /api/v1/about says how much is accepted';
    expect(failure('too much', most, 413).hint).toBe('send less in one request');
    expect(failure('it is newer', 'look again').hint).toBe('look again');
    expect(
      failure('dataset `a` is in the trash; take it back with `atelier dataset restore` first').message,
    ).toBe('dataset `a` is in the trash; restore it from the trash first');
    expect(failure('run `a` is in the queue; cancel its job first: `atelier job cancel 7`').message).toBe(
      'run `a` is in the queue; take it out of the queue first',
    );
  });

  it('says plainly that an address names nothing', () => {
    const broken = failure(
      'the path: dataset `not-an-id`: UUID parsing failed: invalid character: found `n` at 0',
    );
    expect([broken.message, broken.status, broken.code]).toEqual([
      'there is no such dataset',
      404,
      'not_found',
    ]);
    expect(failure('the path: start_picture `x` is not as expected').message).toBe(
      'there is no such start picture',
    );
    // Elsewhere the same words are what somebody called something.
    expect(failure('the path: dataset `x` leads nowhere', '', 422).status).toBe(422);
  });

  it('marks the field that is wrong', () => {
    const field = (message: string) => failure(message).field;
    expect(field('there is a model `a already` already')).toBe('name');
    expect(field('name of a run `try 1/2`: it must not have `:`, `/`')).toBe('name');
    expect(field('name ``: it is empty')).toBe('name');
    expect(field('trigger word `x`: it has control characters')).toBe('trigger_word');
    expect(field('the field `trigger_word`: it is no text')).toBe('trigger_word');
    expect(field('the adapter is broken')).toBeUndefined();
    expect(new ApiError('io', 'name `x`', '', 500).field).toBeUndefined();
    expect([failure('there is a run `a` already').isNameTaken, failure('name `a`: no').isNameTaken]).toEqual([
      true,
      false,
    ]);
  });

  it('is said in sentences, line by line', () => {
    expect(sentences('the gradient is NaN, on `a.png`\n\nlower the rate')).toBe(
      'The gradient is NaN, on “a.png”.\nLower the rate.',
    );
  });
});
