// What can go wrong between the page and the server, in one shape that every page can show.

/** A failure with what happened and what to do about it. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly hint: string,
    readonly status: number,
  ) {
    super(message);
    this.name = 'ApiError';
  }

  /** The server was not reached, so that the same request may work later. */
  get isUnreachable(): boolean {
    return this.code === 'unreachable';
  }

  /** Which field is wrong, as requests call it, where the message begins with that. */
  get field(): string | undefined {
    if (this.isNameTaken) return 'name';
    if (this.code !== 'invalid_input') return undefined;
    return /^(?:the (?:field `)?)?(name|trigger.word|description|category|password)\b/
      .exec(this.message)?.[1]
      ?.replace(' ', '_');
  }

  /** Something else of the same kind has the name already. */
  get isNameTaken(): boolean {
    return /^there is an? .* already$/.test(this.message);
  }
}

/** The failure of a request that got no answer. */
export function unreachable(): ApiError {
  return new ApiError(
    'unreachable',
    'the studio does not answer',
    'see that `atelier serve` is still running; this page goes on by itself when it is back',
    0,
  );
}

/** The failure in an answer; `body` is what came, which a proxy may have written instead of the server. */
export function failureOf(status: number, body: unknown): ApiError {
  const about = (body as { error?: Record<string, unknown> } | null | undefined)?.error;
  if (about && typeof about.message === 'string') {
    const part = status === 400 ? /^the path: (\w+) `/.exec(about.message)?.[1] : undefined;
    if (part) return absent(part);
    return new ApiError(
      String(about.code ?? 'internal'),
      forPeople(about.message),
      forPeople(String(about.hint ?? '')),
      status,
    );
  }
  // Every failure of the server has the shape above, so this is a proxy's, before a server that is gone.
  if (status >= 500) return unreachable();
  return new ApiError(
    'internal',
    `the server answered with status ${status}`,
    'try again; when it happens again, the terminal of `atelier serve` says more',
    status,
  );
}

/** What an address names that cannot be the name of anything. */
function absent(what: string): ApiError {
  const hint = 'check the address; the list it belongs to shows what exists';
  return new ApiError('not_found', `there is no such ${what.replaceAll('_', ' ')}`, hint, 404);
}

/** What the server says to programs and in terminals, and what is said here in its place. */
const FOR_PEOPLE: [RegExp, string][] = [
  [/^correct the value; \/api\/.*$/, ''],
  [/; \/api\/\S+ says .*$/, ''],
  [/; take it back with `atelier [^`]*` first$/, '; restore it from the trash first'],
  [/; cancel its job first: `atelier [^`]*`$/, '; take it out of the queue first'],
];

function forPeople(text: string): string {
  return FOR_PEOPLE.reduce((all, [words, other]) => all.replace(words, other), text);
}

/** What is said of something that was pressed while the server did not answer, until it does and after that. */
export function undoneWords(isLost: boolean): string {
  return isLost
    ? 'The studio does not answer, so that it is not known whether that was done. Look when it is back, before you press again.'
    : 'The studio did not answer, so that it is not known whether that was done. It is back: look, before you press again.';
}

/** Whatever was thrown, as such a failure. */
export function errorOf(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new ApiError('internal', message, 'this is a defect of the page; loading it again may help', 0);
}

/** A sentence for people: the server's messages start in lower case, have values in backticks and no full stop. */
export function sentence(text: string): string {
  const trimmed = text.trim().replace(/`([^`]*)`/g, '“$1”');
  if (!trimmed) return '';
  const start = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(start) ? start : `${start}.`;
}

/** Why something failed, which may have several lines. */
export function sentences(text: string): string {
  return text
    .split('\n')
    .filter((line) => line.trim())
    .map(sentence)
    .join('\n');
}
