-- cq.cache_query: whole result sets, with the types the caller names.  A notice
-- tells that the query was run.
CREATE SCHEMA fetch_test;
SET search_path = fetch_test;
\set SHOW_CONTEXT never
CREATE FUNCTION run(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'run: %', $1; RETURN $1; END $$;
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN small AS int CHECK (VALUE < 10);
CREATE TYPE pair AS (a int, b text);
CREATE TABLE item (id int PRIMARY KEY, name text, price numeric(10,2), due timestamptz, flags bool[], m mood, s small, p pair, r int4range, c "char", f float8, big text);
INSERT INTO item VALUES
    (1, 'one', 1.50, '2030-01-02 03:04:05+00', '{t,f,NULL}', 'happy', 7, (1, 'x'), '[1,5)', 'c', 0.1, repeat('big', 20000)),
    (2, NULL, NULL, NULL, '{}', NULL, NULL, NULL, NULL, NULL, 'NaN', NULL);
ALTER TABLE item ALTER big SET STORAGE EXTERNAL;
INSERT INTO item (id, name, big) VALUES (3, 'toasted', repeat('0123456789', 30000));
SELECT cq.cache_watch('item');
SET TimeZone = 'UTC';

-- all kinds of types come back as they were
CREATE FUNCTION all_items() RETURNS TABLE (id int, name text, price numeric(10,2), due timestamptz, flags bool[], m mood, s small, p pair, r int4range, c "char", f float8, big_length int, big_md5 text)
LANGUAGE sql AS $$
    SELECT id, name, price, due, flags, m, s, p, r, c, f, length(big), md5(big)
    FROM cq.cache_query('SELECT id, run(name), price, due, flags, m, s, p, r, c, f, big FROM item ORDER BY id')
        AS t (id int, name text, price numeric(10,2), due timestamptz, flags bool[], m mood, s small, p pair, r int4range, c "char", f float8, big text) $$;
SELECT * FROM all_items();
SELECT * FROM all_items();
SELECT id, name, price, due, flags, m, s, p, r, c, f, length(big), md5(big) FROM item
EXCEPT SELECT * FROM all_items();

-- no row; several uses in one statement; arguments; a change
SELECT count(*) FROM cq.cache_query('SELECT run(name) FROM item WHERE id = $1', '{9}') AS t (name text);
SELECT a.name, b.name FROM cq.cache_query('SELECT id, run(name) FROM item WHERE id = $1', '{1}') AS a (id int, name text),
     cq.cache_query('SELECT id, run(name) FROM item WHERE id = $1', '{1}') AS b (id int, name text);
SELECT g, name FROM generate_series(1, 3) AS g, cq.cache_query('SELECT run(name) FROM item WHERE id = $1', ARRAY[(g % 2 + 1)::text]) AS t (name text);
UPDATE item SET name = 'eins' WHERE id = 1;
SELECT name FROM cq.cache_query('SELECT run(name) FROM item WHERE id = $1', '{1}') AS t (name text);
BEGIN;
DECLARE scroller SCROLL CURSOR FOR SELECT * FROM cq.cache_query('SELECT id FROM item ORDER BY id') AS t (id int);
FETCH 2 FROM scroller;
FETCH BACKWARD 1 FROM scroller;
COMMIT;
-- the same query by cache_fetch is another entry
SELECT cq.cache_fetch('k', 'SELECT run(name) FROM item WHERE id = $1', '{1}');

-- too large: returned, not cached
SELECT count(*), sum(length(t)) FROM cq.cache_query('SELECT run(i::text) || repeat(''x'', 300000) FROM generate_series(1, 4) AS i') AS t (t text);
SELECT count(*), sum(length(t)) FROM cq.cache_query('SELECT run(i::text) || repeat(''x'', 300000) FROM generate_series(1, 4) AS i') AS t (t text);
-- for a time only
SELECT count(*) FROM cq.cache_query('SELECT run(relname::text) FROM pg_class WHERE relname = ''pg_proc''', ttl => '1 h') AS t (name text);
SELECT count(*) FROM cq.cache_query('SELECT run(relname::text) FROM pg_class WHERE relname = ''pg_proc''', ttl => '1 h') AS t (name text);

-- a type that changes its layout
SELECT * FROM cq.cache_query('SELECT ROW(id, name)::pair FROM item WHERE id = 1') AS t (p pair);
SELECT * FROM cq.cache_query('SELECT ARRAY[ROW(id, name)::pair] FROM item WHERE id = 1') AS t (p pair[]);
ALTER TABLE item DROP COLUMN p;
ALTER TYPE pair ALTER ATTRIBUTE a TYPE text CASCADE;
SELECT * FROM cq.cache_query('SELECT ROW(id, name)::pair FROM item WHERE id = 1') AS t (p pair);
SELECT * FROM cq.cache_query('SELECT ARRAY[ROW(id, name)::pair] FROM item WHERE id = 1') AS t (p pair[]);
ALTER TYPE pair ADD ATTRIBUTE d date;
SELECT * FROM cq.cache_query('SELECT ARRAY[ROW(id, name, NULL)::pair] FROM item WHERE id = 1') AS t (p pair[]);
-- columns that are not named by a type, wrong ones, none
SELECT * FROM cq.cache_query('SELECT ROW(id, name) FROM item') AS t (r record);
SELECT * FROM cq.cache_query('SELECT ARRAY[ROW(id, name)] FROM item') AS t (r record[]);
SELECT * FROM cq.cache_query('SELECT id, name FROM item') AS t (id int);
SELECT * FROM cq.cache_query('SELECT id, name FROM item') AS t (id int, name varchar);
SELECT * FROM cq.cache_query('SELECT price FROM item') AS t (price numeric(5,1));
SELECT price FROM cq.cache_query('SELECT price FROM item WHERE id = 1') AS t (price numeric);
SELECT cq.cache_query('SELECT id FROM item');
SELECT * FROM cq.cache_query('SELECT n FROM (VALUES (random())) AS v (n)') AS t (n float8);
SELECT * FROM cq.cache_query('SELECT oid FROM pg_class') AS t (o oid);
SELECT * FROM cq.cache_query(NULL) AS t (n int);

SET client_min_messages = warning;
DROP SCHEMA fetch_test CASCADE;
