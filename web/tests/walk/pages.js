// Every page, looked at: nobody kept out, nothing wider than the window, a picture of each.

export async function lookAtAll(visitor, suffix, { dataset, image, runs, model }) {
  const pages = {
    datasets: '/datasets',
    'dataset-new': '/datasets/new',
    trash: '/datasets/trash',
    dataset: `/datasets/${dataset}`,
    picture: `/datasets/${dataset}/images/${image}`,
    versions: `/datasets/${dataset}/versions?from=3`,
    train: `/train?dataset=${dataset}`,
    'train-first': '/train',
    runs: '/runs',
    'runs-trash': '/runs/trash',
    run: `/runs/${runs[0]}`,
    models: '/models',
    'models-trash': '/models/trash',
    model: `/models/${model}`,
    generate: '/generate',
    'pictures-trash': '/generate/trash',
    compare: '/compare',
    compared: `/compare?runs=${runs.join(',')}`,
    settings: '/settings',
    'settings-tokens': '/settings/tokens',
    'settings-accounts': '/settings/accounts',
    'settings-audit': '/settings/audit',
    'settings-doors': '/settings/doors',
    absent: '/nowhere',
    'absent-dataset': '/datasets/00000000-0000-7000-8000-000000000000',
    'absent-run': '/runs/00000000-0000-7000-8000-000000000000',
    'absent-model': '/models/00000000-0000-7000-8000-000000000000',
  };
  const findings = [];
  for (const [name, path] of Object.entries(pages)) {
    await visitor.go(path);
    await visitor.page.getByRole('heading', { level: 1 }).waitFor({ state: 'attached' });
    await visitor.noSideways(`${name} (${suffix})`);
    const told = await visitor.accessible(`${name} (${suffix})`);
    findings.push(...told.map((line) => `${name}: ${line}`));
    await visitor.shoot(`${name}-${suffix}`);
  }
  // The browser says of itself that the absent dataset was answered with 404, which is what was asked for.
  visitor.complaints = visitor.complaints.filter((line) => !line.includes('404'));
  return { pages: Object.keys(pages).length, findings };
}
