-- Foreign tables below a watched table: nobody notices what other servers change.
CREATE SCHEMA cache_test;
SET search_path = cache_test;
CREATE FOREIGN DATA WRAPPER cq_nowhere;
CREATE SERVER cq_nowhere FOREIGN DATA WRAPPER cq_nowhere;

CREATE TABLE parent (id int, r text) PARTITION BY LIST (r);
CREATE TABLE here PARTITION OF parent FOR VALUES IN ('h');
INSERT INTO parent VALUES (1, 'h');
SELECT cq.cache_watch('parent');
CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$
BEGIN
    IF cq.cache_get('n') IS NULL THEN
        PERFORM cq.cache_set('n', count(*)::text, tags => ARRAY[cq.cache_table_tag('cache_test.here')]) FROM cache_test.here;
    END IF;
    PERFORM cq.cache_get('p');
    PERFORM cq.cache_set('p', 'of the parent', tags => ARRAY[cq.cache_table_tag('cache_test.parent')]);
END $$;
CALL fill();
SELECT cq.cache_fetch('count', 'SELECT count(*) FROM parent'), cq.cache_get('p');
CREATE FOREIGN TABLE far (id int, r text) SERVER cq_nowhere;
ALTER TABLE parent ATTACH PARTITION far FOR VALUES IN ('f');
SELECT cq.cache_get('p') AS attached, cq.cache_get('n') AS other_partition;
SELECT cq.cache_fetch('count', 'SELECT count(*) FROM parent');
CALL fill();
ALTER TABLE parent DETACH PARTITION far;
SELECT cq.cache_get('p') AS detached, cq.cache_get('n') AS other_partition;
SELECT cq.cache_fetch('count', 'SELECT count(*) FROM parent');
CALL fill();
CREATE FOREIGN TABLE farther PARTITION OF parent FOR VALUES IN ('g') SERVER cq_nowhere;
SELECT cq.cache_get('p') AS created;
DROP FOREIGN TABLE farther;

-- a child, and one that is there first
CREATE TABLE base (id int);
ALTER FOREIGN TABLE far DROP COLUMN r;
ALTER FOREIGN TABLE far INHERIT base;
SELECT cq.cache_watch('base');
SELECT cq.cache_fetch('base', 'SELECT count(*) FROM base');
SELECT cq.cache_fetch('base', 'SELECT count(*) FROM ONLY base');
ALTER FOREIGN TABLE far NO INHERIT base;
ALTER FOREIGN TABLE far INHERIT base;
SELECT cq.cache_watch('far');

SET client_min_messages = warning;
DROP SCHEMA cache_test CASCADE;
DROP FOREIGN DATA WRAPPER cq_nowhere CASCADE;
