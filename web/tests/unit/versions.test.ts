import { describe, expect, it } from 'vitest';
import type { VersionAbout } from '../../src/lib/api/model';
import { groupsOf } from '../../src/lib/versions/groups';

const MINUTE = 60_000;
const version = (number: number, change: string, minute = number) =>
  ({ number, change, created_ms: minute * MINUTE, image_count: 3, hash: '' }) as VersionAbout;
const told = (versions: VersionAbout[], isApart?: (number: number) => boolean) =>
  groupsOf(versions, isApart).map(
    ({ oldest, newest, change }) => `${oldest.number}-${newest.number} ${change}`,
  );

describe('versions in the list', () => {
  const versions = [
    version(7, 'changes taken back'),
    version(6, '1 caption changed, 1 crop changed'),
    version(5, '1 caption changed'),
    version(4, '2 crops changed'),
    version(3, '1 caption changed', -60),
    version(2, '3 pictures added', -61),
    version(1, 'created', -62),
  ];

  it('are one row where captions and crops were changed in one sitting', () => {
    expect(told(versions)).toEqual([
      '7-7 changes taken back',
      '4-6 2 captions and 3 crops changed',
      '3-3 1 caption changed',
      '2-2 3 pictures added',
      '1-1 created',
    ]);
  });

  it('can be shown apart', () => {
    expect(told(versions, (number) => number >= 4)).toHaveLength(7);
  });
});
