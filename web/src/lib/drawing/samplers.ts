// The samplers and schedules that the server knows; the compiler says when one is missing here.

import type { Sampler, Schedule } from './form';

const SAMPLER_LABELS: Record<Sampler, string> = {
  ddim: 'DDIM',
  pndm: 'PNDM',
  lms: 'LMS',
  euler: 'Euler',
  'euler-a': 'Euler ancestral',
  heun: 'Heun',
  dpm2: 'DPM2',
  'dpm2-a': 'DPM2 ancestral',
  'dpmpp-2m': 'DPM++ 2M',
  'dpmpp-2m-sde': 'DPM++ 2M SDE',
  'dpmpp-sde': 'DPM++ SDE',
  'dpmpp-3m-sde': 'DPM++ 3M SDE',
  unipc: 'UniPC',
  lcm: 'LCM',
};
const SCHEDULE_LABELS: Record<Schedule, string> = {
  base: 'as the base',
  leading: 'Leading',
  trailing: 'Trailing',
  linspace: 'Evenly',
  karras: 'Karras',
  exponential: 'Exponential',
  beta: 'Beta',
  'sgm-uniform': 'SGM uniform',
};

export const SAMPLERS = Object.entries(SAMPLER_LABELS) as [Sampler, string][];
export const SCHEDULES = Object.entries(SCHEDULE_LABELS) as [Schedule, string][];

export function samplerLabel(sampler: Sampler | undefined): string {
  return sampler ? SAMPLER_LABELS[sampler] : '';
}
