// The strength that a slider shows, from when it is moved until that is saved: keys move it in many small steps.

const REST_MS = 500;

/** Saves a strength; `before` is the one that was saved before the first of its steps. It tells of failures itself. */
type Save = (strength: number, before: number) => Promise<void>;

export class SlidStrength {
  /** What the slider shows; nothing where that is what is saved. */
  shown = $state<number>();
  #save: Save;
  #restMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What was saved before the first step. */
  #before: number | undefined;
  /** What is still to be saved. */
  #wanted: number | undefined;
  #saving: Promise<void> | undefined;
  #isMoving = false;

  constructor(save: Save, restMs = REST_MS) {
    this.#save = save;
    this.#restMs = restMs;
  }

  /** Moved, and not let go yet. */
  move(strength: number): void {
    this.#isMoving = true;
    this.shown = strength;
  }

  /** Let go there; it is saved after a short rest, or at once. `saved` is what is saved now. */
  settle(strength: number, saved: number, isAtOnce = false): void {
    this.#isMoving = false;
    this.shown = strength;
    this.#before ??= saved;
    this.#wanted = strength;
    clearTimeout(this.#timer);
    if (isAtOnce) void this.flush();
    else this.#timer = setTimeout(() => void this.flush(), this.#restMs);
  }

  /** Nothing moves it any more, also where it was let go where it was taken: browsers tell of no change then. */
  rest(): void {
    this.#isMoving = false;
    void this.flush();
    if (this.#saving === undefined) this.#end();
  }

  /** Forgets what waits to be saved, until nothing is on its way either. */
  async drop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#wanted = undefined;
    await this.#saving;
    this.#isMoving = false;
    this.#end();
  }

  /** Saves at once what waits; until that is done, and what was on its way before. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#saving === undefined && this.#wanted !== undefined) this.#saving = this.#saveAll();
    return this.#saving ?? Promise.resolve();
  }

  /** One after the other, so that the newest stays. */
  async #saveAll(): Promise<void> {
    while (this.#wanted !== undefined && this.#before !== undefined) {
      const strength = this.#wanted;
      this.#wanted = undefined;
      await this.#save(strength, this.#before);
    }
    this.#saving = undefined;
    this.#end();
  }

  #end(): void {
    if (this.#wanted !== undefined) return;
    this.#before = undefined;
    if (!this.#isMoving) this.shown = undefined;
  }
}
