// The picture that is drawn over, as it stands in the form.

import type { Base, Drawing, DrawingRequest, StartPicture } from '../../api/model';

/** The picture that is drawn over. */
export interface Start {
  picture: string;
  /** What its file was called. */
  name: string;
  mask: string | null;
  maskName: string | null;
  /** The share that is drawn anew. */
  denoise: number;
}

/** How much of a start picture is drawn anew where nobody says it. */
export const USUAL_DENOISE = 0.6;

export function startOf({ start, start_name, mask_name }: DrawingRequest & Partial<Drawing>): Start | null {
  if (!start) return null;
  return {
    picture: start.picture,
    name: start_name ?? '',
    mask: start.mask ?? null,
    maskName: mask_name ?? null,
    denoise: start.denoise ?? USUAL_DENOISE,
  };
}

export function startRequest(start: Start | null): DrawingRequest['start'] {
  if (!start) return null;
  const { picture, mask, denoise } = start;
  return { picture, ...(mask === null ? {} : { mask }), denoise };
}

export function denoiseWords(denoise: number): string {
  if (denoise < 0.3) return 'touches up what is there';
  if (denoise < 0.55) return 'keeps shapes and colours';
  if (denoise < 0.8) return 'keeps the composition';
  return denoise < 1 ? 'keeps little more than a hint' : 'keeps nothing';
}

/** A size in the shape of a picture, in steps that bases can draw. */
export function sizeOver(
  picture: Pick<StartPicture, 'width' | 'height'>,
  base: Pick<Base, 'native_size'> | undefined,
): { width: number; height: number } {
  const shape = Math.sqrt(Math.max(picture.width, 1) / Math.max(picture.height, 1));
  const side = base?.native_size ?? 512;
  const eighths = (value: number) => Math.min(2048, Math.max(8, Math.round(value / 8) * 8));
  return { width: eighths(side * shape), height: eighths(side / shape) };
}
