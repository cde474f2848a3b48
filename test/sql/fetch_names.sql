-- Names of a cached query that come to mean something else, without a change of what
-- they meant before.
CREATE SCHEMA fetch_names;
CREATE SCHEMA fetch_nearer;
SET search_path = fetch_nearer, fetch_names;
\set SHOW_CONTEXT never
CREATE TABLE fetch_names.item (id int PRIMARY KEY, name text);
INSERT INTO fetch_names.item VALUES (1, 'one'), (2, 'two');
SELECT cq.cache_watch('fetch_names.item');
-- cached, and compared with the query itself
CREATE FUNCTION fetch_names.look(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    cached jsonb;
    truth jsonb;
BEGIN
    BEGIN
        cached := cq.cache_fetch('look', query, ttl => '1 h');
        cached := cq.cache_fetch('look', query, ttl => '1 h');
    EXCEPTION WHEN feature_not_supported THEN
        RETURN 'refused: ' || sqlerrm;
    END;
    EXECUTE 'SELECT to_jsonb(x) FROM (' || query || ') AS q (x)' INTO truth;
    RETURN CASE WHEN cached IS NOT DISTINCT FROM truth THEN format('%s, right', truth)
                ELSE format('%s, where %s is', cached, truth) END;
END $$;

-- tables and views
SELECT look('SELECT max(name) FROM item');
CREATE TABLE fetch_nearer.item (id int, name text);
SELECT look('SELECT max(name) FROM item');
ALTER TABLE fetch_nearer.item RENAME TO item2;
SELECT look('SELECT max(name) FROM item');
ALTER TABLE fetch_nearer.item2 RENAME TO item;
SELECT look('SELECT max(name) FROM item');
DROP TABLE fetch_nearer.item;
SELECT look('SELECT max(name) FROM item');
CREATE VIEW fetch_nearer.item AS SELECT 9 AS id, 'view' AS name;
SELECT look('SELECT max(name) FROM item');
DROP VIEW fetch_nearer.item;
SELECT look('SELECT max(name) FROM item');
BEGIN;
CREATE TABLE fetch_nearer.item (id int, name text);
SELECT look('SELECT max(name) FROM item');
ROLLBACK;
SELECT look('SELECT max(name) FROM item');
CREATE TEMP TABLE other (n int);
SELECT look('SELECT max(name) FROM item');
CREATE TEMP TABLE item (id int, name text);
SELECT look('SELECT max(name) FROM item');
DROP TABLE pg_temp.item;
SELECT look('SELECT max(name) FROM item');
SELECT look('SELECT max(name) FROM item WHERE ''item''::regclass = ''fetch_names.item''::regclass');
CREATE TABLE fetch_nearer.item (id int, name text);
SELECT look('SELECT max(name) FROM fetch_names.item WHERE ''item''::regclass = ''fetch_names.item''::regclass');
DROP TABLE fetch_nearer.item;
SELECT look('SELECT max(name) FROM fetch_names.item WHERE ''item''::regclass = ''fetch_names.item''::regclass');
CREATE TABLE fetch_nearer.item (id int, name text);
SELECT look('SELECT max(name) FROM fetch_names.item WHERE ''item''::regclass = ''fetch_names.item''::regclass');
DROP TABLE fetch_nearer.item;
-- a WITH query is not hidden by a table
SELECT look('WITH w AS (SELECT max(name) AS m FROM item) SELECT m FROM w');
CREATE TABLE fetch_nearer.w (m text);
SELECT look('WITH w AS (SELECT max(name) AS m FROM item) SELECT m FROM w');

-- functions
CREATE FUNCTION fetch_names.f(bigint) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT 'bigint' $$;
SELECT look('SELECT f(id) FROM item WHERE id = 1');
CREATE FUNCTION fetch_names.f(int) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT 'int' $$;
SELECT look('SELECT f(id) FROM item WHERE id = 1');
CREATE FUNCTION fetch_nearer.f(int) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT 'nearer' $$;
SELECT look('SELECT f(id) FROM item WHERE id = 1');
ALTER FUNCTION fetch_nearer.f(int) RENAME TO g;
SELECT look('SELECT f(id) FROM item WHERE id = 1');
DROP FUNCTION fetch_names.f(int);
SELECT look('SELECT f(id) FROM item WHERE id = 1');
CREATE FUNCTION fetch_names.label(record) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 'record'; END $$;
SELECT look('SELECT i.label FROM item AS i WHERE id = 1');
CREATE FUNCTION fetch_names.label(item) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 'item'; END $$;
SELECT look('SELECT i.label FROM item AS i WHERE id = 1');
-- a function of pg_catalog, given a rival for its arguments
SELECT look('SELECT upper(name::varchar) FROM item WHERE id = 1');
CREATE FUNCTION fetch_names.upper(varchar) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT 'rival' $$;
SELECT look('SELECT upper(name::varchar) FROM item WHERE id = 1');

-- types, operators, casts, collations, text search configurations
CREATE DOMAIN fetch_names.code AS varchar(2);
SELECT look('SELECT name::code FROM item WHERE id = 1');
CREATE DOMAIN fetch_nearer.code AS varchar(1);
SELECT look('SELECT name::code FROM item WHERE id = 1');
SELECT look('SELECT code(name) FROM item WHERE id = 1');
DROP DOMAIN fetch_nearer.code;
SELECT look('SELECT code(name) FROM item WHERE id = 1');
CREATE FUNCTION fetch_names.never(int, int) RETURNS bool IMMUTABLE LANGUAGE sql AS $$ SELECT false $$;
SELECT look('SELECT count(*) FROM item WHERE id >= 1');
SET search_path = fetch_nearer, fetch_names, pg_catalog;
SELECT look('SELECT count(*) FROM item WHERE id >= 1');
CREATE OPERATOR fetch_nearer.>= (LEFTARG = int, RIGHTARG = int, FUNCTION = fetch_names.never);
SELECT look('SELECT count(*) FROM item WHERE id >= 1');
DROP OPERATOR fetch_nearer.>= (int, int);
SET search_path = fetch_nearer, fetch_names;
CREATE TYPE fetch_names.pair AS (a int, b int);
CREATE FUNCTION fetch_names.pair_text(pair) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 'by a cast'; END $$;
SELECT look('SELECT ROW(id, 1)::pair::text FROM item WHERE id = 1');
CREATE CAST (pair AS text) WITH FUNCTION fetch_names.pair_text(pair);
SELECT look('SELECT ROW(id, 1)::pair::text FROM item WHERE id = 1');
DROP CAST (pair AS text);
INSERT INTO item VALUES (3, 'Zwei');
CREATE COLLATION fetch_names.here (provider = icu, locale = 'en');
SELECT look('SELECT min(name COLLATE here) FROM item');
CREATE COLLATION fetch_nearer.here (lc_collate = 'C', lc_ctype = 'C');
SELECT look('SELECT min(name COLLATE here) FROM item');
CREATE TEXT SEARCH CONFIGURATION fetch_names.words (COPY = pg_catalog.simple);
SELECT look('SELECT to_tsvector(''words'', ''running '' || name)::text FROM item WHERE id = 1');
CREATE TEXT SEARCH CONFIGURATION fetch_nearer.words (COPY = pg_catalog.english);
SELECT look('SELECT to_tsvector(''words'', ''running '' || name)::text FROM item WHERE id = 1');

SET client_min_messages = warning;
DROP SCHEMA fetch_names, fetch_nearer CASCADE;
