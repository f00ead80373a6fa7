// Walks between pages with the browser's history, without loading anything anew.

import { type Route, routeOf } from './routes';
import { sizeOf, untilUserActs } from './until';

class Router {
  route = $state.raw<Route>(routeOf(location.pathname, location.search));
  /** Ends the way back to where a page was scrolled to. */
  #stay = () => {};

  /** Goes to an address of these pages. `isQuiet` stays where the page was scrolled to; `replaces` leaves no step to go back to. */
  go(address: string, { isQuiet = false, replaces = false } = {}): void {
    if (address === location.pathname + location.search) return;
    if (replaces) {
      history.replaceState(history.state, '', address);
    } else {
      this.#stay();
      history.replaceState({ ...history.state, scrolled: scrollY }, '');
      history.pushState({ isInside: true }, '', address);
    }
    this.#read();
    if (!isQuiet && !replaces) scrollTo(0, 0);
  }

  /** Goes back to `address` if that is where one came from, else there anew. */
  leaveTo(address: string): void {
    if (history.state?.isInside) history.back();
    else this.go(address, { isQuiet: true, replaces: true });
  }

  /** Takes over links and the browser's own steps. */
  listen(): () => void {
    history.scrollRestoration = 'manual';
    const step = () => {
      this.#read();
      this.#restore(Number(history.state?.scrolled ?? 0));
    };
    const click = (event: MouseEvent) => {
      const link = (event.target as Element | null)?.closest?.('a');
      if (!link || event.defaultPrevented || event.button !== 0) return;
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      if (link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
      if (link.pathname.startsWith('/api/') || (link.hash && link.pathname === location.pathname)) return;
      event.preventDefault();
      this.go(link.pathname + link.search, { isQuiet: 'quiet' in link.dataset });
    };
    addEventListener('popstate', step);
    document.addEventListener('click', click);
    return () => {
      removeEventListener('popstate', step);
      document.removeEventListener('click', click);
    };
  }

  #read(): void {
    this.route = routeOf(location.pathname, location.search);
  }

  /** The page may still be fetching what makes it long enough, so this is tried each time that it gets longer. */
  #restore(to: number): void {
    this.#stay();
    let end = () => {};
    const frame = requestAnimationFrame(() => {
      end = untilUserActs(() => {
        scrollTo(0, to);
        return document.documentElement.scrollHeight - innerHeight >= to - 1;
      }, sizeOf(document.body));
    });
    this.#stay = () => {
      cancelAnimationFrame(frame);
      end();
    };
  }
}

export const router = new Router();
