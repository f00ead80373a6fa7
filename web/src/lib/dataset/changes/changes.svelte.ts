// The changes of a dataset's pictures that are not on the server yet: sent one after the other, kept when the connection is
// lost or the server refuses, and put on top of what others did meanwhile.

import { editDataset, getVersion } from '../../api/calls/datasets';
import { ApiError, errorOf } from '../../api/error';
import { Listeners } from '../../api/listeners';
import type { Dataset, Edit, Image, Version } from '../../api/model';
import { notices } from '../../shell/notices.svelte';
import { applied, type Called, type Clash, isSameImages, rebased, settingOf } from './merge';

const FIRST_PAUSE_MS = 1000;
const MOST_TRIES = 4;

/** What came of a change. */
export interface Made {
  /** The images that it was made to. */
  before: Image[];
  version: Version;
  /** Absent where the answer got lost. */
  dataset?: Dataset;
}

export interface Change {
  edits: Edit[];
  /** What was done, for the list of versions. */
  words?: string;
  /** The pictures whose fields are set, as they were seen. */
  was: Image[];
  called: Called;
}

export class Waiting {
  error: ApiError | undefined;
  tries = 0;
  /** Sent without an answer, perhaps made. */
  lost: { before: Version; edits: Edit[] } | undefined;
  edits: Edit[];
  was: Image[];

  constructor(
    readonly change: Change,
    readonly settle: (made: Made | undefined) => void,
  ) {
    this.edits = change.edits;
    this.was = change.was;
  }

  /** Takes over fields that `older` was to set, so that only the newest words are sent. */
  supersede(older: Waiting): void {
    const isOverridden = (edit: Edit) => this.edits.some((own) => isSameSetting(own, edit));
    for (const edit of older.edits.filter(isOverridden)) {
      const { image, field } = settingOf(edit)!;
      const seen = older.was.find(({ id }) => id === image);
      if (seen) this.was = this.was.map((own) => (own.id === image ? { ...own, [field]: seen[field] } : own));
    }
    older.edits = older.edits.filter((edit) => !isOverridden(edit));
  }
}

/** Fields that others changed too, until somebody says whose stay. */
export interface Question {
  clashes: Clash[];
  answer: (whose: 'mine' | 'theirs') => void;
}

/** The calls that this makes. */
export interface Calls {
  edit: typeof editDataset;
  version: (dataset: string, version: string) => Promise<Version>;
}

export class Changes {
  waiting = $state.raw<Waiting[]>([]);
  question = $state.raw<Question | undefined>();
  /** Hear of the newest version after each change, whatever became of it. */
  readonly versions = new Listeners<[version: Version, dataset?: Dataset]>();
  #newest: Version | undefined;
  #sending: Waiting | undefined;

  constructor(
    readonly dataset: string,
    readonly calls: Calls = { edit: editDataset, version: getVersion },
  ) {}

  get refused(): Waiting[] {
    return this.waiting.filter(({ error }) => error);
  }

  /** Whether what waits is sent, and nobody has to say anything first. */
  get isMoving(): boolean {
    return this.waiting.length > 0 && this.refused.length === 0 && this.question === undefined;
  }

  /** The images of a version once everything that waits is made. */
  onTopOf(images: Image[]): Image[] {
    return this.waiting.reduce((made, { edits, change }) => applied(made, edits, change.called), images);
  }

  /** A version that a page got, which saves asking for it. */
  seen(version: Version): void {
    if (version.number > (this.#newest?.number ?? 0)) this.#newest = version;
  }

  /** Makes a version with these edits. Resolves to nothing where none of them is made. */
  add(change: Change): Promise<Made | undefined> {
    return new Promise((settle) => {
      const added = new Waiting(change, settle);
      for (const older of this.waiting) this.#supersede(older, added);
      this.waiting = [...this.waiting.filter(({ edits }) => edits.length > 0), added];
      this.goOn();
    });
  }

  /** Sends what waits, as when the connection is back. */
  goOn(): void {
    if (!this.#sending) void this.#send();
  }

  /** Sends again what the server refused. */
  again(): void {
    for (const waiting of this.waiting) [waiting.error, waiting.tries] = [undefined, 0];
    this.waiting = [...this.waiting];
    this.goOn();
  }

  /** Gives up what the server refused. */
  discard(): void {
    for (const refused of this.refused) this.#settle(refused, undefined);
  }

  #supersede(older: Waiting, newer: Waiting): void {
    // What was sent may be made already.
    if (older === this.#sending || older.lost) return;
    newer.supersede(older);
    if (older.edits.length === 0) older.settle(undefined);
  }

  async #send(): Promise<void> {
    for (;;) {
      const next = this.waiting.find(({ error }) => !error);
      this.#sending = next;
      if (!next) return;
      try {
        this.#settle(next, await this.#make(next));
      } catch (thrown) {
        const error = errorOf(thrown);
        if (error.isUnreachable) break;
        if (isPassing(error) && ++next.tries < MOST_TRIES) {
          const pauseMs = FIRST_PAUSE_MS * 2 ** next.tries;
          await new Promise((done) => setTimeout(done, pauseMs));
        } else this.#refuse(next, error);
      }
    }
    this.#sending = undefined;
  }

  #settle(waiting: Waiting, made: Made | undefined): void {
    this.waiting = this.waiting.filter((other) => other !== waiting);
    const version = made?.version ?? this.#newest;
    if (version) this.versions.tell(version, made?.dataset);
    waiting.settle(made);
  }

  /** It stays, to be tried again or given up; what came after it goes on. */
  #refuse(waiting: Waiting, error: ApiError): void {
    waiting.error = error;
    this.#sending = undefined;
    const at = this.waiting.indexOf(waiting);
    for (const newer of this.waiting.slice(at + 1)) this.#supersede(waiting, newer);
    this.waiting = this.waiting.filter(({ edits }) => edits.length > 0);
  }

  async #make(waiting: Waiting): Promise<Made | undefined> {
    for (;;) {
      const newest = (this.#newest ??= await this.calls.version(this.dataset, 'latest'));
      const found = await this.#found(waiting, newest);
      if (found) return found;
      const edits = await this.#wanted(waiting, newest);
      if (edits.length === 0) return undefined;
      try {
        const body = { edits, expected_version: newest.number, change: waiting.change.words };
        const made = await this.calls.edit(this.dataset, body);
        this.#newest = made.version;
        return { before: newest.images, ...made };
      } catch (thrown) {
        const error = errorOf(thrown);
        if (error.isUnreachable || error.status >= 500) waiting.lost = { before: newest, edits };
        if (error.status !== 409) throw error;
        this.#newest = await this.calls.version(this.dataset, 'latest');
      }
    }
  }

  /** What became of a change whose answer got lost: the version after the one it was sent to is its own, or of others. */
  async #found({ lost, change }: Waiting, newest: Version): Promise<Made | undefined> {
    if (!lost || newest.number === lost.before.number) return undefined;
    const version = await this.calls.version(this.dataset, String(lost.before.number + 1));
    const wanted = applied(lost.before.images, lost.edits, change.called);
    return isSameImages(version.images, wanted) ? { before: lost.before.images, version } : undefined;
  }

  /** The edits as they can be made to the newest version, after asking whose fields stay where others changed them too. */
  async #wanted(waiting: Waiting, newest: Version): Promise<Edit[]> {
    const { edits, clashes, gone } = rebased(waiting.edits, waiting.was, newest.images);
    if (gone.length > 0) notices.failed(removedMeanwhile(gone));
    if (clashes.length === 0) return edits;
    const whose = await new Promise<'mine' | 'theirs'>((answer) => (this.question = { clashes, answer }));
    this.question = undefined;
    const given = clashes.map(({ edit }) => edit);
    waiting.edits = whose === 'mine' ? edits : edits.filter((edit) => !given.includes(edit));
    // Asked once: what they have now is known.
    waiting.was = newest.images;
    this.waiting = [...this.waiting];
    return waiting.edits;
  }
}

function isSameSetting(a: Edit, b: Edit): boolean {
  const [one, other] = [settingOf(a), settingOf(b)];
  return one !== undefined && one.image === other?.image && one.field === other.field;
}

/** Whether the same may work in a moment. */
function isPassing({ status }: ApiError): boolean {
  return status >= 500 || status === 408 || status === 429;
}

function removedMeanwhile(names: string[]): ApiError {
  const message = `${names.map((name) => `“${name}”`).join(', ')} was removed meanwhile`;
  return new ApiError('not_found', message, 'older versions have it, and there it can be put back', 404);
}
