-- A picture that drawings can start from, or a mask of one: sent for that, or taken from the library. What no drawing starts from
-- goes after a while.
CREATE TABLE start_picture (
  id TEXT PRIMARY KEY,
  -- What its file was called, for people.
  name TEXT NOT NULL,
  blob TEXT NOT NULL REFERENCES blob (hash),
  created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX start_picture_blob ON start_picture (blob);

-- What a job draws over.
CREATE TABLE job_start (
  job TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
  -- `picture` or `mask`.
  part TEXT NOT NULL,
  start_picture TEXT NOT NULL REFERENCES start_picture (id),
  PRIMARY KEY (job, part)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_start_picture ON job_start (start_picture);

-- The models that took part in a picture: those that were asked for, and those whose file the recipe names. What follows the
-- model is copied from the picture, so that those of one model are read in their order.
CREATE TABLE picture_model (
  model TEXT NOT NULL,
  -- 1 while the picture is in the trash.
  is_trashed INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  job TEXT NOT NULL,
  position INTEGER NOT NULL,
  picture TEXT NOT NULL REFERENCES picture (id) ON DELETE CASCADE,
  PRIMARY KEY (model, is_trashed, created_ms DESC, job DESC, position, picture)
) STRICT, WITHOUT ROWID;
CREATE INDEX picture_model_picture ON picture_model (picture);

CREATE TRIGGER picture_model_trashed AFTER UPDATE OF trashed_ms ON picture BEGIN
  UPDATE picture_model SET is_trashed = (NEW.trashed_ms IS NOT NULL) WHERE picture = NEW.id;
END;
CREATE TRIGGER picture_model_gone AFTER DELETE ON model BEGIN
  DELETE FROM picture_model WHERE model = OLD.id;
END;

INSERT INTO picture_model (model, is_trashed, created_ms, job, position, picture)
  SELECT m.id, p.trashed_ms IS NOT NULL, p.created_ms, coalesce(p.job, ''), p.position, p.id
    FROM picture p JOIN job j ON j.id = p.job JOIN json_each(j.request, '$.models') used
    JOIN model m ON m.id = json_extract(used.value, '$.model')
  UNION
  SELECT m.id, p.trashed_ms IS NOT NULL, p.created_ms, coalesce(p.job, ''), p.position, p.id
    FROM picture p JOIN json_each(p.recipe, '$.adapters') used JOIN model m ON m.blob = json_extract(used.value, '$.sha256');
