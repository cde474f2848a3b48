-- cq.cache_fetch: what is cached under which key, for how long, and what is
-- refused.  A notice tells that the query was run.
CREATE SCHEMA fetch_test;
SET search_path = fetch_test;
\set SHOW_CONTEXT never
CREATE TABLE item (id int PRIMARY KEY, name text, due date, price numeric);
INSERT INTO item VALUES (1, 'one', '2030-01-02', 1.50), (2, 'two', NULL, 2.25), (3, NULL, NULL, NULL);
SELECT cq.cache_watch('item');
CREATE FUNCTION run(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'run: %', $1; RETURN $1; END $$;

-- run once; types become jsonb
SELECT cq.cache_fetch('a', 'SELECT run(name) FROM item WHERE id = 1');
SELECT cq.cache_fetch('a', 'SELECT run(name) FROM item WHERE id = 1');
SELECT cq.cache_fetch('b', 'SELECT price FROM item WHERE id = 1'), cq.cache_fetch('b', 'SELECT price FROM item WHERE id = 1');
SELECT cq.cache_fetch('c', 'SELECT array_agg(id ORDER BY id) FROM item'), cq.cache_fetch('d', 'SELECT i FROM item AS i WHERE id = 1');
-- other key, other query, other arguments
SELECT cq.cache_fetch('a2', 'SELECT run(name) FROM item WHERE id = 1');
SELECT cq.cache_fetch('a', 'SELECT run(name) FROM item WHERE id = $1', '{1}');
SELECT cq.cache_fetch('a', 'SELECT run(name) FROM item WHERE id = $1', '{2}');
SELECT cq.cache_fetch('a', 'SELECT run(name) FROM item WHERE id = $1', '{2}');
SELECT cq.cache_fetch('a', 'SELECT run(i.name || $2) FROM item AS i WHERE id = $1', '{2,NULL}');
SELECT cq.cache_fetch('a', 'SELECT run(i.name || $2) FROM item AS i WHERE id = $1', ARRAY['2', '']);
SELECT cq.cache_fetch('a', 'SELECT run(i.name || length($2)) FROM item AS i WHERE id = $1', ARRAY['2', repeat('x', 5000)]);
SELECT cq.cache_fetch('a', 'SELECT run(i.name || length($2)) FROM item AS i WHERE id = $1', ARRAY['2', repeat('x', 5000)]);
SELECT cq.cache_fetch('a', 'SELECT run(i.name || length($2)) FROM item AS i WHERE id = $1', ARRAY['2', repeat('y', 5000)]);
-- a change of the table, seen by the transaction itself, too
BEGIN;
UPDATE item SET name = 'eins' WHERE id = 1;
SELECT cq.cache_fetch('a', 'SELECT run(name) FROM item WHERE id = 1');
ROLLBACK;
SELECT cq.cache_fetch('a', 'SELECT run(name) FROM item WHERE id = 1');
UPDATE item SET name = 'uno' WHERE id = 1;
SELECT cq.cache_fetch('a', 'SELECT run(name) FROM item WHERE id = 1');
SELECT cq.cache_fetch('a', 'SELECT run(name) FROM item WHERE id = 1');

-- settings that change names or output
SET DateStyle = 'SQL, DMY';
SELECT cq.cache_fetch('due', 'SELECT run(due::text) FROM item WHERE id = 1');
SET DateStyle = 'ISO, MDY';
SELECT cq.cache_fetch('due', 'SELECT run(due::text) FROM item WHERE id = 1');
SELECT cq.cache_fetch('due', 'SELECT run(due::text) FROM item WHERE id = 1');
RESET DateStyle;
-- the same words, other objects
CREATE SCHEMA fetch_test2;
CREATE TABLE fetch_test2.item (id int, name text);
INSERT INTO fetch_test2.item VALUES (1, 'other');
SET search_path = fetch_test2, fetch_test;
SELECT cq.cache_watch('fetch_test2.item');
SELECT cq.cache_fetch('a', 'SELECT run(name) FROM item WHERE id = 1');
UPDATE fetch_test2.item SET name = 'other 2';
SELECT cq.cache_fetch('a', 'SELECT run(name) FROM item WHERE id = 1');
SET search_path = fetch_test;
SELECT cq.cache_fetch('a', 'SELECT run(name) FROM item WHERE id = 1');
CREATE VIEW fetch_view AS SELECT id, name FROM item;
SELECT cq.cache_fetch('v', 'SELECT run(name) FROM fetch_view WHERE id = 1');
CREATE OR REPLACE VIEW fetch_view AS SELECT id, name || '!' AS name FROM item;
SELECT cq.cache_fetch('v', 'SELECT run(name) FROM fetch_view WHERE id = 1');
CREATE TEMP TABLE item (id int, name text);
SELECT cq.cache_fetch('a', 'SELECT run(name) FROM pg_temp.item WHERE id = 1');
DROP TABLE pg_temp.item;
-- an argument stands for what it means now, not for its letters
SELECT cq.cache_fetch('n', 'SELECT run(name || $1::date) FROM item WHERE id = 2', '{epoch}');
SELECT cq.cache_fetch('n', 'SELECT run(name || $1::date) FROM item WHERE id = 2', '{1970-01-01}');
SELECT cq.cache_fetch('n', 'SELECT run(name || ($1::date < $2)) FROM item WHERE id = 2', '{yesterday,today}');

-- no row and NULL are results, too
SELECT cq.cache_fetch('no', 'SELECT run(name) FROM item WHERE id = 9') IS NULL;
SELECT cq.cache_fetch('no', 'SELECT count(*) FROM item WHERE id = 9');
SELECT cq.cache_fetch('null', 'SELECT run(coalesce(name, ''nothing'')) || NULL FROM item WHERE id = 3') IS NULL;
SELECT cq.cache_fetch('null', 'SELECT run(coalesce(name, ''nothing'')) || NULL FROM item WHERE id = 3') IS NULL;
-- for as long as negative_ttl says, and what there is for as long as ttl
CREATE FUNCTION pass(interval) RETURNS void LANGUAGE plpgsql AS $$
DECLARE until timestamptz := clock_timestamp() + $1;
BEGIN LOOP EXIT WHEN clock_timestamp() > until; END LOOP; END $$;
CREATE FUNCTION negative(q text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT cq.cache_fetch('negative', q, ttl => '1 h', negative_ttl => '20 ms') $$;
SELECT negative('SELECT run(coalesce(name, ''nothing'')) || NULL FROM item WHERE id = 3') IS NULL, negative('SELECT run(name) FROM item WHERE id = 2');
SELECT pass('25 ms');
SELECT negative('SELECT run(coalesce(name, ''nothing'')) || NULL FROM item WHERE id = 3') IS NULL, negative('SELECT run(name) FROM item WHERE id = 2');

-- tables that are not watched: with a ttl, or with tags
CREATE TABLE loose (n int);
INSERT INTO loose VALUES (1);
SELECT cq.cache_fetch('loose', 'SELECT n FROM loose');
SELECT cq.cache_fetch('loose', 'SELECT n FROM loose', negative_ttl => '1 h');
SELECT cq.cache_fetch('loose', 'SELECT n FROM loose', ttl => '1 h');
UPDATE loose SET n = 2;
SELECT cq.cache_fetch('loose', 'SELECT n FROM loose', ttl => '1 h');
SELECT cq.cache_fetch('tagged', 'SELECT n FROM loose', tags => '{loose}');
UPDATE loose SET n = 3;
SELECT cq.cache_fetch('tagged', 'SELECT n FROM loose', tags => '{loose}');
SELECT cq.cache_invalidate('loose');
SELECT cq.cache_fetch('tagged', 'SELECT n FROM loose', tags => '{loose}');
-- a ttl counts from the time the data was seen
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT cq.cache_fetch('old', 'SELECT run(n::text) FROM loose', ttl => '20 ms');
SELECT pass('25 ms');
SELECT cq.cache_fetch('old', 'SELECT run(n::text) FROM loose', ttl => '20 ms');
SELECT cq.cache_fetch('old', 'SELECT run(n::text) FROM loose', ttl => '20 ms');
COMMIT;

-- close to its end a result is computed anew, the more likely the longer that takes
CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM pass('60 ms'); RETURN $1; END $$;
SELECT refreshes AS refreshes_before FROM cq.stat_cache \gset
DO $$
DECLARE before bigint := (SELECT refreshes FROM cq.stat_cache);
BEGIN
    FOR i IN 1 .. 1000 LOOP
        PERFORM cq.cache_fetch('early', 'SELECT slow(n) FROM loose', ttl => '80 ms');
        EXIT WHEN (SELECT refreshes FROM cq.stat_cache) > before;
    END LOOP;
END $$;
SELECT refreshes > :refreshes_before AS early FROM cq.stat_cache;
SELECT refreshes AS refreshes_before FROM cq.stat_cache \gset
SELECT count(cq.cache_fetch('not early', 'SELECT n + 1 FROM loose', ttl => '1 h')) FROM generate_series(1, 1000);
SELECT refreshes - :refreshes_before AS early FROM cq.stat_cache;

-- an error leaves nothing behind: nobody waits, the next call runs again
INSERT INTO item VALUES (0, 'zero');
DO $$
BEGIN
    PERFORM cq.cache_fetch('err', 'SELECT 1 / id FROM fetch_test.item WHERE id = $1', '{0}');
EXCEPTION WHEN division_by_zero THEN
    RAISE NOTICE 'caught';
END $$;
SELECT cq.cache_fetch('err', 'SELECT 1 / id FROM item WHERE id = $1', '{0}');
SELECT cq.cache_fetch('err', 'SELECT 1 / id FROM item WHERE id = $1', '{1}');

-- refused
SELECT cq.cache_fetch('r', 'SELECT random()');
SELECT cq.cache_fetch('r', 'SELECT now()');
SELECT cq.cache_fetch('r', 'SELECT current_user');
SELECT cq.cache_fetch('r', 'SELECT current_setting(name) FROM item');
SELECT cq.cache_fetch('r', 'SELECT name FROM item FOR UPDATE');
SELECT cq.cache_fetch('r', 'DELETE FROM item RETURNING 1');
SELECT cq.cache_fetch('r', 'WITH d AS (DELETE FROM item RETURNING id) SELECT count(*) FROM d');
SELECT cq.cache_fetch('r', 'VACUUM');
SELECT cq.cache_fetch('r', 'SELECT 1; SELECT 2');
SELECT cq.cache_fetch('r', 'SELECT id, name FROM item');
SELECT cq.cache_fetch('r', 'SELECT name FROM item');
SELECT cq.cache_fetch('r', 'SELECT name FROM item WHERE id = $1', '{}');
SELECT cq.cache_fetch('r', 'SELECT name FROM item WHERE id = $1', '{x}');
SELECT cq.cache_fetch('r', 'SELECT 1', ttl => '-1 s');
SELECT cq.cache_fetch('r', 'SELECT 1', stale_for => '-1 s');
SELECT cq.cache_fetch('r', 'SELECT 1', negative_ttl => '0');
SELECT cq.cache_fetch('r', NULL);
CREATE TEMP TABLE mine (n int);
SELECT cq.cache_fetch('r', 'SELECT n FROM mine', ttl => '1 h');
CREATE FUNCTION nested() RETURNS jsonb IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN cq.cache_fetch('x', 'SELECT 1'); END $$;
SELECT cq.cache_fetch('r', 'SELECT fetch_test.nested() FROM item WHERE id = 1');
SELECT cq.cache_fetch('r', 'SELECT name FROM item TABLESAMPLE BERNOULLI (50)');
-- literals that mean another time tomorrow, and those that only look so
SELECT cq.cache_fetch('r', 'SELECT count(*) FROM item WHERE due < ''today''');
SELECT cq.cache_fetch('r', 'SELECT date '' Tomorrow ''');
SELECT cq.cache_fetch('r', 'SELECT E''n\x6fw''::timestamptz');
SELECT cq.cache_fetch('r', 'SELECT ''{2020-01-01,yesterday}''::date[]');
SELECT cq.cache_fetch('r', 'SELECT ''[2020-01-01,now]''::tsrange');
SELECT cq.cache_fetch('r', 'SELECT count(*) FROM item WHERE name = ''today'' OR due = ''2030-01-02''');
SELECT cq.cache_fetch('r', 'SELECT ''{now,today}''::text[]');
SELECT cq.cache_fetch('r', 'SELECT name::date FROM item');
-- the result is no entry of the user's
SELECT cq.cache_get('a');

SET client_min_messages = warning;
DROP SCHEMA fetch_test, fetch_test2 CASCADE;
