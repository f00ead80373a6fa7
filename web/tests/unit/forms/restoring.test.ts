import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '../../../src/lib/api/error';
import type { Dataset } from '../../../src/lib/api/model';
import { Restoring } from '../../../src/lib/dataset/restoring.svelte';
import { notices } from '../../../src/lib/shell/notices.svelte';

const dataset = (id: string, name: string) => ({ id, name }) as Dataset;
const gone = dataset('gone', 'Café');

/** A library with these datasets, which takes a name once. */
function library(...there: Dataset[]) {
  const onrestored = vi.fn();
  const key = (name: string) => name.normalize('NFC').toLowerCase();
  const restoring = new Restoring(onrestored, {
    list: async () => there,
    restore: async () => {
      if (there.some(({ name }) => key(name) === key(gone.name))) {
        throw new ApiError('invalid_input', 'there is a dataset `Café` already', '', 400);
      }
      return gone;
    },
    update: async (id, { name }) => {
      const other = there.find((one) => one.id === id)!;
      if (name === 'bad') throw new ApiError('invalid_input', 'the name cannot be used', '', 400);
      return Object.assign(other, { name });
    },
  });
  return { restoring, onrestored };
}

describe('a dataset that is restored', () => {
  beforeEach(() => {
    for (const { id } of notices.list) notices.dismiss(id);
  });

  it('is back', async () => {
    const { restoring, onrestored } = library();
    await restoring.restore(gone);
    expect(onrestored).toHaveBeenCalledWith(gone);
    expect([restoring.taken, restoring.busy]).toEqual([undefined, undefined]);
  });

  it('whose name is taken comes back once the other one has another', async () => {
    const { restoring, onrestored } = library(dataset('1', 'CAFE\u0301'), dataset('2', 'café 2'));
    await restoring.restore(gone);
    expect(restoring.taken).toMatchObject({ other: { id: '1' }, free: 'Café 3' });
    expect([onrestored.mock.calls, notices.list]).toEqual([[], []]);
    await restoring.renameOther('bad');
    expect(restoring.error?.message).toBe('the name cannot be used');
    await restoring.renameOther('Café 3');
    expect(onrestored).toHaveBeenCalledOnce();
    expect([restoring.taken, restoring.error, restoring.busy]).toEqual([undefined, undefined, undefined]);
  });

  it('suggests a name that is not too long', async () => {
    const long = 'x'.repeat(200);
    const { restoring } = library(dataset('1', long));
    restoring.ask.restore = async () => {
      throw new ApiError('invalid_input', 'there is a dataset of this name already', '', 400);
    };
    await restoring.restore(dataset('2', long));
    expect(restoring.taken?.free).toBe(`${'x'.repeat(195)} 2`);
  });

  it('says so where it does not see which one has its name', async () => {
    const { restoring } = library();
    restoring.ask.restore = async () => {
      throw new ApiError('invalid_input', 'there is a dataset `Café` already', '', 400);
    };
    await restoring.restore(gone);
    expect(restoring.taken).toMatchObject({ other: undefined });
    restoring.giveUp();
    expect(restoring.taken).toBeUndefined();
  });

  it('tells of every other failure', async () => {
    const { restoring } = library();
    restoring.ask.restore = async () => {
      throw new ApiError('forbidden', 'not yours', '', 403);
    };
    await restoring.restore(gone);
    expect(restoring.taken).toBeUndefined();
    expect(notices.list.map(({ text }) => text)).toEqual(['Not yours.']);
  });
});
