// Which address shows which page.

export type Route =
  | { page: 'datasets' }
  | { page: 'dataset_new' }
  | { page: 'trash' }
  | { page: 'dataset'; dataset: string; image?: string }
  | { page: 'versions'; dataset: string; to?: number; from?: number }
  | { page: 'runs' | 'models' | 'generate' | 'compare' | 'settings' }
  | { page: 'absent' };

const ROOMS = ['runs', 'models', 'generate', 'compare', 'settings'] as const;

export function routeOf(path: string, query = ''): Route {
  const parts = path.split('/').filter(Boolean).map(decoded);
  if (parts.length === 0) return { page: 'datasets' };
  const [first, second, third, fourth] = parts;
  if (first === 'datasets') {
    if (second === undefined) return { page: 'datasets' };
    if (second === 'new' && parts.length === 2) return { page: 'dataset_new' };
    if (second === 'trash' && parts.length === 2) return { page: 'trash' };
    if (third === undefined) return { page: 'dataset', dataset: second };
    if (third === 'images' && fourth && parts.length === 4) {
      return { page: 'dataset', dataset: second, image: fourth };
    }
    if (third === 'versions' && parts.length === 3) {
      const values = new URLSearchParams(query);
      return {
        page: 'versions',
        dataset: second,
        to: versionOf(values, 'to'),
        from: versionOf(values, 'from'),
      };
    }
  }
  const room = ROOMS.find((room) => room === first && parts.length === 1);
  return room ? { page: room } : { page: 'absent' };
}

/** The entry of the sidebar that a page belongs to. */
export function roomOf(route: Route): string {
  switch (route.page) {
    case 'dataset_new':
    case 'trash':
    case 'dataset':
    case 'versions':
      return 'datasets';
    default:
      return route.page;
  }
}

export const addressOf = {
  dataset: (id: string) => `/datasets/${encodeURIComponent(id)}`,
  image: (id: string, image: string) =>
    `/datasets/${encodeURIComponent(id)}/images/${encodeURIComponent(image)}`,
  versions: (id: string, to?: number, from?: number) => {
    const query = new URLSearchParams();
    if (to !== undefined) query.set('to', String(to));
    if (from !== undefined) query.set('from', String(from));
    const words = query.toString();
    return `/datasets/${encodeURIComponent(id)}/versions${words ? `?${words}` : ''}`;
  },
};

function versionOf(values: URLSearchParams, name: string): number | undefined {
  const value = Number(values.get(name));
  return Number.isInteger(value) && value > 0 ? value : undefined;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
