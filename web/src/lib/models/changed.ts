// Models that were changed, wherever that was pressed: a page may have been left and made anew before the answer comes.

import { Listeners } from '../api/listeners';
import type { Model } from '../api/model';

export const changedModels = new Listeners<[Model]>();
