import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { watchedFetch } from '../../../src/lib/api/client';
import { SilenceWatch } from '../../../src/lib/api/time_limit';
import { thumbnailSide } from '../../../src/lib/api/calls/addresses';
import { ApiError, errorOf, failureOf, sentence } from '../../../src/lib/api/error';

describe('failures', () => {
  it('keep what the server says', () => {
    const body = { error: { code: 'conflict', message: 'it is newer', hint: 'look again', details: {} } };
    expect(failureOf(409, body)).toMatchObject({
      code: 'conflict',
      message: 'it is newer',
      hint: 'look again',
      status: 409,
    });
  });

  it('say something useful where the answer is not the server’s', () => {
    for (const body of [undefined, null, '', 'gateway', { error: 'no' }, { error: { code: 1 } }]) {
      const failure = failureOf(404, body);
      expect(failure.code).toBe('internal');
      expect(failure.hint).not.toBe('');
    }
  });

  it('tell a server that is gone from one that refuses', () => {
    expect(failureOf(502, null).isUnreachable).toBe(true);
    expect(failureOf(503, { error: { code: 'busy', message: 'busy' } }).isUnreachable).toBe(false);
    expect(failureOf(500, { error: { code: 'io', message: 'no space' } }).isUnreachable).toBe(false);
  });

  it('are made of anything that is thrown', () => {
    expect(errorOf(new TypeError('x is undefined'))).toBeInstanceOf(ApiError);
    expect(errorOf('text').message).toBe('text');
    const own = failureOf(500, null);
    expect(errorOf(own)).toBe(own);
  });

  it('are shown as sentences', () => {
    expect(sentence('there is no dataset `x`')).toBe('There is no dataset “x”.');
    expect(sentence('why?')).toBe('Why?');
    expect(sentence('  ')).toBe('');
  });
});

describe('a server that stalls', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('is noticed, as one that is gone', async () => {
    vi.stubGlobal(
      'fetch',
      (_: Request, { signal }: { signal: AbortSignal }) =>
        new Promise((_, failed) => signal.addEventListener('abort', () => failed(signal.reason))),
    );
    const answer = expect(watchedFetch(new Request('http://studio/'))).rejects.toMatchObject({
      code: 'unreachable',
    });
    await vi.advanceTimersByTimeAsync(60_000);
    await answer;
  });

  it('is noticed while it takes in what may take long', () => {
    const onSilent = vi.fn();
    let isAnswering = false;
    const watch = new SilenceWatch(10_000, onSilent, () => isAnswering);
    vi.advanceTimersByTime(9000);
    watch.heard();
    vi.advanceTimersByTime(9000);
    isAnswering = true;
    vi.advanceTimersByTime(60_000);
    isAnswering = false;
    vi.advanceTimersByTime(8000);
    expect(onSilent).not.toHaveBeenCalled();
    vi.advanceTimersByTime(60_000);
    expect(onSilent).toHaveBeenCalledOnce();
  });
});

describe('thumbnails', () => {
  it('are asked for in the sizes that the server makes', () => {
    expect(thumbnailSide(10)).toBe(64);
    expect(thumbnailSide(256)).toBe(256);
    expect(thumbnailSide(257)).toBe(384);
    expect(thumbnailSide(4000)).toBe(1024);
  });
});
