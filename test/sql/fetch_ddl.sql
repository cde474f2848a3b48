-- DDL that changes what a cached query returns, though no row has changed.  A
-- notice tells that the query was run.
CREATE SCHEMA fetch_test;
CREATE SCHEMA fetch_other;
SET search_path = fetch_test;
\set SHOW_CONTEXT never
CREATE FUNCTION run(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'run: %', $1; RETURN $1; END $$;
CREATE TYPE color AS ENUM ('red', 'green');
CREATE TYPE pair AS (a int, b int);
CREATE TABLE doc (id int PRIMARY KEY, tenant text, body text, c color, p pair);
INSERT INTO doc VALUES (1, 'a', 'one', 'red', (1, 2)), (2, 'b', 'two', 'green', NULL);
SELECT cq.cache_watch('doc', ARRAY['doc:{id}', 'color:{c}']);
-- run twice, the second time it is a hit; and compared with the query itself
CREATE PROCEDURE look(query text) LANGUAGE plpgsql AS $$
DECLARE
    value jsonb;
    actual jsonb;
BEGIN
    FOR n IN 1 .. 2 LOOP
        WHILE pg_snapshot_xmin(pg_current_snapshot()) < pg_snapshot_xmax(pg_current_snapshot()) LOOP
            COMMIT; -- while a transaction older than DDL is running, as a worker's may, results are not cached
        END LOOP;
        SELECT cq.cache_fetch('look', 'SELECT fetch_test.run(x::text) FROM (' || query || ') AS q (x)') INTO value;
        COMMIT;
    END LOOP;
    EXECUTE 'SELECT to_jsonb(x::text) FROM (' || query || ') AS q (x)' INTO actual;
    RAISE NOTICE 'got %', CASE WHEN value IS NOT DISTINCT FROM actual THEN 'what is there' ELSE format('%s, where %s is', value, actual) END;
END $$;

-- views and functions
CREATE VIEW shown AS SELECT id, body FROM doc;
CALL look('SELECT max(body) FROM shown');
CREATE OR REPLACE VIEW shown AS SELECT id, body || '!' AS body FROM doc;
CALL look('SELECT max(body) FROM shown');
DROP VIEW shown;
CREATE VIEW shown AS SELECT id, body FROM doc WHERE id = 1;
CALL look('SELECT max(body) FROM shown');
CREATE FUNCTION decorate(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN '<' || $1 || '>'; END $$;
CALL look('SELECT decorate(max(body)) FROM doc');
CREATE OR REPLACE FUNCTION decorate(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN '[' || $1 || ']'; END $$;
CALL look('SELECT decorate(max(body)) FROM doc');
CREATE FUNCTION decorate(varchar) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN '(' || $1 || ')'; END $$;
CALL look('SELECT decorate(max(body)::varchar) FROM doc');
DROP FUNCTION decorate(varchar);
CALL look('SELECT decorate(max(body)::varchar) FROM doc');

-- types
CALL look('SELECT max(c) FROM doc');
ALTER TYPE color RENAME VALUE 'green' TO 'blue';
CALL look('SELECT max(c) FROM doc');
CALL look('SELECT to_jsonb(p) FROM doc WHERE id = 1');
ALTER TYPE pair RENAME ATTRIBUTE a TO first;
CALL look('SELECT to_jsonb(p) FROM doc WHERE id = 1');
ALTER TYPE pair ADD ATTRIBUTE c text;
CALL look('SELECT to_jsonb(p) FROM doc WHERE id = 1');
CREATE TABLE detail (a int);
ALTER TABLE doc ADD COLUMN l detail;
UPDATE doc SET l = ROW(1)::detail WHERE id = 1;
CALL look('SELECT to_jsonb(l) FROM doc WHERE id = 1');
ALTER TABLE detail RENAME a TO z;
CALL look('SELECT to_jsonb(l) FROM doc WHERE id = 1');
ALTER TABLE detail ADD COLUMN b int;
CALL look('SELECT to_jsonb(l) FROM doc WHERE id = 1');
CREATE FUNCTION color_to_json(color) RETURNS json LANGUAGE sql IMMUTABLE AS $$ SELECT json_build_object('color', $1::text) $$;
CALL look('SELECT to_jsonb(c) FROM doc WHERE id = 1');
CREATE CAST (color AS json) WITH FUNCTION color_to_json(color);
CALL look('SELECT to_jsonb(c) FROM doc WHERE id = 1');
DROP CAST (color AS json);
CALL look('SELECT to_jsonb(c) FROM doc WHERE id = 1');
-- text search
CREATE TEXT SEARCH CONFIGURATION words (COPY = pg_catalog.simple);
CALL look('SELECT to_tsvector(''fetch_test.words'', string_agg(body, '' '' ORDER BY id) || '' running'') FROM doc');
ALTER TEXT SEARCH CONFIGURATION words ALTER MAPPING FOR asciiword WITH english_stem;
CALL look('SELECT to_tsvector(''fetch_test.words'', string_agg(body, '' '' ORDER BY id) || '' running'') FROM doc');
-- of a constant, which is computed when the query is planned
CALL look('SELECT max(id) || to_tsvector(''fetch_test.words'', ''running'')::text FROM doc');
ALTER TEXT SEARCH CONFIGURATION words ALTER MAPPING FOR asciiword WITH simple;
CALL look('SELECT max(id) || to_tsvector(''fetch_test.words'', ''running'')::text FROM doc');
CREATE TEXT SEARCH DICTIONARY plain (TEMPLATE = pg_catalog.simple);
CALL look('SELECT max(id) || ts_lexize(''fetch_test.plain'', ''The'')::text FROM doc');
ALTER TEXT SEARCH DICTIONARY plain (StopWords = english);
CALL look('SELECT max(id) || ts_lexize(''fetch_test.plain'', ''The'')::text FROM doc');

-- names that change hands
CALL look('SELECT max(body) FROM doc');
ALTER TABLE doc RENAME TO old_doc;
CREATE TABLE doc (id int, body text);
INSERT INTO doc VALUES (1, 'another');
SELECT cq.cache_watch('doc');
CALL look('SELECT max(body) FROM doc');
CALL look('SELECT max(body) FROM old_doc');
ALTER TABLE doc SET SCHEMA fetch_other;
ALTER TABLE old_doc RENAME TO doc;
CALL look('SELECT max(body) FROM doc');
CALL look('SELECT max(body) FROM fetch_other.doc');
SET search_path = fetch_other, fetch_test;
CALL fetch_test.look('SELECT max(body) FROM doc');
DROP TABLE fetch_other.doc;
CREATE TABLE fetch_other.doc (id int, body text);
INSERT INTO fetch_other.doc VALUES (1, 'made again');
SELECT cq.cache_watch('fetch_other.doc');
CALL fetch_test.look('SELECT max(body) FROM doc');
SET search_path = fetch_test;
ALTER TABLE doc RENAME body TO title;
ALTER TABLE doc RENAME tenant TO body;
CALL look('SELECT max(body) FROM doc');
ALTER TABLE doc RENAME body TO tenant;
ALTER TABLE doc RENAME title TO body;

-- who sees what
CREATE ROLE fetch_app;
CREATE ROLE fetch_group;
GRANT USAGE ON SCHEMA cq, fetch_test TO fetch_app;
SELECT cq.namespace_grant('default', 'fetch_app', 'all');
SET ROLE fetch_app;
CALL look('SELECT count(*) FROM doc');
RESET ROLE;
GRANT SELECT ON doc TO fetch_app;
SET ROLE fetch_app;
CALL look('SELECT count(*) FROM doc');
RESET ROLE;
REVOKE SELECT ON doc FROM fetch_app;
GRANT SELECT ON doc TO fetch_group;
SET ROLE fetch_app;
CALL look('SELECT count(*) FROM doc');
RESET ROLE;
GRANT fetch_group TO fetch_app;
SET ROLE fetch_app;
CALL look('SELECT count(*) FROM doc');
RESET ROLE;
ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
SET ROLE fetch_app;
CALL look('SELECT count(*) FROM doc');
RESET ROLE;
CREATE POLICY one ON doc TO fetch_app USING (tenant = 'a');
SET ROLE fetch_app;
CALL look('SELECT count(*) FROM doc');
RESET ROLE;
ALTER POLICY one ON doc USING (tenant IN ('a', 'b'));
SET ROLE fetch_app;
CALL look('SELECT count(*) FROM doc');
RESET ROLE;
ALTER POLICY one ON doc TO fetch_group;
ALTER POLICY one ON doc USING (tenant = 'a');
SET ROLE fetch_app;
CALL look('SELECT count(*) FROM doc');
RESET ROLE;
GRANT SELECT ON doc TO fetch_app;
REVOKE fetch_group FROM fetch_app;
SET ROLE fetch_app;
CALL look('SELECT count(*) FROM doc');
RESET ROLE;
ALTER ROLE fetch_app BYPASSRLS;
SET ROLE fetch_app;
CALL look('SELECT count(*) FROM doc');
RESET ROLE;
ALTER ROLE fetch_app NOBYPASSRLS;
SET ROLE fetch_app;
CALL look('SELECT count(*) FROM doc');
RESET ROLE;
DROP POLICY one ON doc;
ALTER TABLE doc DISABLE ROW LEVEL SECURITY;
SET ROLE fetch_app;
CALL look('SELECT count(*) FROM doc');
RESET ROLE;
-- views read as their owner, or as the caller
ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
CREATE POLICY one ON doc TO fetch_app USING (tenant = 'a');
CREATE VIEW counted AS SELECT count(*) FROM doc;
GRANT SELECT ON counted TO fetch_app;
SET ROLE fetch_app;
CALL look('SELECT count FROM counted');
RESET ROLE;
ALTER VIEW counted SET (security_invoker = true);
SET ROLE fetch_app;
CALL look('SELECT count FROM counted');
RESET ROLE;
ALTER VIEW counted RESET (security_invoker);
SET ROLE fetch_app;
CALL look('SELECT count FROM counted');
RESET ROLE;
ALTER VIEW counted OWNER TO fetch_app;
SET ROLE fetch_app;
CALL look('SELECT count FROM counted');
RESET ROLE;
-- the table's owner is above its policies, unless they are forced on him
ALTER TABLE doc OWNER TO fetch_app;
SET ROLE fetch_app;
CALL look('SELECT count(*) FROM doc');
RESET ROLE;
ALTER TABLE doc FORCE ROW LEVEL SECURITY;
SET ROLE fetch_app;
CALL look('SELECT count(*) FROM doc');
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA fetch_test, fetch_other CASCADE;
REVOKE USAGE ON SCHEMA cq FROM fetch_app;
DROP OWNED BY fetch_app, fetch_group;
DROP ROLE fetch_app, fetch_group;
