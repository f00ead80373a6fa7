import { describe, expect, it } from 'vitest';
import { addressOf, roomOf, routeOf } from '../../src/lib/shell/routes';

describe('addresses', () => {
  it('lead to pages', () => {
    expect(routeOf('/')).toEqual({ page: 'datasets' });
    expect(routeOf('/datasets/')).toEqual({ page: 'datasets' });
    expect(routeOf('/datasets/new')).toEqual({ page: 'dataset_new' });
    expect(routeOf('/datasets/trash')).toEqual({ page: 'trash' });
    expect(routeOf('/settings')).toEqual({ page: 'settings', part: 'studio' });
    expect(routeOf('/settings/tokens')).toEqual({ page: 'settings', part: 'tokens' });
    for (const path of [
      '/settings/x',
      '/runs/a/b',
      '/train/x',
      '/datasets/a/b',
      '/datasets/a/images',
      '/datasets/new/x/y',
      '/x',
    ]) {
      expect(routeOf(path), path).toEqual({ page: 'absent' });
    }
  });

  it('name datasets, pictures and versions', () => {
    expect(routeOf(addressOf.dataset('a'))).toEqual({ page: 'dataset', dataset: 'a' });
    expect(routeOf(addressOf.image('a', 'b/c'))).toEqual({ page: 'dataset', dataset: 'a', image: 'b/c' });
    expect(routeOf('/datasets/a/versions', '?to=3&from=1')).toEqual({
      page: 'versions',
      dataset: 'a',
      to: 3,
      from: 1,
    });
    expect(routeOf('/datasets/a/versions', '?to=-3&from=x')).toMatchObject({
      to: undefined,
      from: undefined,
    });
    expect(addressOf.versions('a', 3, 1)).toBe('/datasets/a/versions?to=3&from=1');
    expect(addressOf.versions('a')).toBe('/datasets/a/versions');
  });

  it('name runs, models and what to draw with', () => {
    expect(routeOf('/train', '?dataset=a')).toEqual({ page: 'train', dataset: 'a', run: undefined });
    expect(routeOf(addressOf.run('a/b'))).toEqual({ page: 'run', run: 'a/b' });
    expect(routeOf('/runs/trash')).toEqual({ page: 'runs_trash' });
    expect(routeOf(addressOf.model('m'))).toEqual({ page: 'model', model: 'm' });
    expect(addressOf.compare(['a', 'b'])).toBe('/compare?runs=a,b');
    expect(routeOf('/compare', '?runs=a,b,a,')).toEqual({ page: 'compare', runs: ['a', 'b'] });
    expect(routeOf('/generate', '?models=m')).toEqual({ page: 'generate', models: ['m'] });
    expect(addressOf.generate()).toBe('/generate');
    expect(roomOf(routeOf('/runs/a'))).toBe('runs');
    expect(roomOf(routeOf('/generate/trash'))).toBe('generate');
  });

  it('survive what cannot be decoded', () => {
    expect(routeOf('/datasets/%E0%A4%A')).toEqual({ page: 'dataset', dataset: '%E0%A4%A' });
  });

  it('belong to rooms', () => {
    expect(roomOf(routeOf('/datasets/a/images/b'))).toBe('datasets');
    expect(roomOf(routeOf('/datasets/trash'))).toBe('datasets');
    expect(roomOf(routeOf('/generate'))).toBe('generate');
  });
});
