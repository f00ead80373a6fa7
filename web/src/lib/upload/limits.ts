// What one upload may be.

import type { ServerAbout } from '../api/model';
import type { Limits } from './batches';

/** Where the server did not say yet, it will refuse what is too much. */
export function limitsOf(about: Pick<ServerAbout, 'limits'> | undefined): Limits {
  const limits = about?.limits;
  return {
    pictureBytes: limits?.picture_bytes ?? Infinity,
    uploadBytes: limits?.upload_bytes ?? Infinity,
    uploadFiles: limits?.upload_files ?? 1000,
  };
}
