// Logging out, once nothing is on its way that would be lost with the session.

import { ApiError } from '../api/error';
import { pending } from '../dataset/changes/pending.svelte';
import { notices } from '../shell/notices.svelte';
import { session } from './session.svelte';

export async function leaveStudio(): Promise<void> {
  pending.leaving.tell();
  try {
    if (pending.isBusy) {
      throw new ApiError(
        'busy',
        'changes or uploads are still on their way',
        'log out once they have arrived',
        0,
      );
    }
    await session.logOut();
  } catch (thrown) {
    notices.failed(thrown);
  }
}
