import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '../../../src/lib/api/error';
import type { Dataset } from '../../../src/lib/api/model';
import { Restoring } from '../../../src/lib/dataset/restoring.svelte';
import { notices } from '../../../src/lib/shell/notices.svelte';
import { isBackWords } from '../../../src/lib/words/restored';

const dataset = (id: string, name: string) => ({ id, name }) as Dataset;
const gone = dataset('gone', 'Café');

describe('a dataset that is restored', () => {
  beforeEach(() => {
    for (const { id } of notices.list) notices.dismiss(id);
  });

  it('is back, under a name that may be another one', async () => {
    const onrestored = vi.fn();
    const back = dataset('gone', 'Café 2');
    const restoring = new Restoring(onrestored, async () => back);
    await restoring.restore(gone);
    expect(onrestored).toHaveBeenCalledWith(back, gone);
    expect(restoring.busy).toBeUndefined();
    expect(isBackWords(gone.name, gone.name)).toBe('“Café” is back.');
    expect(isBackWords(gone.name, back.name)).toBe(
      '“Café” is back as “Café 2”, since another one has its name.',
    );
  });

  it('is asked for once at a time', async () => {
    const ask = vi.fn(async () => gone);
    const restoring = new Restoring(vi.fn(), ask);
    await Promise.all([restoring.restore(gone), restoring.restore(gone)]);
    expect(ask).toHaveBeenCalledOnce();
  });

  it('tells of every failure', async () => {
    const restoring = new Restoring(vi.fn(), async () => {
      throw new ApiError('forbidden', 'not yours', '', 403);
    });
    await restoring.restore(gone);
    expect(restoring.busy).toBeUndefined();
    expect(notices.list.map(({ text }) => text)).toEqual(['Not yours.']);
  });
});
