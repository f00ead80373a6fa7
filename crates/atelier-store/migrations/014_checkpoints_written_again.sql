-- An epoch whose checkpoint was damaged or removed is trained again, into another file of the same weights: the run wrote both.
CREATE TABLE checkpoint_written (
  run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  epoch INTEGER NOT NULL,
  step INTEGER NOT NULL,
  -- Of the adapter file.
  hash TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  PRIMARY KEY (run, epoch, hash)
) STRICT, WITHOUT ROWID;
INSERT INTO checkpoint_written (run, epoch, step, hash, size_bytes) SELECT run, epoch, step, hash, size_bytes FROM checkpoint;
DROP TABLE checkpoint;
ALTER TABLE checkpoint_written RENAME TO checkpoint;
CREATE INDEX checkpoint_hash ON checkpoint (hash);
