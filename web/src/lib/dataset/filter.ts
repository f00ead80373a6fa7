// Which pictures of a dataset are shown.

import type { Image } from '../api/model';
import { containsWord } from '../caption/edit';

export type FilterKind = 'all' | 'no_caption' | 'no_trigger' | 'own_crop';

export const FILTERS: { value: FilterKind; label: string }[] = [
  { value: 'all', label: 'All pictures' },
  { value: 'no_caption', label: 'Without caption' },
  { value: 'no_trigger', label: 'Without trigger word' },
  { value: 'own_crop', label: 'With a crop of their own' },
];

export function filterImages(images: Image[], kind: FilterKind, words: string, trigger: string): Image[] {
  const wanted = words.trim().toLowerCase();
  const isKind = (image: Image): boolean => {
    switch (kind) {
      case 'all':
        return true;
      case 'no_caption':
        return image.caption === '';
      case 'no_trigger':
        return !containsWord(image.caption, trigger);
      case 'own_crop':
        return image.crop != null;
    }
  };
  const hasWords = (image: Image) => `${image.file_name}\n${image.caption}`.toLowerCase().includes(wanted);
  return images.filter((image) => isKind(image) && hasWords(image));
}
