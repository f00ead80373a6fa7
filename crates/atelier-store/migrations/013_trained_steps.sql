-- The steps that a run's seconds of training were spent in, in all sittings together: those that a killed process made since its
-- newest checkpoint are made again.
ALTER TABLE run ADD COLUMN trained_steps INTEGER NOT NULL DEFAULT 0;
UPDATE run SET trained_steps = done_steps;
