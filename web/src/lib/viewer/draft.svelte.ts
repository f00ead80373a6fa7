// What is being changed in the picture that is open, until it is left and saved.

import type { Crop, Edit, Image } from '../api/model';
import { oneLine } from '../caption/edit';
import { chosenCrop, cropOf, isSameCrop } from '../crop/geometry';

export class Draft {
  #image: () => Image;
  #caption = $state<string | undefined>();
  #crop = $state.raw<Crop | undefined>();
  #steps = $state.raw<(Crop | undefined)[]>([]);
  #isMoving = false;

  constructor(image: () => Image) {
    this.#image = image;
  }

  get caption(): string {
    return this.#caption ?? this.#image().caption;
  }

  set caption(caption: string) {
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

  /** The edits that save it. */
  edits(): Edit[] {
    const image = this.#image();
    const edits: Edit[] = [];
    if (this.#caption !== undefined && oneLine(this.#caption) !== image.caption) {
      edits.push({ set_caption: { image: image.id, caption: this.#caption } });
    }
    const crop = this.#crop && chosenCrop(this.#crop, image);
    if (crop !== undefined && !isSameCrop(crop, image.crop)) {
      edits.push({ set_crop: { image: image.id, crop } });
    }
    return edits;
  }
}
