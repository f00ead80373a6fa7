// The files in what was dropped on the page, those inside folders included.

import { type Picked, pickedOf } from './picked';

export async function droppedFiles(transfer: DataTransfer): Promise<Picked[]> {
  // Entries have to be taken before the first wait; the browser forgets them afterwards.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  const plain = [...transfer.files];
  if (entries.every((entry) => entry === null)) return plain.map(pickedOf);
  const found: Picked[] = [];
  for (const entry of entries) if (entry) await collect(entry, found);
  return found;
}

async function collect(entry: FileSystemEntry, into: Picked[]): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File>((done, failed) => (entry as FileSystemFileEntry).file(done, failed));
    into.push({ path: entry.fullPath.replace(/^\//, ''), file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // Browsers give a hundred entries at a time, and none at the end.
    const some = await new Promise<FileSystemEntry[]>((done, failed) => reader.readEntries(done, failed));
    if (some.length === 0) return;
    for (const inner of some) await collect(inner, into);
  }
}

/** Whether something dragged over the page has files. */
export function hasFiles(transfer: DataTransfer | null): boolean {
  return transfer?.types.includes('Files') ?? false;
}

/** Files that are dropped where nothing takes them do nothing: browsers would open them instead of the page. */
export function keepFilesOut(page: Pick<EventTarget, 'addEventListener' | 'removeEventListener'> = window) {
  const refuse = (event: Event) => {
    const { dataTransfer } = event as DragEvent;
    // A zone that takes them has said so, and fields for files take them by themselves.
    if (event.defaultPrevented || !hasFiles(dataTransfer) || isFileField(event.target)) return;
    event.preventDefault();
    if (dataTransfer) dataTransfer.dropEffect = 'none';
  };
  page.addEventListener('dragover', refuse);
  page.addEventListener('drop', refuse);
  return () => {
    page.removeEventListener('dragover', refuse);
    page.removeEventListener('drop', refuse);
  };
}

function isFileField(target: EventTarget | null): boolean {
  return (target as Partial<Element> | null)?.matches?.('input[type=file]') === true;
}
