-- Virtual generated columns, which version 18 has: a trigger does not see their values.
SELECT current_setting('server_version_num')::int < 180000 AS old \gset
\if :old
\quit
\endif
CREATE SCHEMA cache_test;
SET search_path = cache_test;
CREATE TABLE virtual (id int PRIMARY KEY, v int, g int GENERATED ALWAYS AS (v * 2) VIRTUAL, s int GENERATED ALWAYS AS (v * 3) STORED);
SELECT cq.cache_watch('virtual', ARRAY['g:{g}']);
SELECT cq.cache_watch('virtual', write_through => '{"key": "row:{id}"}');
SELECT cq.cache_watch('virtual', write_through => '{"key": "row:{id}", "columns": ["id", "g"]}');
SELECT cq.cache_watch('virtual', write_through => '{"key": "row:{id}:{g}", "columns": ["id"]}');
SELECT cq.cache_watch('virtual', ARRAY['s:{s}'], '{"key": "row:{id}", "columns": ["id", "v", "s"]}');
INSERT INTO virtual VALUES (1, 10);
SELECT cq.cache_get_jsonb('row:1');
ALTER TABLE virtual ADD COLUMN h int GENERATED ALWAYS AS (v + 1) VIRTUAL;
-- results of queries have them
SELECT cq.cache_fetch('sum', 'SELECT sum(g + s + h) FROM virtual');
UPDATE virtual SET v = 20;
SELECT cq.cache_fetch('sum', 'SELECT sum(g + s + h) FROM virtual'), sum(g + s + h) FROM virtual;

-- one that comes later
CREATE TABLE whole (id int PRIMARY KEY, v int);
SELECT cq.cache_watch('whole', write_through => '{"key": "whole:{id}"}');
ALTER TABLE whole ADD COLUMN g int GENERATED ALWAYS AS (v * 2) VIRTUAL;
ALTER TABLE whole ADD COLUMN s int GENERATED ALWAYS AS (v * 2) STORED;
INSERT INTO whole VALUES (1, 10);
SELECT cq.cache_get_jsonb('whole:1');

DROP SCHEMA cache_test CASCADE;
