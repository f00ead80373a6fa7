-- The id and the number that the model which comes of a run by itself will have, so that programs can call it before it is
-- there. Nothing in runs that were made before this was kept.
ALTER TABLE run ADD COLUMN model_id TEXT;
ALTER TABLE run ADD COLUMN model_number INTEGER;
CREATE UNIQUE INDEX run_model_id ON run (model_id) WHERE model_id IS NOT NULL;
CREATE UNIQUE INDEX run_model_number ON run (model_number) WHERE model_number IS NOT NULL;
