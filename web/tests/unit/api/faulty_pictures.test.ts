import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connection } from '../../../src/lib/api/connection.svelte';
import { FaultyPictures } from '../../../src/lib/api/faulty_pictures.svelte';

describe('a picture that cannot be fetched', () => {
  const ping = vi.fn();
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('fetch', ping);
  });
  afterEach(() => {
    connection.answered();
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it('is broken where the server answers', async () => {
    ping.mockResolvedValue({ ok: true });
    const pictures = new FaultyPictures();
    await pictures.failed('/a');
    expect([pictures.has('/a'), pictures.has('/b')]).toEqual([true, false]);
  });

  it('is not broken while the server is away', async () => {
    ping.mockRejectedValue(new TypeError('no network'));
    const pictures = new FaultyPictures();
    await pictures.failed('/a');
    expect([connection.isLost, pictures.has('/a')]).toEqual([true, false]);
  });

  it('asks once for many that fail together', async () => {
    ping.mockReset().mockResolvedValue({ ok: true });
    const pictures = new FaultyPictures();
    await Promise.all(['/a', '/b', '/c'].map((address) => pictures.failed(address)));
    expect(ping).toHaveBeenCalledOnce();
  });
});
