-- Times are milliseconds since the Unix epoch. Hashes are SHA-256 in lower-case hexadecimal.

-- One row: which library this is.
CREATE TABLE library (
  id TEXT NOT NULL,
  -- 1 in a backup that nobody has changed anything in since it was written.
  is_copy INTEGER NOT NULL
) STRICT;

-- A file below `blobs/`, whose name is its hash.
CREATE TABLE blob (
  hash TEXT PRIMARY KEY,
  size_bytes INTEGER NOT NULL,
  -- Of the upright picture, where it is one.
  width INTEGER,
  height INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE dataset (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL COLLATE NOCASE,
  description TEXT NOT NULL,
  category TEXT NOT NULL,
  trigger_word TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  -- When it was put into the trash.
  trashed_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX dataset_name ON dataset (name) WHERE trashed_ms IS NULL;

-- What a dataset was at one time. Rows are never changed.
CREATE TABLE dataset_version (
  id INTEGER PRIMARY KEY,
  dataset TEXT NOT NULL REFERENCES dataset (id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  -- Of contents, captions and crops, as a training computes it from a folder.
  hash TEXT NOT NULL,
  -- What was done, in words.
  change TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  UNIQUE (dataset, number)
) STRICT;
CREATE INDEX dataset_version_hash ON dataset_version (hash);

-- An image with one caption and one crop. Rows are never changed: another caption is another row of the same image.
CREATE TABLE image (
  id INTEGER PRIMARY KEY,
  dataset TEXT NOT NULL REFERENCES dataset (id) ON DELETE CASCADE,
  image TEXT NOT NULL,
  file_name TEXT NOT NULL,
  blob TEXT NOT NULL REFERENCES blob (hash),
  caption TEXT NOT NULL,
  crop_left INTEGER,
  crop_top INTEGER,
  crop_side INTEGER
) STRICT;
CREATE INDEX image_dataset ON image (dataset);
CREATE INDEX image_blob ON image (blob);

CREATE TABLE version_image (
  version INTEGER NOT NULL REFERENCES dataset_version (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  row INTEGER NOT NULL REFERENCES image (id),
  PRIMARY KEY (version, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX version_image_row ON version_image (row);
