-- Which base stands for a word of another house. A word that is not here means the usual base.
CREATE TABLE door_mapping (
  -- `model_id`, `sd_version` or `preset`.
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  -- The name of the base, which may be gone since.
  base TEXT NOT NULL,
  PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
