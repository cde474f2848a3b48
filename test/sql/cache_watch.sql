-- cache_watch, cache_unwatch and the tags; what kinds of writing they notice.
CREATE SCHEMA cache_test;
SET search_path = cache_test;
\set SHOW_CONTEXT never

-- put a value with a tag into the cache, under the tag as key
CREATE FUNCTION put(VARIADIC tags text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    tag text;
BEGIN
    FOREACH tag IN ARRAY tags LOOP
        IF cq.cache_get(tag) IS NULL THEN
            IF NOT cq.cache_set(tag, 'v', tags => ARRAY[tag]) THEN
                RAISE '% was refused', tag;
            END IF;
        END IF;
    END LOOP;
END $$;
-- which of them are still cached
CREATE FUNCTION left_of(VARIADIC tags text[]) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(tag, ' ' ORDER BY n) FILTER (WHERE cq.cache_get(tag) IS NOT NULL), 'none')
    FROM unnest(tags) WITH ORDINALITY AS t (tag, n);
$$;

CREATE TABLE item (id int PRIMARY KEY, owner text, price numeric, note text);
-- not watched
SELECT put('item:1', cq.cache_table_tag('item'));
INSERT INTO item VALUES (1, 'ann', 1.50, 'n');
SELECT left_of('item:1', cq.cache_table_tag('item')) = 'item:1 ' || cq.cache_table_tag('item') AS both;
-- watching invalidates all that was cached before
SELECT cq.cache_watch('item', ARRAY['item:{id}', 'owner:{owner}', 'pair:{owner}/{id}', 'all items', 'brace:{{{id}}}']);
SELECT left_of('item:1', cq.cache_table_tag('item'));
SELECT target, table_tag = cq.cache_table_tag('item') AS own, tags, enabled FROM cq.cache_watches;

-- the tags of a row, and no others
CREATE FUNCTION put_all() RETURNS void LANGUAGE sql AS $$
    SELECT put('item:1', 'item:2', 'item:3', 'owner:ann', 'owner:bob', 'pair:ann/1', 'pair:bob/1', 'pair:bob/2', 'all items',
               'brace:{1}', 'brace:{2}', cq.cache_table_tag('item'), 'item', 'unrelated');
$$;
CREATE FUNCTION left_of_all() RETURNS text LANGUAGE sql AS $$
    SELECT replace(left_of('item:1', 'item:2', 'item:3', 'owner:ann', 'owner:bob', 'pair:ann/1', 'pair:bob/1', 'pair:bob/2', 'all items',
                           'brace:{1}', 'brace:{2}', cq.cache_table_tag('item'), 'item', 'unrelated'),
                   cq.cache_table_tag('item'), 'table');
$$;
SELECT put_all();
SELECT left_of_all() AS all_there;
INSERT INTO item VALUES (2, 'bob', 2, NULL);
SELECT left_of_all() AS inserted;
SELECT put_all();
UPDATE item SET price = 3 WHERE id = 2;
SELECT left_of_all() AS updated;
SELECT put_all();
UPDATE item SET owner = 'bob' WHERE id = 1;
SELECT left_of_all() AS updated_column_of_a_template;
SELECT put_all();
UPDATE item SET id = 3 WHERE id = 1;
SELECT left_of_all() AS updated_key;
UPDATE item SET id = 1, owner = 'ann' WHERE id = 3;
SELECT put_all();
DELETE FROM item WHERE id = 2;
SELECT left_of_all() AS deleted;
SELECT put_all();
TRUNCATE item;
SELECT left_of_all() AS truncated;
-- NULL in a column: no tag of that template
INSERT INTO item VALUES (1, NULL, NULL, NULL);
SELECT put_all();
UPDATE item SET price = 0;
SELECT left_of_all() AS no_owner;
-- a statement that found no row: nothing has to go, but the table's tag may
SELECT put_all();
UPDATE item SET price = 1 WHERE id = 99;
DELETE FROM item WHERE id = 99;
SELECT replace(left_of_all(), ' table ', ' ') AS found_no_row;
-- watching again replaces the templates
SELECT cq.cache_watch('item', ARRAY['item:{id}']);
SELECT tags FROM cq.cache_watches;
SELECT put_all();
UPDATE item SET price = 1;
SELECT left_of_all() AS watched_again;
SELECT cq.cache_watch('item');
SELECT tags FROM cq.cache_watches;
SELECT put_all();
UPDATE item SET price = 1;
SELECT left_of_all() AS watched_without_templates;
SELECT cq.cache_watch('item', '{}'), tags FROM cq.cache_watches;
-- unwatching invalidates as well, and then it is over
SELECT put_all();
SELECT cq.cache_unwatch('item');
SELECT left_of(cq.cache_table_tag('item'));
SELECT count(*) FROM cq.cache_watches;
SELECT put_all();
UPDATE item SET price = 2;
SELECT left_of(cq.cache_table_tag('item')) = 'none' AS not_watched_any_more;
-- all of this is transactional
BEGIN;
SELECT cq.cache_watch('item');
ROLLBACK;
SELECT count(*) FROM cq.cache_watches;
SELECT cq.cache_watch('item', ARRAY['item:{id}']);
BEGIN;
SELECT cq.cache_unwatch('item');
ROLLBACK;
SELECT put('item:1');
UPDATE item SET price = 3;
SELECT left_of('item:1');

-- the ways to write
SELECT put('item:10', 'item:11');
COPY item (id) FROM STDIN;
10
11
\.
SELECT left_of('item:10', 'item:11') AS copy;
SELECT put('item:10', 'item:12');
INSERT INTO item (id) VALUES (10), (12) ON CONFLICT (id) DO UPDATE SET note = 'conflict';
SELECT left_of('item:10', 'item:12') AS on_conflict_update;
SELECT put('item:10', 'item:13');
INSERT INTO item (id) VALUES (10), (13) ON CONFLICT DO NOTHING;
SELECT left_of('item:10', 'item:13') AS on_conflict_nothing;
SELECT put('item:10', 'item:11', 'item:14', 'item:12');
MERGE INTO item USING (VALUES (10, 'update'), (11, 'delete'), (14, 'insert'), (12, 'nothing')) AS s (id, what) ON item.id = s.id
WHEN MATCHED AND what = 'update' THEN UPDATE SET note = what
WHEN MATCHED AND what = 'delete' THEN DELETE
WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id);
SELECT left_of('item:10', 'item:11', 'item:14', 'item:12') AS merge;
SELECT put('item:10', 'item:12', 'item:15');
WITH d AS (DELETE FROM item WHERE id = 12 RETURNING id), i AS (INSERT INTO item (id) SELECT id + 3 FROM d)
SELECT count(*) FROM d;
SELECT left_of('item:10', 'item:12', 'item:15') AS writable_cte;
SELECT put('item:10', 'item:13');
SELECT id FROM item WHERE id = 10 FOR UPDATE;
SELECT left_of('item:10', 'item:13') AS row_lock_changes_nothing;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM item WHERE id = 10 FOR UPDATE;
FETCH c;
UPDATE item SET note = 'current' WHERE CURRENT OF c;
COMMIT;
SELECT left_of('item:10', 'item:13') AS where_current_of;
-- a prepared statement, and a function
PREPARE change (int) AS UPDATE item SET note = 'prepared' WHERE id = $1;
SELECT put('item:10', 'item:13');
EXECUTE change (10);
SELECT left_of('item:10', 'item:13') AS prepared_statement;
-- rules
CREATE TABLE plan (id int);
INSERT INTO plan VALUES (14);
CREATE RULE also AS ON UPDATE TO plan DO ALSO UPDATE item SET note = 'rule' WHERE id = old.id;
CREATE RULE instead AS ON INSERT TO plan DO INSTEAD UPDATE item SET note = 'rule' WHERE id = new.id;
SELECT put('item:10', 'item:13', 'item:14');
UPDATE plan SET id = id;
SELECT left_of('item:10', 'item:13', 'item:14') AS rule_also;
INSERT INTO plan VALUES (10);
SELECT left_of('item:10', 'item:13', 'item:14') AS rule_instead;
CREATE VIEW cheap AS SELECT id, note FROM item;
SELECT put('item:10', 'item:13');
UPDATE cheap SET note = 'view' WHERE id = 13;
SELECT left_of('item:10', 'item:13') AS updatable_view;
-- triggers: a row changed before it is written; a constraint trigger that writes at the end
CREATE FUNCTION shift() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    new.id := new.id + 100;
    RETURN new;
END $$;
CREATE TRIGGER shift BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION shift();
SELECT put('item:1', 'item:101', 'item:20', 'item:120');
INSERT INTO item (id) VALUES (20);
SELECT left_of('item:1', 'item:101', 'item:20', 'item:120') AS before_trigger;
DROP TRIGGER shift ON item;
CREATE TABLE source (id int);
CREATE FUNCTION follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE item SET note = 'deferred' WHERE id = new.id;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER follow AFTER INSERT ON source DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION follow();
SELECT put('item:10', 'item:13');
BEGIN;
INSERT INTO source VALUES (13);
SELECT left_of('item:10', 'item:13') AS not_yet;
COMMIT;
SELECT left_of('item:10', 'item:13') AS deferred_trigger;
-- what is cached in the same transaction before the deferred write is not published
SELECT put('item:13');
BEGIN;
INSERT INTO source VALUES (13);
SELECT cq.cache_delete('item:13');
SELECT put('item:13');
COMMIT;
SELECT left_of('item:13') AS cached_before_a_deferred_write;
-- foreign keys
CREATE TABLE part (item int REFERENCES item ON DELETE CASCADE ON UPDATE CASCADE, n int);
INSERT INTO part VALUES (13, 1), (14, 2);
SELECT cq.cache_watch('part', ARRAY['part:{n}', 'parts of:{item}']);
SELECT put('part:1', 'part:2', 'parts of:13', 'parts of:14', 'parts of:33');
UPDATE item SET id = 33 WHERE id = 13;
SELECT left_of('part:1', 'part:2', 'parts of:13', 'parts of:14', 'parts of:33') AS cascading_update;
SELECT put('part:1', 'part:2', 'parts of:14');
DELETE FROM item WHERE id = 14;
SELECT left_of('part:1', 'part:2', 'parts of:14') AS cascading_delete;
SELECT put('part:1', 'item:33', cq.cache_table_tag('part'));
TRUNCATE item CASCADE;
SELECT left_of('part:1', 'item:33', cq.cache_table_tag('part')) AS truncate_cascade;
-- replication applies with this setting
INSERT INTO item (id) VALUES (1), (2);
SELECT put('item:1', 'item:2');
SET session_replication_role = replica;
UPDATE item SET note = 'replica' WHERE id = 1;
SELECT left_of('item:1', 'item:2') AS replica_role;
TRUNCATE item, part;
SELECT left_of('item:1', 'item:2') AS replica_truncate;
RESET session_replication_role;

-- generated columns; types whose text depends on settings; odd names
CREATE TABLE "odd ""table"""(
    "col 1" text, d date, ts timestamptz, i interval, f float8, b bytea, bo boolean,
    up text GENERATED ALWAYS AS (upper("col 1")) STORED);
SELECT cq.cache_watch('"odd ""table"""', ARRAY['c:{col 1}', 'up:{up}', 'd:{d}', 'ts:{ts}', 'i:{i}', 'f:{f}', 'b:{b}', 'bo:{bo}', E'it''s "a"\n{d}']);
SELECT target, tags FROM cq.cache_watches WHERE target = '"odd ""table"""'::regclass;
SELECT put('c:ab "c', 'up:AB "C', 'd:2024-02-03', 'ts:2024-02-03 04:05:06+00', 'i:1 day 02:03:04', 'f:0.30000000000000004', 'b:\x00ff',
           'bo:t', E'it''s "a"\n2024-02-03', 'c:x');
SET DateStyle = 'SQL, DMY';
SET TimeZone = 'Asia/Tokyo';
SET IntervalStyle = 'iso_8601';
SET extra_float_digits = -5;
SET bytea_output = escape;
INSERT INTO "odd ""table""" VALUES ('ab "c', '2024-02-03', '2024-02-03 04:05:06+00', '1 day 02:03:04', 0.1::float8 + 0.2::float8, '\x00ff', true);
SHOW DateStyle;
SHOW TimeZone;
SELECT left_of('c:ab "c', 'up:AB "C', 'd:2024-02-03', 'ts:2024-02-03 04:05:06+00', 'i:1 day 02:03:04', 'f:0.30000000000000004', 'b:\x00ff',
               'bo:t', E'it''s "a"\n2024-02-03', 'c:x') AS rendered_alike_everywhere;
RESET ALL;
SET search_path = cache_test;
\set SHOW_CONTEXT never
SELECT put('up:AB "C', 'up:Z', 'c:ab "c');
UPDATE "odd ""table""" SET "col 1" = 'z';
SELECT left_of('up:AB "C', 'up:Z', 'c:ab "c') AS generated_column;
-- a template of a very long value marks what nothing can carry
INSERT INTO "odd ""table""" VALUES (repeat('long', 1000));

-- the types of most keys, at their ends; long values, compressed and stored
-- apart; an UPDATE of one column of a template, and one of none
CREATE TABLE number (s smallint, i int, b bigint, v varchar, t text, x text) WITH (toast_tuple_target = 128);
ALTER TABLE number ALTER x SET STORAGE EXTERNAL;
SELECT cq.cache_watch('number', ARRAY['s:{s}', 'i:{i}', 'b:{b}', 'v:{v}', 't:{t}', 'x:{x}', 'two:{i}.{s}']);
SELECT put('s:-32768', 'i:-2147483648', 'b:-9223372036854775808', 'v:ö', 't:', 'two:-2147483648.-32768', 's:0');
INSERT INTO number VALUES (-32768, -2147483648, -9223372036854775808, 'ö', '');
SELECT left_of('s:-32768', 'i:-2147483648', 'b:-9223372036854775808', 'v:ö', 't:', 'two:-2147483648.-32768', 's:0') AS lowest;
SELECT put('t:' || repeat('a', 1000), 'x:' || repeat('b', 1000), 't:');
UPDATE number SET t = repeat('a', 1000), x = repeat('b', 1000);
SELECT left_of('t:' || repeat('a', 1000), 'x:' || repeat('b', 1000), 't:') AS long_values;
SELECT put('s:-32768', 's:0', 'two:-2147483648.-32768', 'two:-2147483648.0', 't:' || repeat('a', 1000), 'x:' || repeat('b', 1000), 'i:7');
UPDATE number SET s = 0;
SELECT left_of('s:-32768', 's:0', 'two:-2147483648.-32768', 'two:-2147483648.0', 't:' || repeat('a', 1000), 'x:' || repeat('b', 1000), 'i:7') AS changed;
SELECT put('s:0', 'two:-2147483648.0', 'i:-2147483648', 'two:7.0', 'i:7');
UPDATE number SET i = NULL;
SELECT left_of('s:0', 'two:-2147483648.0', 'i:-2147483648', 'two:7.0', 'i:7') AS to_null;
SELECT put('s:0', 'two:7.0', 'i:7', 's:1');
UPDATE number SET i = 7;
SELECT left_of('s:0', 'two:7.0', 'i:7', 's:1') AS from_null;

-- self-reference in one statement: many rows
INSERT INTO item (id) SELECT n FROM generate_series(1, 1000) AS n;
SELECT put(VARIADIC ARRAY(SELECT 'item:' || n FROM generate_series(1, 1000) AS n));
UPDATE item SET note = 'many' WHERE id <> 500;
SELECT left_of(VARIADIC ARRAY(SELECT 'item:' || n FROM generate_series(1, 1000) AS n)) AS but_one;

SET client_min_messages = warning;
DROP SCHEMA cache_test CASCADE;
SELECT count(*) FROM cq.cache_watches;
