-- Which cached results a statement empties, and which stay.
CREATE SCHEMA cache_test;
SET search_path = cache_test;
\set SHOW_CONTEXT never
SET client_min_messages = notice;

CREATE ROLE cq_ddl_reader;
CREATE ROLE cq_ddl_group;
CREATE TABLE plain (id int PRIMARY KEY, v text);
CREATE TABLE tagged (id int PRIMARY KEY, v text);
CREATE TABLE parent (id int, r text) PARTITION BY LIST (r);
CREATE TABLE child PARTITION OF parent FOR VALUES IN ('a');
CREATE TABLE other (id int PRIMARY KEY, v text);
INSERT INTO plain VALUES (1, 'v');
INSERT INTO tagged VALUES (1, 'v');
INSERT INTO parent VALUES (1, 'a');
CREATE VIEW view AS SELECT v FROM plain;
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE DOMAIN few AS int CHECK (VALUE < 10);
CREATE TYPE pair AS (m mood, n int);
CREATE FUNCTION helper(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
CREATE FUNCTION calls(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN cache_test.helper($1); END';
CREATE FUNCTION compiled(int, int) RETURNS int LANGUAGE internal IMMUTABLE AS 'int4pl';
CREATE AGGREGATE total(int) (SFUNC = compiled, STYPE = int, INITCOND = 0);
SELECT cq.cache_watch('plain'), cq.cache_watch('tagged', ARRAY['row:{id}']), cq.cache_watch('parent');

-- Each result has a tick in it, whose changes nobody watches: it tells how old it is.
CREATE TABLE tick (n int);
INSERT INTO tick VALUES (1);
CREATE TABLE result (name text, query text);
INSERT INTO result VALUES
    ('none', 'SELECT n FROM tick'),
    ('plain', 'SELECT max(n) FROM tick, plain'),
    ('tagged', 'SELECT max(n) FROM tick, tagged'),
    ('row', 'SELECT n FROM tick, tagged WHERE id = 1'),
    ('parent', 'SELECT max(n) FROM tick, parent'),
    ('view', 'SELECT max(n) FROM tick, view'),
    ('enum', 'SELECT n FROM tick WHERE ''sad''::mood < ''glad'''),
    ('pair', 'SELECT n FROM tick WHERE NULL::pair IS NULL'),
    ('domain', 'SELECT n::few FROM tick'),
    ('function', 'SELECT n + calls(0) FROM tick'),
    ('compiled', 'SELECT compiled(n, 0) FROM tick'),
    ('aggregate', 'SELECT total(n) FROM tick');

CREATE FUNCTION fetched(of result) RETURNS int LANGUAGE sql VOLATILE
    SET search_path = cache_test
    AS $$ SELECT cq.cache_fetch(($1).name, ($1).query, ttl => '1 hour')::int $$;
CREATE PROCEDURE try(statement text) LANGUAGE plpgsql AS $$
DECLARE
    old int;
    lost text;
BEGIN
    SELECT n INTO old FROM cache_test.tick;
    PERFORM cache_test.fetched(r) FROM cache_test.result AS r;
    COMMIT;
    UPDATE cache_test.tick SET n = tick.n % 9 + 1;
    COMMIT;
    EXECUTE statement;
    COMMIT;
    SELECT CASE WHEN count(*) = (SELECT count(*) FROM cache_test.result) THEN 'everything'
                ELSE string_agg(name, ' ' ORDER BY name) END
    INTO lost FROM cache_test.result AS r WHERE cache_test.fetched(r) IS DISTINCT FROM old;
    RAISE NOTICE '% -> %', statement, coalesce(lost, 'nothing');
    COMMIT;
    PERFORM cq.cache_invalidate(cq.cache_table_tag('cache_test.tick'));
    COMMIT;
END $$;

-- what concerns no result
CALL try('SELECT 1');
CALL try('SET search_path = cache_test');
CALL try('COMMENT ON TABLE plain IS ''a table''');
CALL try('COMMENT ON FUNCTION calls(int) IS ''a function''');
CALL try('COMMENT ON TYPE mood IS ''a type''');
CALL try('CREATE TABLE another (id int PRIMARY KEY, v text)');
CALL try('CREATE TABLE another_one AS SELECT 1 AS n');
CALL try('CREATE TEMP TABLE mine (id int PRIMARY KEY, v mood)');
CALL try('ALTER TABLE mine ADD COLUMN n int');
CALL try('DROP TABLE mine');
CALL try('CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql RETURN 1');
CALL try('DROP FUNCTION pg_temp.mine()');
CALL try('CREATE INDEX plain_v ON plain (v)');
CALL try('REINDEX TABLE plain');
CALL try('DROP INDEX plain_v');
CALL try('CREATE SEQUENCE numbers');
CALL try('DROP SEQUENCE numbers');
CALL try('CREATE STATISTICS plain_stat ON id, v FROM plain');
CALL try('DROP STATISTICS plain_stat');
CALL try('ANALYZE plain');
CALL try('ALTER TABLE plain SET (fillfactor = 90), ALTER v SET STATISTICS 10, ALTER v SET STORAGE external');
CALL try('ALTER TABLE plain ALTER v SET DEFAULT ''w'', ALTER v SET NOT NULL');
CALL try('ALTER TABLE plain ADD CONSTRAINT not_empty CHECK (v <> '''')');
CALL try('ALTER TABLE plain RENAME CONSTRAINT not_empty TO is_not_empty');
CALL try('ALTER TABLE plain DROP CONSTRAINT is_not_empty');
CALL try('ALTER TABLE tagged REPLICA IDENTITY FULL');
CALL try('ALTER TABLE tagged DISABLE TRIGGER USER');
CALL try('CREATE PUBLICATION cq_ddl_publication FOR TABLE plain');
CALL try('DROP PUBLICATION cq_ddl_publication');
CALL try('CREATE FOREIGN DATA WRAPPER cq_ddl_wrapper');
CALL try('CREATE SERVER cq_ddl_server FOREIGN DATA WRAPPER cq_ddl_wrapper');
CALL try('DROP FOREIGN DATA WRAPPER cq_ddl_wrapper CASCADE');
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CALL try('CREATE TRIGGER theirs AFTER INSERT ON tagged FOR EACH ROW EXECUTE FUNCTION nothing()');
CALL try('DROP TRIGGER theirs ON tagged');
CREATE FUNCTION no_event() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CALL try('CREATE EVENT TRIGGER cq_ddl_event ON ddl_command_end EXECUTE FUNCTION no_event()');
CALL try('DROP EVENT TRIGGER cq_ddl_event');

-- privileges: who may read is checked at each hit
CALL try('GRANT SELECT ON plain TO cq_ddl_reader');
CALL try('REVOKE SELECT ON plain FROM cq_ddl_reader');
CALL try('GRANT EXECUTE ON FUNCTION calls(int) TO cq_ddl_reader');
CALL try('REVOKE EXECUTE ON FUNCTION calls(int) FROM cq_ddl_reader');
CALL try('GRANT USAGE ON SCHEMA cache_test TO cq_ddl_reader');
CALL try('GRANT USAGE ON TYPE mood TO cq_ddl_reader');
CALL try('ALTER DEFAULT PRIVILEGES IN SCHEMA cache_test GRANT SELECT ON TABLES TO cq_ddl_reader');
CALL try('GRANT cq_ddl_group TO cq_ddl_reader');
CALL try('REVOKE cq_ddl_group FROM cq_ddl_reader');
CALL try('ALTER ROLE cq_ddl_reader BYPASSRLS');
CALL try('ALTER ROLE cq_ddl_reader SET work_mem = ''8MB''');
CALL try('CREATE ROLE cq_ddl_other');
CALL try('DROP ROLE cq_ddl_other');
CALL try('DROP OWNED BY cq_ddl_group');
ALTER TABLE another OWNER TO cq_ddl_group;
CALL try('REASSIGN OWNED BY cq_ddl_group TO cq_ddl_reader');

-- a relation
CALL try('TRUNCATE other');
CALL try('TRUNCATE plain');
CALL try('INSERT INTO plain VALUES (1, ''v'')');
CALL try('ALTER TABLE plain ADD COLUMN c int DEFAULT 5');
CALL try('ALTER TABLE plain RENAME COLUMN c TO d');
CALL try('ALTER TABLE plain DROP COLUMN d');
CALL try('ALTER TABLE plain OWNER TO CURRENT_USER');
CALL try('ALTER TABLE plain ENABLE ROW LEVEL SECURITY');
CALL try('CREATE POLICY all_rows ON plain USING (true)');
CALL try('DROP POLICY all_rows ON plain');
CALL try('CREATE RULE no_delete AS ON DELETE TO plain DO INSTEAD NOTHING');
CALL try('DROP RULE no_delete ON plain');
CALL try('CREATE OR REPLACE VIEW view AS SELECT upper(v) AS v FROM plain');
CALL try('ALTER VIEW view SET (security_barrier = true)');
CALL try('ALTER TABLE other ADD COLUMN n int');
CALL try('DROP TABLE other');
CALL try('ALTER TABLE child ADD CONSTRAINT small CHECK (id < 1000)');
CALL try('CREATE TABLE north PARTITION OF parent FOR VALUES IN (''n'')');
CALL try('DROP TABLE north');
CREATE TABLE north (id int, r text);
CALL try('ALTER TABLE parent ATTACH PARTITION north FOR VALUES IN (''n'')');
CALL try('ALTER TABLE parent DETACH PARTITION north');
CALL try('DROP TABLE north');
-- nobody knows which rows are concerned
CALL try('ALTER TABLE tagged ADD COLUMN c int DEFAULT 5');
CALL try('TRUNCATE tagged');
INSERT INTO tagged VALUES (1, 'v');

-- functions: of those that call others nobody knows which
CALL try('CREATE FUNCTION unrelated() RETURNS int LANGUAGE sql RETURN 1');
CALL try('ALTER FUNCTION unrelated() COST 10');
CALL try('DROP FUNCTION unrelated()');
CALL try('CREATE OR REPLACE FUNCTION helper(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS ''BEGIN RETURN $1 + 0; END''');
CALL try('CREATE OR REPLACE FUNCTION calls(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS ''BEGIN RETURN $1; END''');
CALL try('CREATE OR REPLACE FUNCTION compiled(int, int) RETURNS int LANGUAGE internal IMMUTABLE AS ''int4larger''');
CALL try('CREATE SCHEMA more');
CALL try('ALTER SCHEMA more RENAME TO most');
CALL try('DROP SCHEMA most');

-- types, and what is made of them
CALL try('CREATE TYPE color AS ENUM (''red'')');
CALL try('DROP TYPE color');
CALL try('ALTER TYPE mood ADD VALUE ''mad''');
CALL try('ALTER TYPE mood RENAME VALUE ''mad'' TO ''angry''');
CALL try('ALTER TYPE pair ADD ATTRIBUTE t text');
CALL try('ALTER DOMAIN few ADD CHECK (VALUE < 20)');
CREATE TABLE moods (m mood);
CALL try('ALTER TYPE mood ADD VALUE ''bad''');
DROP TABLE moods;

-- nobody knows what depends on it
CALL try('CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)');
CALL try('DROP OPERATOR === (int, int)');
CALL try('CREATE CAST (mood AS int) WITH INOUT');
CALL try('DROP CAST (mood AS int)');
CALL try('CREATE TEXT SEARCH CONFIGURATION words (COPY = simple)');
CALL try('ALTER TEXT SEARCH CONFIGURATION words DROP MAPPING FOR word');
CALL try('DROP TEXT SEARCH CONFIGURATION words');
CALL try('CREATE COLLATION posix FROM "C"');
CALL try('DROP COLLATION posix');

-- event triggers that do not fire
SET session_replication_role = replica;
CALL try('ALTER TABLE plain ADD COLUMN c int DEFAULT 5');
CALL try('COMMENT ON TABLE plain IS ''the same''');
RESET session_replication_role;
ALTER EVENT TRIGGER cachequeue_ddl DISABLE;
ALTER EVENT TRIGGER cachequeue_drop DISABLE;
CALL try('ALTER TABLE plain DROP COLUMN c');
CALL try('COMMENT ON TABLE plain IS ''the same''');
CALL try('CREATE FUNCTION unseen() RETURNS int LANGUAGE sql RETURN 1');
CALL try('DROP FUNCTION unseen()');
CREATE TABLE west (id int, r text);
ALTER TABLE parent ATTACH PARTITION west FOR VALUES IN ('w');
CALL try('TRUNCATE west');
CREATE TABLE base (id int);
CREATE TABLE derived (id int);
SELECT cq.cache_watch('base');
INSERT INTO result VALUES ('base', 'SELECT max(n) FROM tick, base');
ALTER TABLE derived INHERIT base;
CALL try('INSERT INTO derived VALUES (1)');
ALTER EVENT TRIGGER cachequeue_ddl ENABLE ALWAYS;
ALTER EVENT TRIGGER cachequeue_drop ENABLE ALWAYS;
-- from version 17 on there is a setting for it
SELECT current_setting('server_version_num')::int >= 170000 AS has_setting \gset
\if :has_setting
SET event_triggers = off;
\else
ALTER EVENT TRIGGER cachequeue_ddl DISABLE;
\endif
CALL try('ALTER TYPE mood RENAME VALUE ''angry'' TO ''mad''');
CALL try('DROP TABLE derived');
RESET ALL;
ALTER EVENT TRIGGER cachequeue_ddl ENABLE ALWAYS;
SET search_path = cache_test;
\set SHOW_CONTEXT never

-- a trigger of ours that has another name
DELETE FROM result WHERE name = 'base';
ALTER TRIGGER "!cachequeue_row" ON plain RENAME TO renamed;
CALL try('DROP TRIGGER renamed ON plain');
SELECT cq.cache_watch('plain');
CALL try('ALTER TRIGGER "!cachequeue_truncate" ON plain RENAME TO renamed');

SET client_min_messages = warning;
DROP SCHEMA cache_test CASCADE;
DROP OWNED BY cq_ddl_reader;
DROP ROLE cq_ddl_reader, cq_ddl_group;
