-- A query that pins the key of a watched table depends on those rows alone, and
-- on the whole table whenever that is not certain.  A notice tells that the
-- query was run.
CREATE SCHEMA fetch_test;
SET search_path = fetch_test;
\set SHOW_CONTEXT never
CREATE FUNCTION run(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'run: %', $1; RETURN $1; END $$;
CREATE TABLE item (id int PRIMARY KEY, kind varchar(10), big bigint, name text, parent int, n numeric);
INSERT INTO item VALUES (1, 'a', 10, 'one', NULL, 1), (2, 'a', 20, 'two', 1, 2), (3, 'b', 30, 'three', 1, 3);
CREATE TABLE note (item int, body text);
INSERT INTO note VALUES (1, 'note of one');
SELECT cq.cache_watch('item', ARRAY['item:{id}', 'kind:{kind}:{big}', 'n:{n}']), cq.cache_watch('note');
-- run it, touch rows with ids above 1, run it again: a second notice, or none
CREATE PROCEDURE again(query text, args text[] DEFAULT '{}') LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE '%', query;
    PERFORM cq.cache_fetch('again', query, args);
    COMMIT;
    UPDATE item SET name = name || '!' WHERE id > 1;
    COMMIT;
    PERFORM cq.cache_fetch('again', query, args);
END $$;

-- only those rows
CALL again('SELECT run(id::text) FROM item WHERE id = $1', '{1}');
CALL again('SELECT run(id::text) FROM item WHERE 1 = id AND name <> ''x''');
CALL again('SELECT run(big::text) FROM item WHERE kind = $2 AND big = $1', '{10,a}');
CALL again('SELECT run(i.id::text || body) FROM note LEFT JOIN item AS i ON true WHERE i.id = 1 AND item = i.id');
CALL again('SELECT run(a.id::text) FROM item AS a JOIN item AS b ON b.id = a.id WHERE a.id = 1 AND b.id = 1');
CALL again('SELECT run((SELECT id::text FROM item WHERE id = 1)) FROM note');
CALL again('SELECT run(count(*)::text) FROM item WHERE id = $1', '{9}');
-- perhaps others as well
CALL again('SELECT run(id::text) FROM item WHERE id = 1 OR big = 10');
CALL again('SELECT run(id::text) FROM item WHERE id <= 1');
CALL again('SELECT run(id::text) FROM item WHERE big = 10');
CALL again('SELECT run(count(*)::text) FROM item WHERE NOT (id = 1)');
CALL again('SELECT run(a.id::text) FROM item AS a JOIN item AS b ON b.id = a.id WHERE a.id = 1');
CALL again('SELECT run(i.id::text) FROM note LEFT JOIN item AS i ON i.id = 1');
CALL again('SELECT run((SELECT max(name) FROM item)) FROM item WHERE id = 1');
CALL again('SELECT run(count(*)::text) FROM item WHERE id = $1', '{NULL}');
CALL again('SELECT run(id::text) FROM item WHERE id = $1 + 0', '{1}');
CALL again('WITH i AS (SELECT * FROM item) SELECT run(id::text) FROM i WHERE id = 1');
-- equal, and yet another text: numeric has no tag of its own
CALL again('SELECT run(id::text) FROM item WHERE n = 1.00');

-- every way in which those rows change
CREATE FUNCTION one() RETURNS jsonb LANGUAGE sql AS $$ SELECT cq.cache_fetch('one', 'SELECT run(string_agg(name, '' '')) FROM fetch_test.item WHERE id = 1') $$;
SELECT one();
UPDATE item SET name = 'uno' WHERE id = 1;
SELECT one();
UPDATE item SET id = 9 WHERE id = 1;
SELECT one();
UPDATE item SET id = 1 WHERE id = 9;
SELECT one();
DELETE FROM item WHERE id = 1;
SELECT one();
INSERT INTO item VALUES (1, 'a', 10, 'eins');
SELECT one();
BEGIN;
UPDATE item SET name = 'mine' WHERE id = 1;
SELECT one();
ROLLBACK;
SELECT one();
TRUNCATE item;
SELECT one();
INSERT INTO item VALUES (1, 'a', 10, 'again');
SELECT one();
ALTER TABLE item ADD COLUMN more int;
SELECT one();
-- another watch, other templates
SELECT cq.cache_watch('item', ARRAY['other:{id}']);
SELECT one();
UPDATE item SET name = 'watched anew' WHERE id = 1;
SELECT one();
-- a child
CREATE TABLE child () INHERITS (item);
SELECT one();
INSERT INTO child (id, name) VALUES (1, 'of a child');
SELECT one();
UPDATE child SET name = 'of the child';
SELECT one();
-- not watched any more
SELECT cq.cache_unwatch('item');
SELECT one();

SET client_min_messages = warning;
DROP SCHEMA fetch_test CASCADE;
