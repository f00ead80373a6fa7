// A dataset as the server keeps it, for what needs no browser.

import { ApiError, unreachable } from '../../src/lib/api/error';
import type { Dataset, Edit, EditDataset, Image, Version } from '../../src/lib/api/model';
import { applied } from '../../src/lib/dataset/changes/merge';

export const called = { trigger_word: 'BlobV1', category: 'character' } as const;

export const image = (id: string, caption: string, crop: Image['crop'] = null): Image => ({
  id,
  file_name: `${id}.png`,
  hash: '',
  size_bytes: 1,
  width: 100,
  height: 80,
  caption,
  crop,
});

export const caption = (id: string, text: string): Edit => ({ set_caption: { image: id, caption: text } });

export class Library {
  versions: Version[];
  /** What becomes of the next requests, in their order; afterwards all is well. */
  failures: ('gone' | 'answer lost' | number)[] = [];
  asked: EditDataset[] = [];

  constructor(images: Image[]) {
    this.versions = [this.#version(1, images)];
  }

  get newest(): Version {
    return this.versions.at(-1)!;
  }

  captions(): string[] {
    return this.newest.images.map(({ caption }) => caption);
  }

  /** As another page or the command line. */
  change(edits: Edit[]): void {
    const images = applied(this.newest.images, edits, called);
    this.versions.push(this.#version(this.versions.length + 1, images));
  }

  edit = async (_: string, body: EditDataset): Promise<{ dataset: Dataset; version: Version }> => {
    this.asked.push(body);
    const failure = this.failures.shift();
    if (failure === 'gone') throw unreachable();
    if (typeof failure === 'number') throw new ApiError('busy', 'busy', 'wait', failure);
    if (body.expected_version != null && body.expected_version !== this.newest.number) {
      throw new ApiError('conflict', 'there is a newer version', 'look again', 409);
    }
    this.change(body.edits);
    if (failure === 'answer lost') throw unreachable();
    return { dataset: { version: this.newest.number } as Dataset, version: this.newest };
  };

  version = async (_: string, number: string): Promise<Version> =>
    number === 'latest' ? this.newest : this.versions[Number(number) - 1]!;

  #version(number: number, images: Image[]): Version {
    return { number, images } as Version;
  }
}
