// The words of Leonardo's clients, as the settings list them.

import type { DoorMapping } from '../../api/model';

export interface Group {
  kind: DoorMapping['kind'];
  label: string;
  about: string;
  rows: DoorMapping[];
  /** How many of them do not mean the default base. */
  set: number;
}

const KINDS: Pick<Group, 'kind' | 'label' | 'about'>[] = [
  { kind: 'model_id', label: 'Models', about: 'modelId' },
  { kind: 'sd_version', label: 'Versions', about: 'sd_version' },
  { kind: 'preset', label: 'Presets', about: 'presetStyle' },
];

/** The rows by their kinds, in the order in which they decide. */
export function groupsOf(mappings: DoorMapping[]): Group[] {
  return KINDS.map((kind) => {
    const rows = mappings.filter((mapping) => mapping.kind === kind.kind);
    return { ...kind, rows, set: rows.filter(({ is_default }) => !is_default).length };
  });
}

/** What can be chosen: the installed bases, and the one that is chosen where that is gone. */
export function basesFor(
  { base, is_installed }: Pick<DoorMapping, 'base' | 'is_installed'>,
  installed: string[],
): { name: string; label: string }[] {
  const choices = installed.map((name) => ({ name, label: name }));
  if (base === null || is_installed) return choices;
  return [...choices, { name: base, label: `${base}, which is not there any more` }];
}

/** Whether a text is the id of a model, as they write it. */
export function isModelId(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text.trim());
}
