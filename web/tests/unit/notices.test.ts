import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connection } from '../../src/lib/api/connection.svelte';
import { ApiError, unreachable } from '../../src/lib/api/error';
import { notices } from '../../src/lib/shell/notices.svelte';

const texts = () => notices.list.map(({ text }) => text);

describe('messages', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    for (const { id } of notices.list) notices.dismiss(id);
  });
  afterEach(() => {
    connection.answered();
    vi.useRealTimers();
  });

  it('stay while they are held', () => {
    notices.done('saved');
    notices.isHeld = true;
    vi.advanceTimersByTime(60_000);
    expect(notices.list).toHaveLength(1);
    notices.isHeld = false;
    vi.advanceTimersByTime(60_000);
    expect(notices.list).toEqual([]);
  });

  it('say once that nothing is done while the server is away', () => {
    connection.lost();
    notices.failed(unreachable());
    notices.failed(unreachable());
    expect(texts()).toEqual([
      'The studio does not answer, so that it is not known whether that was done. Look when it is back, before you press again.',
    ]);
  });

  it('say for a while after the server is back what was not done', () => {
    connection.lost();
    notices.failed(unreachable());
    vi.advanceTimersByTime(500);
    connection.answered();
    expect(texts()).toEqual([
      'The studio did not answer, so that it is not known whether that was done. It is back: look, before you press again.',
    ]);
    vi.advanceTimersByTime(60_000);
    expect(texts()).toEqual([]);
  });

  it('say nothing of it any more once something is done', () => {
    connection.lost();
    notices.failed(unreachable());
    connection.answered();
    notices.done('saved');
    expect(texts()).toEqual(['saved']);
  });

  it('say nothing of a return where nothing was pressed', () => {
    connection.lost();
    connection.answered();
    expect(texts()).toEqual([]);
  });

  it('keep what the server refused until it is read', () => {
    notices.failed(new ApiError('conflict', 'it is newer', 'look again', 409));
    vi.advanceTimersByTime(600_000);
    expect(texts()).toEqual(['It is newer.']);
  });
});
