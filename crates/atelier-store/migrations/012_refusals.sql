-- Attempts in a row that a matter of the moment ended, such as a full disk, beside those that ended without a word.
ALTER TABLE job ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
