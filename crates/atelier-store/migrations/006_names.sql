-- Names that look the same are the same, in any case and however their accents are written. `name_key` is what is compared;
-- the program makes it by the function of that name. Where two such names were there before, the younger one keeps a key of
-- its own until it is renamed.
ALTER TABLE dataset ADD COLUMN name_key TEXT;
UPDATE dataset SET name_key = name_key(name);
UPDATE dataset SET name_key = name_key || char(31) || id
  WHERE trashed_ms IS NULL AND EXISTS (
    SELECT 1 FROM dataset other
    WHERE other.trashed_ms IS NULL AND other.name_key = dataset.name_key AND other.id < dataset.id);
CREATE UNIQUE INDEX dataset_name_key ON dataset (name_key) WHERE trashed_ms IS NULL;
CREATE TRIGGER dataset_named AFTER INSERT ON dataset BEGIN
  UPDATE dataset SET name_key = name_key(NEW.name) WHERE id = NEW.id;
END;
CREATE TRIGGER dataset_renamed AFTER UPDATE OF name ON dataset WHEN NEW.name IS NOT OLD.name BEGIN
  UPDATE dataset SET name_key = name_key(NEW.name) WHERE id = NEW.id;
END;

ALTER TABLE run ADD COLUMN name_key TEXT;
UPDATE run SET name_key = name_key(name);
UPDATE run SET name_key = name_key || char(31) || id
  WHERE trashed_ms IS NULL AND EXISTS (
    SELECT 1 FROM run other
    WHERE other.trashed_ms IS NULL AND other.name_key = run.name_key AND other.id < run.id);
CREATE UNIQUE INDEX run_name_key ON run (name_key) WHERE trashed_ms IS NULL;
CREATE TRIGGER run_named AFTER INSERT ON run BEGIN
  UPDATE run SET name_key = name_key(NEW.name) WHERE id = NEW.id;
END;
CREATE TRIGGER run_renamed AFTER UPDATE OF name ON run WHEN NEW.name IS NOT OLD.name BEGIN
  UPDATE run SET name_key = name_key(NEW.name) WHERE id = NEW.id;
END;

ALTER TABLE model ADD COLUMN name_key TEXT;
UPDATE model SET name_key = name_key(name);
UPDATE model SET name_key = name_key || char(31) || id
  WHERE trashed_ms IS NULL AND EXISTS (
    SELECT 1 FROM model other
    WHERE other.trashed_ms IS NULL AND other.name_key = model.name_key AND other.number < model.number);
CREATE UNIQUE INDEX model_name_key ON model (name_key) WHERE trashed_ms IS NULL;
CREATE TRIGGER model_named AFTER INSERT ON model BEGIN
  UPDATE model SET name_key = name_key(NEW.name) WHERE id = NEW.id;
END;
CREATE TRIGGER model_renamed AFTER UPDATE OF name ON model WHEN NEW.name IS NOT OLD.name BEGIN
  UPDATE model SET name_key = name_key(NEW.name) WHERE id = NEW.id;
END;
