-- A picture is asked for by its id, once for each thumbnail of a page.
DROP INDEX image_dataset;
CREATE INDEX image_id ON image (dataset, image);
