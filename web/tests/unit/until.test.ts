import { describe, expect, it } from 'vitest';
import { untilUserActs } from '../../src/lib/shell/until';
import { keepFilesOut } from '../../src/lib/upload/dropped';

/** A page that changes when a test says so, and a user who does something. */
function page() {
  const user = new EventTarget();
  let changed = () => {};
  let isWatched = false;
  const watch = (look: () => void) => {
    [changed, isWatched] = [look, true];
    return () => (isWatched = false);
  };
  return { user, watch, change: () => changed(), isWatched: () => isWatched };
}

describe('what waits for a slow page', () => {
  it('is done at once where it can be', () => {
    const { user, watch, isWatched } = page();
    untilUserActs(() => true, watch, user);
    expect(isWatched()).toBe(false);
  });

  it('is tried after each change, however long that takes, and then no more', () => {
    const { user, watch, change, isWatched } = page();
    let tries = 0;
    untilUserActs(() => ++tries === 500, watch, user);
    for (let at = 0; at < 499; at++) change();
    expect([tries, isWatched()]).toEqual([500, false]);
  });

  it('leaves the keyboard and the page to a user who does something', () => {
    for (const deed of ['keydown', 'pointerdown', 'wheel']) {
      const { user, watch, isWatched } = page();
      untilUserActs(() => false, watch, user);
      user.dispatchEvent(new Event(deed));
      expect(isWatched(), deed).toBe(false);
    }
  });

  it('is given up with the page', () => {
    const { user, watch, isWatched } = page();
    untilUserActs(() => false, watch, user)();
    expect(isWatched()).toBe(false);
  });
});

describe('files that are dropped where nothing takes them', () => {
  function drop(kind: string, types: string[], target?: object) {
    const event = new Event(kind, { cancelable: true });
    const dataTransfer = { types, dropEffect: 'copy' };
    Object.defineProperties(event, { dataTransfer: { value: dataTransfer }, target: { value: target } });
    return event as Event & { dataTransfer: typeof dataTransfer };
  }
  /** A page whose events name the target that a test wants. */
  function listened() {
    const listeners = new Map<string, (event: Event) => void>();
    const end = keepFilesOut({
      addEventListener: (kind: string, listener: unknown) =>
        void listeners.set(kind, listener as (event: Event) => void),
      removeEventListener: (kind: string) => void listeners.delete(kind),
    });
    return { listeners, end, hear: (event: Event) => listeners.get(event.type)?.(event) };
  }

  it('are not opened by the browser', () => {
    const { hear, end, listeners } = listened();
    for (const kind of ['dragover', 'drop']) {
      const event = drop(kind, ['Files']);
      hear(event);
      expect([event.defaultPrevented, event.dataTransfer.dropEffect]).toEqual([true, 'none']);
    }
    end();
    expect(listeners.size).toBe(0);
  });

  it('are left to zones, to fields for files, and to what takes words', () => {
    const { hear } = listened();
    const taken = drop('dragover', ['Files']);
    taken.preventDefault();
    hear(taken);
    expect(taken.dataTransfer.dropEffect).toBe('copy');
    const field = drop('drop', ['Files'], { matches: (selector: string) => selector === 'input[type=file]' });
    hear(field);
    const words = drop('drop', ['text/plain']);
    hear(words);
    expect([field.defaultPrevented, words.defaultPrevented]).toEqual([false, false]);
  });
});
