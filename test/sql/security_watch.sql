-- Attacks on watches by a role that may use the schema, and nothing else.
CREATE SCHEMA cache_test;
SET search_path = cache_test;
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = warning;

CREATE ROLE watch_mallory;
CREATE ROLE watch_victim;
GRANT USAGE ON SCHEMA cq TO watch_mallory, watch_victim;
GRANT ALL ON SCHEMA cache_test TO watch_mallory, watch_victim;
SELECT cq.namespace_create('pn');
SELECT cq.namespace_grant('pn', 'watch_mallory', 'read');
SELECT namespace_id AS pn FROM cq.namespace WHERE name = 'pn' \gset
CREATE FUNCTION state(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ' ' || sqlerrm;
END $$;

-- no function that begins with an underscore may be called, but for those of the triggers
SELECT p.oid::regprocedure FROM pg_proc AS p
WHERE p.pronamespace = 'cq'::regnamespace AND p.proname ^@ '_' AND p.proname ~ 'watch|write_through|relation|epoch|trigger|descend|template|alter_table|preload|ddl|sql_drop'
  AND has_function_privilege('watch_mallory', p.oid, 'EXECUTE') ORDER BY 1;
SELECT cq.namespace_grant('default', 'watch_mallory', 'all'), cq.namespace_grant('default', 'watch_victim', 'all');
SET ROLE watch_mallory;
CREATE TABLE own (id text PRIMARY KEY, v text);
-- each internal function of watches, with whatever arguments; the superuser gets further, and must not crash
RESET ROLE;
CREATE VIEW calls AS
SELECT format('SELECT cq.%I(%s)', p.proname,
              (SELECT string_agg(format('%s::%s', CASE WHEN t.typ = ANY ('{oid,regclass}'::regtype[]) THEN relation ELSE value END,
                                        t.typ::regtype), ', ' ORDER BY n)
               FROM unnest(p.proargtypes) WITH ORDINALITY AS t (typ, n))) AS call
FROM pg_proc AS p, unnest(ARRAY['NULL', $$'{}'$$, $$'{a,b}'$$, $$'{{a},{b}}'$$, $$'{NULL,NULL,NULL,NULL}'$$, $$'{"key": "{id}"}'$$]) AS value,
     unnest(ARRAY['0', '4294967295', quote_literal('own'::regclass::oid), quote_literal('own_pkey'::regclass::oid),
                  quote_literal('pg_class'::regclass::oid), quote_literal('cq.cache_watches'::regclass::oid)]) AS relation
WHERE p.pronamespace = 'cq'::regnamespace
  AND p.proname ~ '^_(watch|write_through|check_write|relation|epoch|rewatch|enable_trig|alter_table|ddl_|sql_drop)';
GRANT SELECT ON calls TO watch_mallory;
SET ROLE watch_mallory;
SELECT count(*) > 100 AS many, count(*) FILTER (WHERE call !~ 'NULL::' AND state(call) !~ '^(42501|39P01|0A000|22P02) ') AS not_refused FROM calls;
RESET ROLE;
SELECT DISTINCT left(state(call), 5) AS state FROM calls ORDER BY 1;
SET ROLE watch_mallory;
-- nor may the table that holds them be touched
SELECT state($$SELECT * FROM cq.watch$$);
SELECT state($$INSERT INTO cq.watch VALUES ('own', '{}')$$);
SELECT state($$DELETE FROM cq.watch$$);
SELECT state($$CREATE TRIGGER t AFTER INSERT ON own FOR EACH STATEMENT EXECUTE FUNCTION cq._watch_changed()$$);

-- a trigger made by hand: its arguments mean nothing
SELECT format('CREATE TRIGGER "!cachequeue_write" AFTER INSERT OR UPDATE OR DELETE ON own FOR EACH ROW EXECUTE FUNCTION cq._watch_write(%L, %L, %L, %L, %L)',
              '{id}', 'pn', :'pn', '', 'v') AS forge \gset
:forge;
\set VERBOSITY default
INSERT INTO own VALUES ('forged', 'by mallory');
\set VERBOSITY terse
SELECT cq.cache_get_jsonb('forged', 'pn');
-- the others cannot be told what to mark either
CREATE TABLE own2 (id int);
CREATE TRIGGER "!cachequeue_row" AFTER INSERT ON own2 FOR EACH ROW EXECUTE FUNCTION cq._watch_row('a tag', 'tag:{id}');
SELECT state('INSERT INTO own2 VALUES (1)');
DROP TRIGGER "!cachequeue_row" ON own2;
CREATE TRIGGER "!cachequeue_statement" BEFORE INSERT ON own2 FOR EACH STATEMENT EXECUTE FUNCTION cq._watch_statement();
SELECT state('INSERT INTO own2 VALUES (1)');
DROP TRIGGER "!cachequeue_statement" ON own2;
CREATE TRIGGER "!cachequeue_truncate" AFTER TRUNCATE ON own2 FOR EACH STATEMENT EXECUTE FUNCTION cq._watch_truncate();
SELECT state('TRUNCATE own2');
-- cache_unwatch cleans up
SELECT cq.cache_unwatch('own2');
SELECT state('TRUNCATE own2');
-- on a temporary table, a view, and as a constraint trigger
CREATE TEMP TABLE own_temp (LIKE own);
SELECT replace(:'forge', ' ON own ', ' ON own_temp ') AS forge_temp \gset
:forge_temp;
SELECT state($$INSERT INTO own_temp VALUES ('forged', 'by mallory')$$);
CREATE VIEW own_view AS SELECT * FROM own;
CREATE TRIGGER v INSTEAD OF INSERT ON own_view FOR EACH ROW EXECUTE FUNCTION cq._watch_write();
SELECT state($$INSERT INTO own_view VALUES ('forged', 'by mallory')$$);
SELECT state($$SELECT cq.cache_unwatch('own_view')$$);
DROP TRIGGER "!cachequeue_write" ON own;
CREATE CONSTRAINT TRIGGER c AFTER INSERT ON own DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cq._watch_write();
INSERT INTO own VALUES ('deferred', 'by mallory');
DROP TRIGGER c ON own;
-- with a watch of his own, without write_through or with another one
SELECT cq.cache_watch('own');
:forge;
SELECT state($$INSERT INTO own VALUES ('forged', 'by mallory')$$);
SELECT cq.cache_watch('own', NULL, '{"key": "own:{id}"}');
DROP TRIGGER "!cachequeue_write" ON own;
:forge;
SELECT replace(:'forge', '!cachequeue_write', 'another') AS forge_another \gset
:forge_another;
INSERT INTO own VALUES ('forged', 'by mallory');
SELECT cq.cache_get_jsonb('forged', 'pn') AS forged, cq.cache_get_jsonb('own:forged') AS allowed;
DROP TRIGGER another ON own;
-- the right to write is asked for
SELECT state($$SELECT cq.cache_watch('own', NULL, '{"key": "{id}", "namespace": "pn"}')$$);

-- the end of a statement that was not begun
CREATE TRIGGER another_end AFTER UPDATE ON own FOR EACH STATEMENT EXECUTE FUNCTION cq._watch_statement();
CREATE TABLE outer_table (id int PRIMARY KEY, v text);
SELECT cq.cache_watch('outer_table', ARRAY['outer:{id}']);
CREATE FUNCTION meddle(int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    UPDATE cache_test.own SET v = v;
    RETURN coalesce(cq.cache_get('outer'), 'miss');
END $$;
INSERT INTO outer_table VALUES (1, 'old'), (2, 'old');
BEGIN;
SELECT cq.cache_get('outer');
SELECT cq.cache_set('outer', 'hit', tags => '{outer:1}');
COMMIT;
SELECT cq.cache_get('outer');
UPDATE outer_table SET v = meddle(id) WHERE id = 2 RETURNING v;
DROP TABLE outer_table;
RESET ROLE;

-- the right to write the namespace is that of the table's owner, when a row is written
SELECT cq.namespace_grant('pn', 'watch_mallory', 'write');
SET ROLE watch_mallory;
CREATE TABLE item (id int PRIMARY KEY, v text);
SELECT cq.cache_watch('item', NULL, '{"key": "item:{id}", "namespace": "pn"}');
GRANT ALL ON item TO watch_victim;
INSERT INTO item VALUES (1, 'allowed'), (2, 'allowed');
SET ROLE watch_victim;
UPDATE item SET v = 'by one without the right' WHERE id = 2;
RESET ROLE;
SELECT cq.cache_get_jsonb('item:1', 'pn'), cq.cache_get_jsonb('item:2', 'pn');
SELECT cq.namespace_revoke('pn', 'watch_mallory', 'write');
SET ROLE watch_mallory;
-- still the truth
SELECT cq.cache_get_jsonb('item:1', 'pn');
UPDATE item SET v = 'revoked' WHERE id = 1;
SELECT cq.cache_get_jsonb('item:1', 'pn') AS neither_old_nor_new;
INSERT INTO item VALUES (3, 'revoked');
SELECT cq.cache_get_jsonb('item:3', 'pn');
RESET ROLE;
-- who else writes the table, even a superuser, gets it no further
UPDATE item SET v = 'superuser' WHERE id = 2;
SELECT cq.cache_get_jsonb('item:2', 'pn') AS neither_old_nor_new;
-- what others have stored under the key goes too
SELECT cq.cache_set('item:2', '"plain"'::jsonb, namespace => 'pn');
DELETE FROM item WHERE id = 2;
SELECT cq.cache_get_jsonb('item:2', 'pn');
SELECT cq.namespace_grant('pn', 'public', 'write');
UPDATE item SET v = 'public' WHERE id = 1;
SELECT cq.cache_get_jsonb('item:1', 'pn');
SELECT cq.namespace_revoke('pn', 'public', 'write');
UPDATE item SET v = 'not public' WHERE id = 1;
SELECT cq.cache_get_jsonb('item:1', 'pn');
-- by membership; and with the owner of the table
GRANT watch_victim TO watch_mallory;
SELECT cq.namespace_grant('pn', 'watch_victim', 'write');
UPDATE item SET v = 'member' WHERE id = 1;
SELECT cq.cache_get_jsonb('item:1', 'pn');
REVOKE watch_victim FROM watch_mallory;
UPDATE item SET v = 'no member' WHERE id = 1;
SELECT cq.cache_get_jsonb('item:1', 'pn');
ALTER TABLE item OWNER TO watch_victim;
UPDATE item SET v = 'another owner' WHERE id = 1;
SELECT cq.cache_get_jsonb('item:1', 'pn');
SELECT cq.namespace_revoke('pn', 'watch_victim', 'write');
UPDATE item SET v = 'nobody' WHERE id = 1;
SELECT cq.cache_get_jsonb('item:1', 'pn');

-- only the owner, or a member of it, watches; what is below it must be his, too
SET ROLE watch_mallory;
SELECT state($$SELECT cq.cache_watch('item')$$);
SELECT state($$SELECT cq.cache_unwatch('item')$$);
CREATE TABLE root (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE leaf PARTITION OF root FOR VALUES FROM (0) TO (10);
RESET ROLE;
ALTER TABLE leaf OWNER TO watch_victim;
SET ROLE watch_mallory;
SELECT state($$SELECT cq.cache_watch('root')$$);
RESET ROLE;
GRANT watch_victim TO watch_mallory;
SET ROLE watch_mallory;
SELECT state($$SELECT cq.cache_watch('root', ARRAY['root:{id}'], '{"key": "root:{id}"}')$$);
RESET ROLE;
REVOKE watch_victim FROM watch_mallory;
-- the owner of a partition, who may not watch its parent, writes it
SET ROLE watch_victim;
INSERT INTO leaf VALUES (1);
SELECT cq.cache_get_jsonb('root:1');
-- attached by an owner who may call no other function of ours than those of triggers
CREATE TABLE root2 (id int PRIMARY KEY) PARTITION BY RANGE (id);
SELECT cq.cache_watch('root2', ARRAY['root2:{id}']);
CREATE TABLE leaf2 (id int PRIMARY KEY);
ALTER TABLE root2 ATTACH PARTITION leaf2 FOR VALUES FROM (0) TO (10);
CREATE TABLE leaf3 PARTITION OF root2 FOR VALUES FROM (10) TO (20);
INSERT INTO root2 VALUES (1), (11);
SELECT target, tags, enabled FROM cq.cache_watches WHERE target::text ~ '2|3' ORDER BY target::text;
ALTER TABLE root2 DETACH PARTITION leaf2;
INSERT INTO leaf2 VALUES (2);
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'leaf2'::regclass;

-- who sees which watches
RESET ROLE;
CREATE TABLE secret (id int);
SELECT cq.cache_watch('secret', ARRAY['secret:{id}']);
SET ROLE watch_mallory;
SELECT target FROM cq.cache_watches ORDER BY target::text;
RESET ROLE;
GRANT SELECT (id) ON secret TO watch_mallory;
SET ROLE watch_mallory;
SELECT target FROM cq.cache_watches ORDER BY target::text;
RESET ROLE;
REVOKE SELECT (id) ON secret FROM watch_mallory;
GRANT pg_monitor TO watch_mallory;
SET ROLE watch_mallory;
SELECT target FROM cq.cache_watches ORDER BY target::text;
RESET ROLE;
REVOKE pg_monitor FROM watch_mallory;

-- a table is not believed to be watched by the names of its triggers
SET ROLE watch_mallory;
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TABLE fake (id int);
INSERT INTO fake VALUES (1);
CREATE TRIGGER "!cachequeue_row" AFTER INSERT OR UPDATE OR DELETE ON fake FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TRIGGER "!cachequeue_statement" BEFORE INSERT OR UPDATE OR DELETE ON fake FOR EACH STATEMENT EXECUTE FUNCTION nothing();
CREATE TRIGGER "!cachequeue_truncate" AFTER TRUNCATE ON fake FOR EACH STATEMENT EXECUTE FUNCTION nothing();
ALTER TABLE fake ENABLE ALWAYS TRIGGER "!cachequeue_row", ENABLE ALWAYS TRIGGER "!cachequeue_statement", ENABLE ALWAYS TRIGGER "!cachequeue_truncate";
SELECT cq.cache_fetch('fake', 'SELECT count(*) FROM fake');
SELECT state($$SELECT cq.cache_watch('fake')$$);
SELECT state($$SELECT cq.cache_unwatch('fake')$$);
DROP TABLE fake;
CREATE TABLE half (id int);
SELECT cq.cache_watch('half');
SELECT cq.cache_fetch('half', 'SELECT count(*) FROM half');
DROP TRIGGER "!cachequeue_row" ON half;
CREATE TRIGGER "!cachequeue_row" AFTER INSERT OR DELETE ON half FOR EACH ROW EXECUTE FUNCTION cq._watch_row();
ALTER TABLE half ENABLE ALWAYS TRIGGER "!cachequeue_row";
SELECT cq.cache_fetch('half', 'SELECT count(*) FROM half');
DROP TRIGGER "!cachequeue_row" ON half;
CREATE TRIGGER "!cachequeue_row" AFTER INSERT OR UPDATE OR DELETE ON half FOR EACH ROW WHEN (false) EXECUTE FUNCTION cq._watch_row();
SELECT cq.cache_fetch('half', 'SELECT count(*) FROM half');
-- watching again mends it
SELECT cq.cache_watch('half');
SELECT cq.cache_fetch('half', 'SELECT count(*) FROM half');
ALTER TRIGGER "!cachequeue_row" ON half RENAME TO late;
SELECT cq.cache_fetch('half', 'SELECT count(*) FROM half');
SELECT cq.cache_watch('half');
SELECT tgname FROM pg_trigger WHERE tgrelid = 'half'::regclass ORDER BY 1;
RESET ROLE;

-- what a trigger works with stays while a function of the user's runs that invalidates it
SET ROLE watch_mallory;
CREATE TYPE hook AS ENUM ('0', '1', '2', '3');
CREATE TABLE hooked (id int PRIMARY KEY, h hook);
CREATE FUNCTION hook_json(hook) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
    ANALYZE cache_test.hooked;
    IF $1 > '0' THEN
        INSERT INTO cache_test.hooked VALUES (100 + $1::text::int, ($1::text::int - 1)::text::cache_test.hook);
    END IF;
    RETURN to_json($1::text);
END $$;
RESET ROLE;
CREATE CAST (hook AS json) WITH FUNCTION hook_json(hook);
SET ROLE watch_mallory;
SELECT cq.cache_watch('hooked', ARRAY['hooked:{id}', 'hook:{h}'], '{"key": "hooked:{id}"}');
INSERT INTO hooked VALUES (1, '3'), (2, '0');
SELECT id, cq.cache_get_jsonb('hooked:' || id) FROM hooked ORDER BY id;
-- nor can the watch be changed while it is in use
CREATE OR REPLACE FUNCTION hook_json(hook) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cq.cache_watch('cache_test.hooked');
    RETURN NULL;
END $$;
INSERT INTO hooked VALUES (3, '0');
DROP TABLE hooked;
RESET ROLE;

-- nasty names
SET ROLE watch_mallory;
CREATE PROCEDURE try_name(name text) LANGUAGE plpgsql AS $$
DECLARE
    the_table regclass;
BEGIN
    EXECUTE format('CREATE TABLE cache_test.%1$I (%1$I int PRIMARY KEY)', name);
    the_table := (SELECT oid FROM pg_class WHERE relname = name::name AND relkind = 'r');
    PERFORM cq.cache_watch(the_table, ARRAY['tag:{' || name || '}'],
                           jsonb_build_object('key', 'key:{' || name || '}', 'columns', jsonb_build_array(name)));
    PERFORM cq.cache_watch(the_table, ARRAY['tag:{' || name || '}'],
                           jsonb_build_object('key', 'name:{' || name || '}', 'columns', jsonb_build_array(name)));
    EXECUTE format('INSERT INTO cache_test.%I VALUES (1)', name);
    COMMIT;
    RAISE NOTICE '%: %', left(name, 10), cq.cache_get_jsonb('name:1') = jsonb_build_object(name, 1);
    EXECUTE format('ALTER TABLE cache_test.%I DISABLE TRIGGER ALL', name);
    RAISE NOTICE '%', (SELECT row(tags = ARRAY['tag:{' || name || '}'], write_through ->> 'key' = 'name:{' || name || '}', enabled)
                       FROM cq.cache_watches WHERE target = the_table);
    PERFORM cq.cache_unwatch(the_table);
    EXECUTE format('DROP TABLE cache_test.%I', name);
END $$;
SET client_min_messages = notice;
\set ECHO none
SELECT format('CALL try_name(%L)', name)
FROM unnest(ARRAY['a"b''c', E'new\nline', 'x; DROP TABLE cq.watch; --', '$$', '%s %I', repeat('n', 63), repeat('"', 63), E'back\\slash']) AS name \gexec
\set ECHO all
SET client_min_messages = warning;
RESET ROLE;

-- DROP TABLE takes the watch along; so do DROP SCHEMA and DROP OWNED
SELECT count(*) > 0 AS some FROM cq.watch;
DROP TABLE item;
SELECT count(*) FROM cq.watch AS w WHERE NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = w.target);
SELECT cq.namespace_drop('pn');
DROP OWNED BY watch_mallory, watch_victim;
DROP SCHEMA cache_test CASCADE;
SELECT count(*) FROM cq.watch;
REVOKE USAGE ON SCHEMA cq FROM watch_mallory, watch_victim;
DROP ROLE watch_mallory, watch_victim;
