// Which address shows which page.

export type Route =
  | { page: 'datasets' }
  | { page: 'dataset_new' }
  | { page: 'trash' }
  | { page: 'dataset'; dataset: string; image?: string }
  | { page: 'versions'; dataset: string; to?: number; from?: number }
  | { page: 'train'; dataset?: string; run?: string }
  | { page: 'run'; run: string }
  | { page: 'model'; model: string }
  | { page: 'generate'; models: string[] }
  | { page: 'compare'; runs: string[] }
  | { page: 'settings'; part: SettingsPart }
  | { page: 'runs' | 'models' }
  | { page: 'runs_trash' | 'models_trash' | 'pictures_trash' }
  | { page: 'absent' };

const ROOMS = ['runs', 'models'] as const;

export const SETTINGS_PARTS = ['studio', 'account', 'tokens', 'accounts', 'audit', 'doors'] as const;
export type SettingsPart = (typeof SETTINGS_PARTS)[number];

export function routeOf(path: string, query = ''): Route {
  const parts = path.split('/').filter(Boolean).map(decoded);
  if (parts.length === 0) return { page: 'datasets' };
  const [first, second, third, fourth] = parts;
  const values = new URLSearchParams(query);
  if (first === 'datasets') {
    if (second === undefined) return { page: 'datasets' };
    if (second === 'new' && parts.length === 2) return { page: 'dataset_new' };
    if (second === 'trash' && parts.length === 2) return { page: 'trash' };
    if (third === undefined) return { page: 'dataset', dataset: second };
    if (third === 'images' && fourth && parts.length === 4) {
      return { page: 'dataset', dataset: second, image: fourth };
    }
    if (third === 'versions' && parts.length === 3) {
      return {
        page: 'versions',
        dataset: second,
        to: versionOf(values, 'to'),
        from: versionOf(values, 'from'),
      };
    }
  }
  if (first === 'train' && parts.length === 1) {
    return {
      page: 'train',
      dataset: values.get('dataset') ?? undefined,
      run: values.get('run') ?? undefined,
    };
  }
  if (first === 'generate' && parts.length === 1) {
    return { page: 'generate', models: listOf(values, 'models') };
  }
  if (first === 'compare' && parts.length === 1) return { page: 'compare', runs: listOf(values, 'runs') };
  if (first === 'settings' && parts.length <= 2) {
    const part = SETTINGS_PARTS.find((part) => part === (second ?? 'studio'));
    if (part) return { page: 'settings', part };
  }
  if (second === 'trash' && parts.length === 2) {
    if (first === 'runs') return { page: 'runs_trash' };
    if (first === 'models') return { page: 'models_trash' };
    if (first === 'generate') return { page: 'pictures_trash' };
  }
  if (first === 'runs' && second && parts.length === 2) return { page: 'run', run: second };
  if (first === 'models' && second && parts.length === 2) return { page: 'model', model: second };
  const room = ROOMS.find((room) => room === first && parts.length === 1);
  return room ? { page: room } : { page: 'absent' };
}

/** What a page is about: where it stays the same, the page has only moved on. */
export function placeOf(route: Route): string {
  if ('dataset' in route && route.page !== 'train') return `dataset ${route.dataset}`;
  if (route.page === 'run') return `run ${route.run}`;
  if (route.page === 'model') return `model ${route.model}`;
  return route.page;
}

/** The entry of the sidebar that a page belongs to. */
export function roomOf(route: Route): string {
  switch (route.page) {
    case 'dataset_new':
    case 'trash':
    case 'dataset':
    case 'versions':
      return 'datasets';
    case 'train':
      return 'train';
    case 'run':
    case 'runs_trash':
      return 'runs';
    case 'model':
    case 'models_trash':
      return 'models';
    case 'pictures_trash':
      return 'generate';
    default:
      return route.page;
  }
}

export const addressOf = {
  settings: (part: SettingsPart) => (part === 'studio' ? '/settings' : `/settings/${part}`),
  train: (from: { dataset?: string; run?: string } = {}) => withQuery('/train', from),
  run: (id: string) => `/runs/${encodeURIComponent(id)}`,
  model: (id: string) => `/models/${encodeURIComponent(id)}`,
  generate: (models: string[] = []) => withQuery('/generate', { models: models.join(',') }),
  compare: (runs: string[] = []) => withQuery('/compare', { runs: runs.join(',') }),
  dataset: (id: string) => `/datasets/${encodeURIComponent(id)}`,
  image: (id: string, image: string) =>
    `/datasets/${encodeURIComponent(id)}/images/${encodeURIComponent(image)}`,
  versions: (id: string, to?: number, from?: number) => {
    return withQuery(`/datasets/${encodeURIComponent(id)}/versions`, { to, from });
  },
};

function withQuery(path: string, values: Record<string, string | number | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== '') query.set(name, String(value));
  }
  const words = query.toString().replaceAll('%2C', ',');
  return words ? `${path}?${words}` : path;
}

function listOf(values: URLSearchParams, name: string): string[] {
  return [...new Set((values.get(name) ?? '').split(',').filter(Boolean))];
}

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
