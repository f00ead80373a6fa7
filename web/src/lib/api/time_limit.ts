// Servers that stall: an answer has to come in time.

/** The answer to a request. A body counts too where it is JSON; files take as long as they are. */
export async function fetchWithin(mostMs: number, request: Request): Promise<Response> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), mostMs);
  try {
    const response = await fetch(request, { signal: AbortSignal.any([request.signal, late.signal]) });
    const isJson = response.headers.get('content-type')?.includes('json');
    return isJson ? new Response(await response.arrayBuffer(), response) : response;
  } finally {
    clearTimeout(timer);
  }
}

const LOOK_MS = 1000;

/** Calls `onSilent` once when nothing was heard for `mostMs`. */
export class SilenceWatch {
  #lastHeard = Date.now();
  #timer: ReturnType<typeof setInterval>;

  /** `isHeard` is asked each second, besides what `heard` is told. */
  constructor(mostMs: number, onSilent: () => void, isHeard: () => boolean) {
    this.#timer = setInterval(() => {
      if (isHeard()) this.heard();
      if (Date.now() - this.#lastHeard < mostMs) return;
      this.stop();
      onSilent();
    }, LOOK_MS);
  }

  heard(): void {
    this.#lastHeard = Date.now();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
