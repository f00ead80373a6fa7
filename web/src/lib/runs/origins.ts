// Where the settings of a run come from. The server keeps what they are, not who gave them; a plan of the same training with
// nothing given but trigger, category and strength has the others as the strength and the defaults make them.

import type { Run, SettingOrigin, SettingsSchema } from '../api/model';
import { planTraining } from '../api/calls/trainings';

type Origins = Partial<Record<string, SettingOrigin>>;

export async function originsOf(
  run: Run,
  schema: SettingsSchema,
  signal?: AbortSignal,
  plan: typeof planTraining = planTraining,
): Promise<Origins | undefined> {
  const { dataset, dataset_version: version, base, settings } = run;
  if (!dataset || run.trashed_ms != null) return undefined;
  const { trigger, category, strength } = settings;
  try {
    const body = { dataset, version, base, settings: { trigger, category, strength } };
    const { settings: plain, origins } = await plan(body, signal);
    return Object.fromEntries(
      schema.settings.map(({ name }) => [name, originOf(name, [settings, plain], origins)]),
    );
  } catch {
    // Such as when the dataset is gone: then nothing is said.
    return undefined;
  }
}

/** One that is other than the strength and the defaults would have it was given. */
function originOf(name: string, [own, plain]: object[], origins: Origins): SettingOrigin | undefined {
  const [is, would] = [own, plain].map((all) => (all as Record<string, unknown>)[name]);
  return is === would ? origins[name] : 'request';
}
