// Why the server refused what a form handed in. Where that is about a field, it is said beside it, for as long as the field
// stays as it was refused.

import { type ApiError, errorOf, sentence } from '../api/error';

/** What stands in the fields of a form, by the names that the server has for them. */
type Fields = Partial<Record<string, string>>;

export class Refusal {
  #fields: () => Fields;
  #error = $state.raw<ApiError>();
  #field: string | undefined;
  /** What stood in the field when it was refused. */
  #refused: string | undefined;

  constructor(fields: () => Fields) {
    this.#fields = fields;
  }

  /** The field that is wrong, where the form has it. */
  get field(): string | undefined {
    return this.#error && this.#field;
  }

  /** What is wrong with a field, in words; nothing once something else stands there. */
  of(field: string): string {
    if (this.field !== field || this.#fields()[field] !== this.#refused) return '';
    const { message, hint } = this.#error!;
    return [message, hint].map(sentence).filter(Boolean).join(' ');
  }

  /** What is about none of the fields. */
  get elsewhere(): ApiError | undefined {
    return this.field === undefined ? this.#error : undefined;
  }

  /** `field` is the one that is wrong, where the form calls it otherwise than the server. */
  take(thrown: unknown, field = errorOf(thrown).field): void {
    const fields = this.#fields();
    this.#field = field !== undefined && field in fields ? field : undefined;
    this.#refused = this.#field && fields[this.#field];
    this.#error = errorOf(thrown);
  }

  forget(): void {
    this.#error = undefined;
  }
}
