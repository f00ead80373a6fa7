-- A training of a version of a dataset. Its files lie below `runs/<id>`.
CREATE TABLE run (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL COLLATE NOCASE,
  -- Nothing once the dataset was removed for good; what follows stays.
  dataset TEXT REFERENCES dataset (id) ON DELETE SET NULL,
  dataset_name TEXT NOT NULL,
  dataset_version INTEGER NOT NULL,
  dataset_hash TEXT NOT NULL,
  -- The word by which the base is found, and what its hash was.
  base TEXT NOT NULL,
  base_hash TEXT NOT NULL,
  -- A `TrainConfig` in JSON.
  config TEXT NOT NULL,
  state TEXT NOT NULL,
  done_steps INTEGER NOT NULL,
  total_steps INTEGER NOT NULL,
  -- Of the last finished step.
  loss REAL,
  -- Spent in training steps, in all its sittings together.
  training_secs REAL NOT NULL,
  -- Why it failed, in words.
  problem TEXT,
  created_ms INTEGER NOT NULL,
  changed_ms INTEGER NOT NULL,
  trashed_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX run_name ON run (name) WHERE trashed_ms IS NULL;
CREATE INDEX run_dataset ON run (dataset);

-- The adapter after an epoch, as it was when the run said that it was written.
CREATE TABLE checkpoint (
  run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  epoch INTEGER NOT NULL,
  step INTEGER NOT NULL,
  -- Of the adapter file.
  hash TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  PRIMARY KEY (run, epoch)
) STRICT, WITHOUT ROWID;
CREATE INDEX checkpoint_hash ON checkpoint (hash);

-- A fine-tuned model: an adapter with what is needed to use it.
CREATE TABLE model (
  -- For programs that call models by whole numbers; never given twice.
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL COLLATE NOCASE,
  description TEXT NOT NULL,
  category TEXT NOT NULL,
  trigger_word TEXT NOT NULL,
  -- At which it is used where nobody says another.
  strength REAL NOT NULL,
  blob TEXT NOT NULL REFERENCES blob (hash),
  -- Where it comes from; nothing for one that was imported.
  run TEXT REFERENCES run (id) ON DELETE SET NULL,
  epoch INTEGER,
  base TEXT NOT NULL,
  base_hash TEXT,
  created_ms INTEGER NOT NULL,
  trashed_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX model_name ON model (name) WHERE trashed_ms IS NULL;
CREATE INDEX model_run ON model (run);
CREATE INDEX model_blob ON model (blob);
