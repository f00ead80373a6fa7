// What is being changed in the picture that is open, until it is handed in to be saved.

import type { Crop, Edit, Image } from '../api/model';
import { oneLine } from '../caption/edit';
import { chosenCrop, cropOf, isSameCrop } from '../crop/geometry';

export class Draft {
  #image: () => Image;
  #caption = $state<string | undefined>();
  #crop = $state.raw<Crop | undefined>();
  #steps = $state.raw<(Crop | undefined)[]>([]);
  #isMoving = false;
  /** What each field was when it was first changed here; others may have changed it since. */
  #captionWas: string | undefined;
  #cropWas: Crop | null = null;

  constructor(image: () => Image) {
    this.#image = image;
  }

  get caption(): string {
    return this.#caption ?? this.#image().caption;
  }

  set caption(caption: string) {
    if (this.#caption === undefined) this.#captionWas = this.#image().caption;
    this.#caption = caption;
  }

  get crop(): Crop {
    return this.#crop ?? cropOf(this.#image());
  }

  get canUndoCrop(): boolean {
    return this.#steps.length > 0;
  }

  /** Changes the crop. What comes until `endMove` is one step to undo. */
  moveCrop(crop: Crop): void {
    if (this.#crop === undefined) this.#cropWas = this.#image().crop ?? null;
    if (!this.#isMoving) this.#steps = [...this.#steps, this.#crop];
    this.#isMoving = true;
    this.#crop = crop;
  }

  endMove(): void {
    this.#isMoving = false;
  }

  undoCrop(): void {
    this.#crop = this.#steps.at(-1);
    this.#steps = this.#steps.slice(0, -1);
  }

  /** The picture as it is drafted. */
  get image(): Image {
    const image = this.#image();
    const crop = this.#crop ? chosenCrop(this.#crop, image) : image.crop;
    return { ...image, caption: oneLine(this.caption), crop };
  }

  /** The edits that save it. */
  edits(): Edit[] {
    const [image, drafted] = [this.#image(), this.image];
    const edits: Edit[] = [];
    if (this.#caption !== undefined && drafted.caption !== image.caption) {
      edits.push({ set_caption: { image: image.id, caption: drafted.caption } });
    }
    if (this.#crop && !isSameCrop(drafted.crop, image.crop)) {
      edits.push({ set_crop: { image: image.id, crop: drafted.crop } });
    }
    return edits;
  }

  /** Hands in the edits, with the picture as it was seen, and lets go: what is shown is that of the dataset again. */
  take(): { edits: Edit[]; was: Image } {
    const [image, edits] = [this.#image(), this.edits()];
    const was = {
      ...image,
      caption: this.#caption === undefined ? image.caption : (this.#captionWas ?? ''),
      crop: this.#crop === undefined ? image.crop : this.#cropWas,
    };
    [this.#caption, this.#crop, this.#steps, this.#isMoving] = [undefined, undefined, [], false];
    return { edits, was };
  }
}
