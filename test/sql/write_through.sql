-- cache_watch with write_through: rows in the cache when their transaction has committed.
CREATE SCHEMA cache_test;
SET search_path = cache_test;
\set SHOW_CONTEXT never
\set VERBOSITY terse

CREATE FUNCTION cached(VARIADIC keys text[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(coalesce(cq.cache_get_jsonb(key)::text, '-'), ' ' ORDER BY n)
    FROM unnest(keys) WITH ORDINALITY AS t (key, n);
$$;

CREATE TABLE account (id int PRIMARY KEY, owner text, balance numeric);
INSERT INTO account VALUES (1, 'ann', 10);
SELECT cq.cache_watch('account', write_through => '{"key": "account:{id}"}');
SELECT target, tags, write_through, enabled FROM cq.cache_watches;
-- what is there already is not put
SELECT cached('account:1');
-- each kind of change
INSERT INTO account VALUES (2, 'bob', 20.50), (3, NULL, 30);
SELECT cached('account:1', 'account:2', 'account:3');
UPDATE account SET balance = balance + 1 WHERE id IN (1, 3);
SELECT cached('account:1', 'account:2', 'account:3');
DELETE FROM account WHERE id = 3;
UPDATE account SET id = 4 WHERE id = 2;
SELECT cached('account:2', 'account:3', 'account:4');
INSERT INTO account VALUES (4, 'x', 0), (5, 'eve', 50) ON CONFLICT (id) DO UPDATE SET owner = 'conflict', balance = excluded.balance;
SELECT cached('account:4', 'account:5');
INSERT INTO account VALUES (5, 'nobody', 0) ON CONFLICT DO NOTHING;
MERGE INTO account AS a USING (VALUES (4), (5), (6)) AS m (id) ON a.id = m.id
    WHEN MATCHED AND m.id = 4 THEN DELETE
    WHEN MATCHED THEN UPDATE SET owner = 'merged'
    WHEN NOT MATCHED THEN INSERT VALUES (m.id, 'merged in', 60);
SELECT cached('account:4', 'account:5', 'account:6');
COPY account FROM stdin;
7	copied	70
8	\N	\N
\.
SELECT cached('account:7', 'account:8');
WITH moved AS (DELETE FROM account WHERE id = 7 RETURNING *)
INSERT INTO account SELECT 70, owner, balance FROM moved;
SELECT cached('account:7', 'account:70');
-- equals what is read
SELECT count(*), count(*) FILTER (WHERE cq.cache_get_jsonb('account:' || id) = to_jsonb(a)) AS equal FROM account AS a;
TRUNCATE account;
SELECT cached('account:1', 'account:5', 'account:70');
-- a key swapped, and given to another row, in one transaction
INSERT INTO account VALUES (1, 'ann', 1), (2, 'bob', 2);
BEGIN;
UPDATE account SET id = 3 WHERE id = 1;
UPDATE account SET id = 1 WHERE id = 2;
UPDATE account SET id = 2 WHERE id = 3;
SELECT cached('account:1', 'account:2', 'account:3') AS own;
COMMIT;
SELECT cached('account:1', 'account:2', 'account:3');
BEGIN;
DELETE FROM account WHERE id = 1;
SELECT cached('account:1') AS own;
INSERT INTO account VALUES (1, 'again', 5);
SELECT cached('account:1') AS own;
COMMIT;
SELECT cached('account:1');

-- the transaction sees its own; rollback, savepoints
BEGIN;
UPDATE account SET balance = 100 WHERE id = 1;
SELECT cached('account:1') AS own;
UPDATE account SET balance = 101 WHERE id = 1;
SELECT cached('account:1') AS own;
ROLLBACK;
SELECT cached('account:1') AS rolled_back;
BEGIN;
UPDATE account SET balance = 102 WHERE id = 1;
SAVEPOINT a;
UPDATE account SET balance = 103 WHERE id = 1;
UPDATE account SET balance = 203 WHERE id = 2;
SELECT cached('account:1', 'account:2') AS own;
ROLLBACK TO a;
SELECT cached('account:1', 'account:2') AS rolled_back_to;
UPDATE account SET balance = 204 WHERE id = 2;
COMMIT;
SELECT cached('account:1', 'account:2');
SELECT id, balance FROM account ORDER BY id;
-- a statement that fails half way leaves nothing of itself, nor of what came before
BEGIN;
UPDATE account SET balance = 104 WHERE id = 1;
SAVEPOINT a;
UPDATE account SET balance = balance / (balance - 204);
ROLLBACK TO a;
SELECT cached('account:1', 'account:2');
COMMIT;
SELECT cached('account:1', 'account:2');
-- cache_delete, cache_clear and cache_set of the same key
BEGIN;
UPDATE account SET balance = 105 WHERE id = 1;
SELECT cq.cache_delete('account:1');
COMMIT;
SELECT cached('account:1') AS deleted;
SELECT cq.cache_set('account:1', '"plain"'::jsonb);
UPDATE account SET balance = 106 WHERE id = 1;
SELECT cached('account:1') AS instead_of_a_plain_one;
SELECT cq.cache_set('account:1', '"plain"'::jsonb);
DELETE FROM account WHERE id = 1;
SELECT cached('account:1') AS deleted_with_the_row;
BEGIN;
SELECT cq.cache_set('account:2', '"plain"'::jsonb);
UPDATE account SET balance = 205 WHERE id = 2;
COMMIT;
SELECT cached('account:2') AS later_wins;
BEGIN;
SELECT cq.cache_clear() > 0;
UPDATE account SET balance = 206 WHERE id = 2;
COMMIT;
SELECT cached('account:2') AS cleared;
-- isolation levels
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE account SET balance = 207 WHERE id = 2;
SELECT cached('account:2') AS own;
COMMIT;
SELECT cached('account:2') AS repeatable_read;
BEGIN ISOLATION LEVEL SERIALIZABLE;
UPDATE account SET balance = 208 WHERE id = 2;
COMMIT;
SELECT cached('account:2') AS serializable;
-- the limit on rows
INSERT INTO account SELECT n, 'many', n FROM generate_series(1001, 11002) AS n;
SELECT cached('account:1001', 'account:11000', 'account:11001');
UPDATE account SET balance = 0 WHERE id >= 1001;
SELECT count(*) FILTER (WHERE cq.cache_get_jsonb('account:' || id) IS NOT NULL) BETWEEN 9000 AND 10000 AS put,
       count(*) FILTER (WHERE cq.cache_get_jsonb('account:' || id) <> to_jsonb(a)) AS wrong
FROM account AS a WHERE id >= 1001;

-- changed again before the trigger runs: by a foreign key of the table to itself
CREATE TABLE node (id int PRIMARY KEY, parent int REFERENCES node ON UPDATE CASCADE ON DELETE SET NULL);
SELECT cq.cache_watch('node', write_through => '{"key": "node:{id}"}');
INSERT INTO node VALUES (1, NULL), (2, 1), (3, 2);
SELECT cached('node:1', 'node:2', 'node:3');
UPDATE node SET id = id * 10;
SELECT id, parent FROM node ORDER BY id;
SELECT cached('node:1', 'node:2', 'node:3', 'node:10', 'node:20', 'node:30');
DELETE FROM node WHERE id IN (10, 20);
SELECT cached('node:10', 'node:20', 'node:30');
-- and by a function that the statement calls, which must not find what is outdated either
CREATE FUNCTION meddle(wanted int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'cached %, row %', cached('node:30'), (SELECT to_jsonb(n) FROM node AS n WHERE id = 30);
    IF wanted = 31 THEN
        UPDATE node SET parent = 31 WHERE id = 30;
    END IF;
    RETURN NULL;
END $$;
INSERT INTO node VALUES (31, NULL);
UPDATE node SET parent = NULL WHERE id = 30;
SELECT cached('node:30');
UPDATE node SET parent = meddle(id) WHERE id IN (30, 31);
SELECT id, parent FROM node ORDER BY id;
SELECT cached('node:30', 'node:31');
-- by another trigger
CREATE FUNCTION follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE node SET parent = 31 WHERE id = new.id AND parent IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER follow AFTER INSERT ON node FOR EACH ROW EXECUTE FUNCTION follow();
INSERT INTO node VALUES (32, NULL);
SELECT cached('node:32');

-- columns, namespace, ttl, and odd values
SELECT cq.namespace_create('people', '1 hour');
CREATE TABLE "odd ""table"""(
    id int, tenant text, "col 1" timestamptz, i interval, f float8, b bytea, secret text, j jsonb,
    up text GENERATED ALWAYS AS (upper(tenant)) STORED, gone int, UNIQUE (tenant, id));
ALTER TABLE "odd ""table""" DROP COLUMN gone, ALTER id SET NOT NULL, ALTER tenant SET NOT NULL;
SELECT cq.cache_watch('"odd ""table"""', ARRAY['t:{tenant}'],
    '{"key": "{{''{tenant}''}}/{id}", "namespace": "people", "ttl": "1 day", "columns": ["up", "id", "col 1", "i", "f", "b", "j"]}');
SELECT tags, write_through FROM cq.cache_watches WHERE target = '"odd ""table"""'::regclass;
SET DateStyle = 'SQL, DMY';
SET TimeZone = 'Asia/Tokyo';
SET IntervalStyle = 'iso_8601';
SET extra_float_digits = -5;
SET bytea_output = escape;
INSERT INTO "odd ""table""" VALUES (1, 'a/b', '2024-02-03 04:05:06+00', '1 day 02:03:04', 0.1::float8 + 0.2::float8, '\x00ff', 'hidden', '{"a": [1, null]}');
RESET ALL;
SET search_path = cache_test;
SELECT cq.cache_get_jsonb('{''a/b''}/1', 'people');
SELECT cq.cache_ttl('{''a/b''}/1', 'people') BETWEEN '23 hours' AND '1 day' AS day;
SELECT cq.cache_watch('"odd ""table"""', NULL, '{"key": "{tenant}/{id}", "namespace": "people"}');
ALTER TABLE "odd ""table""" ADD COLUMN added int DEFAULT 5;
UPDATE "odd ""table""" SET f = 'Infinity', i = NULL;
SELECT cq.cache_get_jsonb('a/b/1', 'people');
SELECT cq.cache_ttl('a/b/1', 'people') BETWEEN '59 minutes' AND '1 hour' AS hour;
-- no key, or too large: no value, and no error
INSERT INTO "odd ""table""" (id, tenant) VALUES (2, repeat('long', 1000));
INSERT INTO "odd ""table""" (id, tenant, secret) VALUES (3, 'large', 'x');
SELECT cq.cache_get_jsonb('large/3', 'people') ->> 'secret';
UPDATE "odd ""table""" SET secret = repeat('x', 2000000) WHERE id = 3;
SELECT cq.cache_get_jsonb('large/3', 'people');
UPDATE "odd ""table""" SET secret = repeat('x', 1000000) WHERE id = 3;
SELECT length(cq.cache_get_jsonb('large/3', 'people') ->> 'secret');
-- namespace gone, and another of its name
SELECT cq.namespace_drop('people');
UPDATE "odd ""table""" SET f = 2 WHERE id = 1;
SELECT cq.namespace_create('people');
UPDATE "odd ""table""" SET f = 3 WHERE id = 1;
SELECT cq.cache_get_jsonb('a/b/1', 'people');
SELECT cq.namespace_drop('people');

-- a value of nullable columns; a unique index that includes others
CREATE TABLE partial_key (id int NOT NULL, part int, note text);
CREATE UNIQUE INDEX partial_key_id ON partial_key (id) INCLUDE (note);
SELECT cq.cache_watch('partial_key', write_through => '{"key": "{part}-{id}"}');
INSERT INTO partial_key VALUES (1, 1), (2, NULL);
SELECT cached('1-1', '-2');
UPDATE partial_key SET part = CASE id WHEN 2 THEN 2 END;
SELECT cached('1-1', '2-2');

-- DDL must leave the key what it is
\set VERBOSITY default
DROP INDEX partial_key_id;
\set VERBOSITY terse
REINDEX TABLE CONCURRENTLY partial_key;
CREATE UNIQUE INDEX another ON partial_key (part);
DROP INDEX partial_key_id;
DROP INDEX another;
ALTER TABLE partial_key ALTER id DROP NOT NULL;
CREATE UNIQUE INDEX partial_key_id ON partial_key (id);
DROP INDEX another;
DROP INDEX CONCURRENTLY partial_key_id;
INSERT INTO partial_key VALUES (1, 2, 'not unique any more');
SELECT cached('2-1');
DROP INDEX partial_key_id;
CREATE UNIQUE INDEX ON partial_key (id, part);
UPDATE partial_key SET note = 'unique' WHERE id = 1;
SELECT cached('2-1');
ALTER TABLE partial_key RENAME part TO p;
ALTER TABLE partial_key DROP COLUMN part;
ALTER TABLE account DROP CONSTRAINT account_pkey;
SELECT cq.cache_watch('account', write_through => '{"key": "account:{id}", "columns": ["id", "owner"]}');
ALTER TABLE account RENAME owner TO o;
ALTER TABLE account ALTER id TYPE bigint;
ALTER TABLE account RENAME balance TO amount;
UPDATE account SET amount = 1 WHERE id = 2;
SELECT cached('account:2');
ALTER TABLE account ADD CONSTRAINT other UNIQUE (id), DROP CONSTRAINT account_pkey;
-- what was cached is invalid after DDL, watching again, and unwatching
SELECT cached('account:2');
UPDATE account SET amount = 2 WHERE id = 2;
SELECT cached('account:2');
SELECT cq.cache_watch('account', write_through => '{"key": "account:{id}"}');
SELECT cached('account:2');
UPDATE account SET amount = 3 WHERE id = 2;
SELECT cached('account:2');
SELECT cq.cache_watch('account');
SELECT cached('account:2');
UPDATE account SET amount = 4 WHERE id = 2;
SELECT cached('account:2'), (SELECT count(*) FROM pg_trigger WHERE tgrelid = 'account'::regclass AND tgname LIKE '!cachequeue%') AS triggers;
SELECT cq.cache_watch('account', write_through => '{"key": "account:{id}"}');
UPDATE account SET amount = 5 WHERE id = 2;
SELECT cached('account:2');
SELECT cq.cache_unwatch('account');
SELECT cached('account:2');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'account'::regclass;
-- dropped by hand
SELECT cq.cache_watch('account', write_through => '{"key": "account:{id}"}');
UPDATE account SET amount = 6 WHERE id = 2;
DROP TRIGGER "!cachequeue_write" ON account;
SELECT cached('account:2');
-- dropped, and made again
SELECT cq.cache_watch('account', write_through => '{"key": "account:{id}"}');
UPDATE account SET amount = 7 WHERE id = 2;
DROP TABLE account;
SELECT cached('account:2');

-- partitions
CREATE TABLE root (id int, region text, v text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE north PARTITION OF root FOR VALUES IN ('n');
CREATE TABLE south PARTITION OF root FOR VALUES IN ('s') PARTITION BY RANGE (id);
CREATE TABLE south_low (v text, gone int, id int NOT NULL, region text NOT NULL);
ALTER TABLE south_low DROP COLUMN gone;
ALTER TABLE south ATTACH PARTITION south_low FOR VALUES FROM (0) TO (100);
SELECT cq.cache_watch('root', write_through => '{"key": "row:{region}:{id}"}');
SELECT target, tags, write_through, enabled FROM cq.cache_watches WHERE target::text ~ 'root|north|south' ORDER BY target::text;
INSERT INTO root VALUES (1, 'n', 'v'), (2, 's', 'v');
SELECT cached('row:n:1', 'row:s:2');
UPDATE root SET region = 's' WHERE id = 1;
SELECT cached('row:n:1', 'row:s:1');
UPDATE south_low SET v = 'leaf' WHERE id = 1;
INSERT INTO south_low VALUES ('leaf', 3, 's');
SELECT cached('row:s:1', 'row:s:3');
TRUNCATE south_low;
SELECT cached('row:s:1');
CREATE TABLE west (id int NOT NULL, region text NOT NULL, v text);
INSERT INTO west VALUES (50, 'w', 'v');
ALTER TABLE root ATTACH PARTITION west FOR VALUES IN ('w');
SELECT cached('row:w:50');
UPDATE west SET v = 'attached';
SELECT cached('row:w:50');
ALTER TABLE root DETACH PARTITION west;
SELECT cached('row:w:50');
UPDATE west SET v = 'detached';
SELECT cached('row:w:50');
SELECT cq.cache_watch('root');
SELECT cq.cache_watch('root', write_through => '{"key": "row:{region}:{id}"}');
ALTER TABLE root ATTACH PARTITION west FOR VALUES IN ('w');
SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE tgrelid IN ('west'::regclass, 'south_low'::regclass) AND tgname LIKE '!%' ORDER BY 1, 2;
UPDATE root SET v = 'attached again';
SELECT cached('row:w:50');
ALTER TABLE root DROP CONSTRAINT root_pkey;
ALTER TABLE root DISABLE TRIGGER ALL;
SET session_replication_role = replica;
UPDATE west SET v = 'replica';
RESET session_replication_role;
SELECT cached('row:w:50');
SELECT cq.cache_unwatch('root');
SELECT cached('row:w:50');
SELECT count(*) FROM pg_trigger WHERE tgname LIKE '!cachequeue%' AND tgrelid IN ('root'::regclass, 'west'::regclass, 'south_low'::regclass, 'north'::regclass, 'south'::regclass);
-- inheritance: a child's rows may have the parent's keys, so they are not put
CREATE TABLE parent (id int PRIMARY KEY, v text);
CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
SELECT cq.cache_watch('parent', ARRAY['p:{id}'], '{"key": "parent:{id}"}');
SELECT cq.cache_watch('child', NULL, '{"key": "child:{id}"}');
SELECT cq.cache_watch('parent', ARRAY['id:{id}'], '{"key": "parent:{id}"}');
INSERT INTO parent VALUES (1, 'parent');
INSERT INTO child VALUES (1, 'child');
UPDATE parent SET v = v || '+';
SELECT cached('parent:1', 'child:1');
SELECT target, tags, write_through FROM cq.cache_watches WHERE target::text ~ 'parent|child' ORDER BY target::text;

-- malformed
\set VERBOSITY default
CREATE TABLE t (a int NOT NULL, b int, c int UNIQUE, d int UNIQUE DEFERRABLE, UNIQUE (a, b));
CREATE UNIQUE INDEX ON t (a) WHERE b > 1;
CREATE UNIQUE INDEX ON t ((a + 1));
CREATE FUNCTION try(write_through jsonb, target regclass = 'node') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    PERFORM cq.cache_watch(target, write_through => write_through);
    RETURN 'watched';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN format(E'%s %s\n  %s', sqlstate, sqlerrm, hint);
END $$;
\pset format unaligned
\pset tuples_only on
SELECT try('null');
SELECT try('[]');
SELECT try('"node:{id}"');
SELECT try('{}');
SELECT try('{"key": null}');
SELECT try('{"key": "node:{id}", "tags": []}');
SELECT try('{"key": "node:{id}", "ttl": 5}');
SELECT try('{"key": "node:{id}", "ttl": null}');
SELECT try('{"key": "node:{id}", "ttl": "soon"}');
SELECT try('{"key": "node:{id}", "ttl": ""}');
SELECT try('{"key": "node:{id}", "ttl": "-1 s"}');
SELECT try('{"key": "node:{id}", "ttl": "0"}');
SELECT try('{"key": "node:{id}", "ttl": "1000000 years"}');
SELECT try('{"key": "node:{id}", "columns": "id"}');
SELECT try('{"key": "node:{id}", "columns": []}');
SELECT try('{"key": "node:{id}", "columns": [1]}');
SELECT try('{"key": "node:{id}", "columns": ["id", "id"]}');
SELECT try('{"key": "node:{id}", "columns": ["id", "no such"]}');
SELECT try('{"key": "node:{id}", "columns": ["ctid"]}');
SELECT try('{"key": "node:{id}", "namespace": "no such"}');
SELECT try('{"key": "node:{id}", "namespace": ""}');
SELECT try('{"key": ""}');
SELECT try('{"key": "node:{id"}');
SELECT try('{"key": "node:{no}"}');
SELECT try('{"key": "node"}');
SELECT try('{"key": "{id}{parent}"}');
SELECT try('{"key": "{parent}"}');
SELECT try('{"key": "{a}"}', 't');
SELECT try('{"key": "{b}"}', 't');
SELECT try('{"key": "{d}"}', 't');
\pset format aligned
\pset tuples_only off
-- privileges
CREATE ROLE write_through_owner;
GRANT USAGE ON SCHEMA cq, cache_test TO write_through_owner;
SELECT cq.namespace_grant('default', 'write_through_owner', 'all');
SELECT cq.namespace_create('mine');
SELECT cq.namespace_grant('mine', 'write_through_owner', 'read');
ALTER TABLE t OWNER TO write_through_owner;
SET ROLE write_through_owner;
SELECT try('{"key": "{c}", "namespace": "mine"}', 't');
SELECT try('{"key": "{id}"}', 'node');
SELECT cq.cache_watch('t', write_through => '{"key": "t:{c}"}');
INSERT INTO t VALUES (1, 1, 1, 1);
SELECT cq.cache_get_jsonb('t:1');
SELECT target, write_through FROM cq.cache_watches WHERE target = 't'::regclass;
-- nobody calls the trigger function
SELECT cq._watch_write();
CREATE TRIGGER fake BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION cq._watch_write('a', 'b', 'c', 'd');
INSERT INTO t VALUES (2, 2, 2, 2);
RESET ROLE;
SELECT cq.namespace_drop('mine');

SET client_min_messages = warning;
DROP SCHEMA cache_test CASCADE;
SELECT count(*) FROM cq.cache_watches;
REVOKE USAGE ON SCHEMA cq FROM write_through_owner;
DROP OWNED BY write_through_owner;
DROP ROLE write_through_owner;
