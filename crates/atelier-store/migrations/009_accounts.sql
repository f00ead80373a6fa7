-- Who may see and do what, and whose things are. What has no owner was made by the user of the machine; accounts with the role
-- owner see and change it like everything else.
CREATE TABLE account (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  -- What is equal for names that are the same.
  name_key TEXT NOT NULL UNIQUE,
  -- `owner`, `member` or `viewer`.
  role TEXT NOT NULL,
  -- The Argon2id hash of the password, with its settings and its salt.
  password TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  -- When it was closed; nothing while it can be used.
  disabled_ms INTEGER
) STRICT, WITHOUT ROWID;

-- Of the secrets of sessions and tokens, only the SHA-256 is here.
CREATE TABLE session (
  hash TEXT PRIMARY KEY,
  account TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  created_ms INTEGER NOT NULL,
  used_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_account ON session (account);

CREATE TABLE api_token (
  id TEXT PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  -- Nothing for the user of the machine.
  account TEXT REFERENCES account (id) ON DELETE CASCADE,
  -- `read`, `write` or `all`.
  scope TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  used_ms INTEGER,
  expires_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX api_token_account ON api_token (account);

-- What was done by whom; the oldest go when there are too many.
CREATE TABLE audit (
  id INTEGER PRIMARY KEY,
  time_ms INTEGER NOT NULL,
  -- What the account was called; nothing for the user of the machine, and where nobody was recognised.
  account TEXT,
  what TEXT NOT NULL,
  -- What it was done to.
  thing TEXT,
  -- Where the request came from.
  address TEXT
) STRICT;

ALTER TABLE dataset ADD COLUMN owner TEXT REFERENCES account (id) ON DELETE SET NULL;
ALTER TABLE run ADD COLUMN owner TEXT REFERENCES account (id) ON DELETE SET NULL;
ALTER TABLE model ADD COLUMN owner TEXT REFERENCES account (id) ON DELETE SET NULL;
ALTER TABLE job ADD COLUMN owner TEXT REFERENCES account (id) ON DELETE SET NULL;
ALTER TABLE picture ADD COLUMN owner TEXT REFERENCES account (id) ON DELETE SET NULL;
ALTER TABLE start_picture ADD COLUMN owner TEXT REFERENCES account (id) ON DELETE SET NULL;
CREATE INDEX picture_owner ON picture (owner) WHERE owner IS NOT NULL;

-- Whether every account sees it. A job is shared with the run that it trains.
ALTER TABLE dataset ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;
ALTER TABLE model ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;
ALTER TABLE picture ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;

-- With what says who may see them, so that pictures are counted and those of others passed over without reading their rows;
-- for that, the condition's own column has to be there too.
DROP INDEX picture_shown;
CREATE INDEX picture_shown ON picture (created_ms DESC, job DESC, position, trashed_ms, owner, shared) WHERE trashed_ms IS NULL;
