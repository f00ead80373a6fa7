-- What a model comes from, in its own row, so that it still says so when its run was removed for good: the run's name, and the
-- name, the version and the hash of what was trained on.
ALTER TABLE model ADD COLUMN origin_run TEXT;
ALTER TABLE model ADD COLUMN origin_dataset TEXT;
ALTER TABLE model ADD COLUMN origin_version INTEGER;
ALTER TABLE model ADD COLUMN origin_hash TEXT;
UPDATE model SET (origin_run, origin_dataset, origin_version, origin_hash) =
  (SELECT r.name, r.dataset_name, r.dataset_version, r.dataset_hash FROM run r WHERE r.id = model.run)
  WHERE run IS NOT NULL;

-- Whether the end of the run made it, and no user. Until now the first model of a run stood for that.
ALTER TABLE model ADD COLUMN is_result INTEGER NOT NULL DEFAULT 0;
UPDATE model SET is_result = 1 WHERE number IN (
  SELECT coalesce(
      (SELECT m.number FROM model m WHERE m.run = r.id AND m.id = r.model_id),
      (SELECT min(m.number) FROM model m WHERE m.run = r.id))
    FROM run r WHERE r.state = 'completed');
CREATE UNIQUE INDEX model_result ON model (run) WHERE is_result = 1 AND run IS NOT NULL;

-- Pictures that the training left out on purpose, in words, as a list in JSON.
ALTER TABLE run ADD COLUMN skipped TEXT NOT NULL DEFAULT '[]';
