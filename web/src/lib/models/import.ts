// The adapter file of another program becomes a model.

import { IMPORT_URL } from '../api/calls/addresses';
import type { ImportModel, Model } from '../api/model';
import { sendForm } from '../upload/send';

export type ImportFields = Pick<ImportModel, 'base' | 'name' | 'trigger_word'>;

/** What is sent: fields that stay empty are as the file says. The file comes last, so that it is known then what it is. */
export function importForm(file: File, fields: ImportFields): FormData {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    const text = value?.trim();
    if (text) body.append(name, text);
  }
  body.append('file', file, file.name);
  return body;
}

export function importModel(
  file: File,
  fields: ImportFields,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<Model> {
  return sendForm(IMPORT_URL, importForm(file, fields), onProgress, signal);
}
