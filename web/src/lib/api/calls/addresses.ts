// Addresses of files, for elements that fetch by themselves.

const SIDES = [64, 128, 256, 384, 512, 768, 1024];

/** The smallest side that the server makes and that is enough for `pixels`. */
export function thumbnailSide(pixels: number): number {
  return SIDES.find((side) => side >= pixels) ?? 1024;
}

/** The whole picture, small. It never changes, so that the browser may keep it. */
export function thumbnailUrl(dataset: string, image: string, side: number): string {
  return `/api/v1/datasets/${dataset}/images/${image}/thumbnail?side=${side}`;
}

/** The file of a picture as it was added. */
export function imageUrl(dataset: string, image: string): string {
  return `/api/v1/datasets/${dataset}/images/${image}/file`;
}

/** A version as a zip. */
export function exportUrl(dataset: string, version: number): string {
  return `/api/v1/datasets/${dataset}/versions/${version}/export`;
}

/** Where an upload goes. */
export function uploadUrl(dataset: string): string {
  return `/api/v1/datasets/${dataset}/images`;
}

/** A drawn picture, small. It never changes. */
export function pictureThumbnailUrl(picture: string, side: number): string {
  return `/api/v1/pictures/${picture}/thumbnail?side=${side}`;
}

/** The file of a drawn picture, with its recipe inside. */
export function pictureUrl(picture: string): string {
  return `/api/v1/pictures/${picture}/file`;
}

/** Where a picture goes that drawings are to start from. */
export const START_URL = '/api/v1/start-pictures';

/** A start picture, small. It never changes. */
export function startThumbnailUrl(start: string, side: number): string {
  return `${START_URL}/${start}/thumbnail?side=${side}`;
}

/** A preview of a run, small. It never changes. */
export function previewThumbnailUrl(run: string, epoch: number, number: number, side: number): string {
  return `/api/v1/runs/${run}/previews/${epoch}/${number}/thumbnail?side=${side}`;
}

/** The file of a preview, with its recipe inside. */
export function previewUrl(run: string, epoch: number, number: number): string {
  return `/api/v1/runs/${run}/previews/${epoch}/${number}/file`;
}

/** The adapter file of a model. */
export function modelFileUrl(model: string): string {
  return `/api/v1/models/${model}/file`;
}

/** The same with the names of another program, and in another number format where one is named. */
export function modelExportUrl(model: string, format: string, dtype: string): string {
  const wanted = new URLSearchParams(dtype ? { format, dtype } : { format });
  return `/api/v1/models/${model}/export?${wanted}`;
}

/** Where the adapter file of another program goes. */
export const IMPORT_URL = '/api/v1/models/import';

/** What becomes of jobs, as it happens. */
export const EVENTS_URL = '/api/v1/events';
