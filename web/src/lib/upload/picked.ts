// Files from the machine, with the folders that they lie in: captions belong to the pictures of their folder.

export interface Picked {
  /** From the folder that was chosen or dropped, with `/` between names. */
  path: string;
  file: File;
}

export function pickedOf(file: File): Picked {
  return { path: file.webkitRelativePath || file.name, file };
}
