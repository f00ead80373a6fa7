-- An entry of the queue. What its attempts leave lies below `jobs/<id>`.
CREATE TABLE job (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  -- Higher ones come first, then older ones.
  priority INTEGER NOT NULL,
  -- What to do, in JSON.
  request TEXT NOT NULL,
  -- The run that it trains.
  run TEXT REFERENCES run (id) ON DELETE CASCADE,
  state TEXT NOT NULL,
  -- What is wanted of it while it is running: to pause, to cancel, or nothing.
  wish TEXT,
  -- The number of its newest attempt, 0 before the first. Only that one may end it.
  attempt INTEGER NOT NULL,
  -- Attempts in a row that ended without a word and got no further than the one before.
  fruitless INTEGER NOT NULL,
  -- Why it is not begun yet, in words.
  waiting TEXT,
  error_code TEXT,
  -- Why it failed, in words.
  problem TEXT,
  created_ms INTEGER NOT NULL,
  started_ms INTEGER,
  ended_ms INTEGER
) STRICT, WITHOUT ROWID;
-- A run has one place in the queue.
CREATE UNIQUE INDEX job_of_run ON job (run) WHERE state IN ('queued', 'running', 'paused');
CREATE INDEX job_run ON job (run);
CREATE INDEX job_state ON job (state, priority DESC, created_ms);
CREATE INDEX job_created ON job (created_ms);

-- One try at a job, written before it is begun.
CREATE TABLE attempt (
  job TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  -- Its name outside the library, which no other attempt has.
  token TEXT NOT NULL UNIQUE,
  -- Steps that were saved when it began.
  saved_steps INTEGER NOT NULL,
  started_ms INTEGER NOT NULL,
  ended_ms INTEGER,
  -- How it ended, in words.
  outcome TEXT,
  PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;

-- A picture that was drawn.
CREATE TABLE picture (
  id TEXT PRIMARY KEY,
  -- Nothing once the job was removed; what follows stays.
  job TEXT REFERENCES job (id) ON DELETE SET NULL,
  -- Its place among those of the job, from 0.
  position INTEGER NOT NULL,
  blob TEXT NOT NULL REFERENCES blob (hash),
  -- The bits of the seed; the seed is without a sign.
  seed INTEGER NOT NULL,
  -- What it was drawn from, in JSON.
  recipe TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  trashed_ms INTEGER,
  UNIQUE (job, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX picture_shown ON picture (created_ms DESC, job DESC, position) WHERE trashed_ms IS NULL;
CREATE INDEX picture_trashed ON picture (trashed_ms) WHERE trashed_ms IS NOT NULL;
CREATE INDEX picture_blob ON picture (blob);
