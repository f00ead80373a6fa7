-- What drawing previews took, in all sittings of a run together, and how many pictures that were.
ALTER TABLE run ADD COLUMN preview_secs REAL NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN preview_pictures INTEGER NOT NULL DEFAULT 0;

-- Where each setting comes from, by name, in JSON; empty where a program made the run that took no note of it.
ALTER TABLE run ADD COLUMN origins TEXT NOT NULL DEFAULT '{}';
