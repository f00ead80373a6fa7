// The uploads of a dataset: one after the other, each with its progress and what became of its files.

import { isAbort } from '../api/client';
import { connection } from '../api/connection.svelte';
import { type ApiError, errorOf } from '../api/error';
import type { Uploaded } from '../api/model';
import { batchesOf, batchName, type Limits, type Refused } from './batches';
import type { Picked } from './picked';
import { sendUpload } from './send';
import { type Unused, unusedOf } from './unused';

export type UploadState = 'waiting' | 'sending' | 'reading' | 'done' | 'failed';

export class Upload {
  state = $state<UploadState>('waiting');
  share = $state(0);
  answer = $state.raw<Uploaded | undefined>();
  error = $state.raw<ApiError | undefined>();
  /** Captions and crops of no picture that came in. */
  unused = $state.raw<Unused[]>([]);
  readonly name: string;
  readonly abort = new AbortController();

  constructor(
    readonly files: Picked[],
    readonly refusedHere: Refused[],
    /** The paths of all that was refused here, also where another upload tells of it. */
    readonly notSent: string[] = [],
  ) {
    this.name = files.length > 0 ? batchName(files) : 'Refused files';
    if (files.length === 0) this.state = 'done';
  }

  get refused(): Refused[] {
    const files = this.answer?.files.filter((file) => file.outcome === 'refused') ?? [];
    const named = files.map(({ file_name, archive, reason }) => ({
      fileName: archive ? `${archive} › ${file_name}` : file_name,
      reason: reason ?? '',
    }));
    return [...this.refusedHere, ...named];
  }

  /** How many files were there already. */
  get present(): number {
    return this.answer?.files.filter((file) => file.outcome === 'present').length ?? 0;
  }
}

export class Uploads {
  list = $state.raw<Upload[]>([]);
  #isRunning = false;

  constructor(
    readonly dataset: string,
    readonly onAnswer: (answer: Uploaded) => void,
    readonly send = sendUpload,
  ) {}

  add(files: Picked[], limits: Limits): void {
    const { batches, refused } = batchesOf(files, limits);
    const notSent = refused.map(({ fileName }) => fileName);
    const uploads = batches.map((batch, at) => new Upload(batch, at === 0 ? refused : [], notSent));
    if (uploads.length === 0 && refused.length > 0) uploads.push(new Upload([], refused));
    this.list = [...this.list, ...uploads];
    void this.#run();
  }

  again(upload: Upload): void {
    reset(upload);
    void this.#run();
  }

  /** Sends what waits, and what the connection was lost under; sending the same files twice adds them once. */
  goOn(): void {
    for (const upload of this.list) if (upload.error?.isUnreachable) reset(upload);
    void this.#run();
  }

  dismiss(upload: Upload): void {
    upload.abort.abort();
    this.list = this.list.filter((other) => other !== upload);
  }

  get isBusy(): boolean {
    return this.list.some(({ state }) => state === 'waiting' || state === 'sending' || state === 'reading');
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (;;) {
      const next = this.list.find((upload) => upload.state === 'waiting');
      if (!next || connection.isLost) break;
      await this.#send(next);
    }
    this.#isRunning = false;
  }

  async #send(upload: Upload): Promise<void> {
    upload.state = 'sending';
    upload.share = 0;
    const progress = (share: number) => {
      upload.share = share;
      upload.state = share >= 1 ? 'reading' : 'sending';
    };
    try {
      const answer = await this.send(this.dataset, upload.files, progress, upload.abort.signal);
      this.onAnswer(answer);
      upload.unused = await unusedOf(upload.files, answer, upload.notSent);
      upload.answer = answer;
      upload.state = 'done';
    } catch (thrown) {
      if (isAbort(thrown)) return;
      upload.error = errorOf(thrown);
      upload.state = 'failed';
    }
  }
}

function reset(upload: Upload): void {
  upload.state = 'waiting';
  upload.error = undefined;
}
