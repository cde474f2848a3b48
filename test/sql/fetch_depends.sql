-- What the result of a query depends on beyond the tables that it names, and what is
-- refused because nobody would notice its changes.  A hit must be what the query says.
CREATE SCHEMA fetch_test;
SET search_path = fetch_test;
\set SHOW_CONTEXT never
CREATE TABLE item (id int PRIMARY KEY, name text);
INSERT INTO item VALUES (1, 'one'), (2, 'two');
SELECT cq.cache_watch('item');
-- the cached result, and whether the query has it
CREATE FUNCTION cached(query text, args text[] DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    value jsonb := cq.cache_fetch('k', query, args);
    truth jsonb;
BEGIN
    EXECUTE format('SELECT to_jsonb(q) FROM (%s) AS q (q)', replace(query, '$1', quote_nullable(args[1]))) INTO truth;
    RETURN coalesce(value::text, 'NULL') || CASE WHEN value IS DISTINCT FROM truth THEN ' is wrong, it is ' || coalesce(truth::text, 'NULL') ELSE '' END;
END $$;

-- aggregates are what their functions are
CREATE FUNCTION add_stable(int, int) RETURNS int STABLE LANGUAGE sql AS 'SELECT $1 + $2 * (SELECT max(id) FROM fetch_test.item)';
CREATE FUNCTION add_volatile(int, int) RETURNS int VOLATILE LANGUAGE sql AS 'SELECT $1 + $2 + (random() * 100)::int';
CREATE FUNCTION add(int, int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + $2';
CREATE FUNCTION fin_stable(int) RETURNS int STABLE LANGUAGE sql AS 'SELECT $1 * (SELECT max(id) FROM fetch_test.item)';
CREATE AGGREGATE sum_stable(int) (SFUNC = add_stable, STYPE = int, INITCOND = '0');
CREATE AGGREGATE sum_volatile(int) (SFUNC = add_volatile, STYPE = int, INITCOND = '0');
CREATE AGGREGATE sum_final(int) (SFUNC = add, STYPE = int, FINALFUNC = fin_stable, INITCOND = '0');
CREATE AGGREGATE sum_combine(int) (SFUNC = add, STYPE = int, COMBINEFUNC = add_volatile, INITCOND = '0', PARALLEL = safe);
CREATE AGGREGATE sum_moving(int) (SFUNC = add, STYPE = int, INITCOND = '0', MSFUNC = add, MINVFUNC = add_volatile, MSTYPE = int, MINITCOND = '0');
CREATE AGGREGATE sum_good(int) (SFUNC = add, STYPE = int, INITCOND = '0');
SELECT cached('SELECT sum_stable(id) FROM item');
SELECT cached('SELECT sum_volatile(id) FROM item');
SELECT cached('SELECT sum_final(id) FROM item');
SELECT cached('SELECT sum_combine(id) FROM item');
SELECT cached('SELECT sum_moving(id) OVER () FROM item LIMIT 1');
SELECT cached('SELECT sum_good(id) FROM item');
CREATE OR REPLACE FUNCTION add(int, int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + $2 * 10';
SELECT cached('SELECT sum_good(id) FROM item');

-- defaults of arguments are evaluated as if they were written
CREATE FUNCTION since(int, timestamptz DEFAULT now()) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1::text';
CREATE FUNCTION from_table(a int DEFAULT fin_stable(1), b int DEFAULT 1) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + $2';
SELECT cached('SELECT since(1)');
SELECT cached('SELECT since(1, ''2020-01-01'')');
SELECT cached('SELECT from_table(b => 2)');
SELECT cached('SELECT from_table(1)');

-- operators of a user's: functions behind them, and those of their operator classes
CREATE FUNCTION near(int, int) RETURNS bool STABLE LANGUAGE sql AS 'SELECT abs($1 - $2) < (SELECT max(id) FROM fetch_test.item)';
CREATE OPERATOR ~~~ (LEFTARG = int, RIGHTARG = int, FUNCTION = near);
SELECT cached('SELECT count(*) FROM item WHERE id ~~~ 5');
CREATE TYPE word AS (w text);
CREATE FUNCTION word_cmp(word, word) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT bttextcmp(($1).w, ($2).w)';
CREATE FUNCTION word_lt(word, word) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT ($1).w < ($2).w';
CREATE FUNCTION word_eq(word, word) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT ($1).w = ($2).w';
CREATE OPERATOR <<< (LEFTARG = word, RIGHTARG = word, FUNCTION = word_lt);
CREATE OPERATOR === (LEFTARG = word, RIGHTARG = word, FUNCTION = word_eq, MERGES);
CREATE OPERATOR CLASS word_ops DEFAULT FOR TYPE word USING btree AS OPERATOR 1 <<<, OPERATOR 3 ===, FUNCTION 1 word_cmp(word, word);
SELECT cached('SELECT greatest(ROW(''a'')::word, ROW(''b'')::word)');
SELECT cached('SELECT min(w::text) FROM (SELECT DISTINCT ROW(left(name, 1))::word AS w FROM item) AS t');
CREATE OR REPLACE FUNCTION word_cmp(word, word) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT -bttextcmp(($1).w, ($2).w)';
SELECT cached('SELECT greatest(ROW(''a'')::word, ROW(''b'')::word)');
ALTER FUNCTION word_cmp(word, word) STABLE;
SELECT cached('SELECT greatest(ROW(''a'')::word, ROW(''b'')::word)');
SELECT cached('SELECT array_agg(ROW(name)::word ORDER BY ROW(name)::word USING <<<) FROM item');

-- domains: their constraints are evaluated as well
CREATE FUNCTION known(int) RETURNS bool STABLE LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM fetch_test.item WHERE id = $1)';
CREATE DOMAIN item_id AS int CHECK (known(VALUE));
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN small AS positive CHECK (VALUE < 100);
CREATE TABLE refers (id item_id, s small);
INSERT INTO refers VALUES (1, 5);
SELECT cq.cache_watch('refers');
SELECT cached('SELECT id FROM refers');
SELECT cached('SELECT 2::item_id');
SELECT cached('SELECT name::item_id FROM item WHERE id = 1');
SELECT cached('SELECT (s + 50)::small FROM refers');
ALTER DOMAIN positive ADD CHECK (VALUE < 50) NOT VALID;
SELECT cached('SELECT (s + 50)::small FROM refers');

-- enums and composite types
CREATE TYPE mood AS ENUM ('sad', 'happy');
SELECT cached('SELECT max(m)::text FROM unnest(ARRAY[''sad'', ''happy'']::mood[]) AS m');
SELECT cached('SELECT $1::mood', '{sad}');
ALTER TYPE mood RENAME VALUE 'happy' TO 'glad';
SELECT cached('SELECT max(m)::text FROM unnest(ARRAY[''sad'', ''happy'']::mood[]) AS m');
SELECT cached('SELECT max(m)::text FROM unnest(ARRAY[''sad'', ''glad'']::mood[]) AS m');
ALTER TYPE mood RENAME VALUE 'sad' TO 'blue';
SELECT cached('SELECT $1::mood', '{blue}');
CREATE TYPE pair AS (a int, b int);
SELECT cached('SELECT to_jsonb(ROW(id, 2)::pair) FROM item WHERE id = 1');
ALTER TYPE pair RENAME ATTRIBUTE b TO c;
SELECT cached('SELECT to_jsonb(ROW(id, 2)::pair) FROM item WHERE id = 1');

-- names: their text changes with the object
CREATE TABLE named (id int PRIMARY KEY, rel regclass, ns regnamespace);
INSERT INTO named VALUES (1, 'item', 'fetch_test');
SELECT cq.cache_watch('named');
CREATE TYPE link AS (rel regclass);
SELECT cached('SELECT rel FROM named');
SELECT cached('SELECT ns::text FROM named');
SELECT cached('SELECT ARRAY[rel] FROM named');
SELECT cached('SELECT ARRAY[ROW(rel)::link] FROM named');
SELECT cached('SELECT format(''%s'', rel) FROM named');
SELECT cached('SELECT rel || ''!'' FROM named');
SELECT cached('SELECT regclassout(rel)::text FROM named');
SELECT cached('SELECT n FROM named AS n');
SELECT cached('SELECT row_to_json(t) FROM (SELECT id, rel FROM named) AS t');
SELECT cached('SELECT t FROM (SELECT id, rel FROM named) AS t');
SELECT cached('SELECT ROW(id, rel)::text FROM named');
SELECT cached('SELECT (SELECT jsonb_agg(v) FROM (VALUES (n.rel)) AS v (r)) FROM named AS n');
SELECT cached('SELECT xmlelement(name a, rel) FROM named');
SELECT cached('SELECT ''item''::regclass');
SELECT cached('SELECT tableoid::regclass FROM item LIMIT 1');
SELECT cached('SELECT acldefault(''r'', 10)');
-- as numbers they may be handled, and cache_query returns them as they are
SELECT cached('SELECT rel::oid = ''item''::regclass FROM named');
SELECT cached('SELECT count(DISTINCT rel) FROM named WHERE rel = ''item''::regclass');
SELECT cached('SELECT row_to_json(t) FROM (SELECT id, rel::oid > 0 AS has FROM named) AS t');
SELECT rel FROM cq.cache_query('SELECT rel FROM named') AS t (rel regclass);
ALTER TABLE item RENAME TO thing;
SELECT rel FROM cq.cache_query('SELECT rel FROM named') AS t (rel regclass);
ALTER TABLE thing RENAME TO item;
-- an argument stands for the table that it names now
CREATE TABLE other (n int);
INSERT INTO named VALUES (2, 'other', 'fetch_test');
SELECT cached('SELECT count(*) FROM named WHERE rel = $1::regclass', '{other}');
SELECT cached('SELECT count(*) FROM named WHERE rel = ANY ($1::regclass[])', '{"{other}"}');
DROP TABLE other;
CREATE TABLE other (n int);
SELECT cached('SELECT count(*) FROM named WHERE rel = $1::regclass', '{other}');
SELECT cached('SELECT count(*) FROM named WHERE rel = ANY ($1::regclass[])', '{"{other}"}');
-- and so does a constant
SELECT cached('SELECT count(*) FROM named WHERE rel = ''other''::regclass');
INSERT INTO named VALUES (3, 'other', 'fetch_test');
SELECT cached('SELECT count(*) FROM named WHERE rel = ''other''::regclass');
DROP TABLE other;
CREATE TABLE other (n int);
SELECT cached('SELECT count(*) FROM named WHERE rel = ''other''::regclass');

-- system columns
SELECT cached('SELECT ctid FROM item WHERE id = 1');
SELECT cached('SELECT xmax::text FROM item WHERE id = 1');
SELECT cached('SELECT count(*) FROM (SELECT xmin AS x FROM item) AS t');
SELECT cached('SELECT count(*) FROM item WHERE cmin = cmax');
SELECT cached('SELECT tableoid = ''item''::regclass FROM item WHERE id = 1');

-- temporary objects, which other sessions do not have
CREATE FUNCTION pg_temp.f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1';
SELECT cached('SELECT pg_temp.f(id) FROM item WHERE id = 1');
CREATE DOMAIN pg_temp.d AS int;
SELECT cached('SELECT id::pg_temp.d FROM item WHERE id = 1');
CREATE OPERATOR pg_temp.<+> (LEFTARG = int, RIGHTARG = int, FUNCTION = add);
SELECT cached('SELECT id OPERATOR(pg_temp.<+>) 1 FROM item WHERE id = 1');
CREATE TEXT SEARCH CONFIGURATION pg_temp.words (COPY = english);
SELECT cached('SELECT to_tsvector(''pg_temp.words''::regconfig, name || '' cats'') FROM item WHERE id = 1');
ALTER TEXT SEARCH CONFIGURATION pg_temp.words ALTER MAPPING FOR asciiword WITH simple;
SELECT cached('SELECT to_tsvector(''pg_temp.words''::regconfig, name || '' cats'') FROM item WHERE id = 1');
CREATE TYPE letter AS (l text);
SELECT cached('SELECT greatest(ROW(''a'')::letter, ROW(''b'')::letter)');
CREATE FUNCTION letter_cmp(letter, letter) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT -bttextcmp(($1).l, ($2).l)';
CREATE FUNCTION letter_lt(letter, letter) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT ($1).l > ($2).l';
CREATE OPERATOR << (LEFTARG = letter, RIGHTARG = letter, FUNCTION = letter_lt);
SELECT cached('SELECT greatest(ROW(''a'')::letter, ROW(''b'')::letter)');
CREATE OPERATOR CLASS pg_temp.letter_ops DEFAULT FOR TYPE letter USING btree AS OPERATOR 1 <<, FUNCTION 1 letter_cmp(letter, letter);
SELECT cached('SELECT greatest(ROW(''a'')::letter, ROW(''b'')::letter)');
CREATE TEMP TABLE mine (id int);
SELECT cached('SELECT NULL::mine');
SELECT cached('SELECT name FROM item WHERE id = (''mine''::regclass::oid)::int8');
CREATE TEMP VIEW my_view AS SELECT id FROM item;
SELECT cached('SELECT count(*) FROM my_view');
CREATE TABLE p (id int);
INSERT INTO p VALUES (1);
SELECT cq.cache_watch('p');
SELECT cached('SELECT count(*) FROM p');
CREATE TEMP TABLE my_child () INHERITS (p);
INSERT INTO my_child VALUES (2);
SELECT cached('SELECT count(*) FROM p');
SELECT cq.cache_fetch('k', 'SELECT count(*) FROM p', ttl => '1 h');
SELECT cached('SELECT count(*) FROM ONLY p');
DROP TABLE my_child;
SELECT cached('SELECT count(*) FROM p');

-- a view that is not to be read any more
CREATE ROLE fetch_reader;
GRANT USAGE ON SCHEMA cq, fetch_test TO fetch_reader;
SELECT cq.namespace_grant('default', 'fetch_reader', 'all');
CREATE VIEW shown AS SELECT id FROM item;
GRANT SELECT ON shown TO fetch_reader;
SET ROLE fetch_reader;
SELECT cached('SELECT count(*) FROM shown');
SELECT cached('SELECT count(*) FROM shown');
RESET ROLE;
REVOKE SELECT ON shown FROM fetch_reader;
SET ROLE fetch_reader;
SELECT cached('SELECT count(*) FROM shown');
RESET ROLE;
SELECT cq.namespace_revoke('default', 'fetch_reader', 'all');
DROP OWNED BY fetch_reader;
DROP ROLE fetch_reader;

-- foreign tables, below others as well: for a time only
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE far (id int) SERVER nowhere;
SELECT cq.cache_fetch('k', 'SELECT count(*) FROM far');
CREATE TABLE parts (id int) PARTITION BY LIST (id);
CREATE TABLE part1 PARTITION OF parts FOR VALUES IN (1);
INSERT INTO parts VALUES (1);
SELECT cq.cache_watch('parts');
SELECT cached('SELECT count(*) FROM parts');
CREATE FOREIGN TABLE part2 PARTITION OF parts FOR VALUES IN (2) SERVER nowhere;
SELECT cq.cache_fetch('k', 'SELECT count(*) FROM parts');
SELECT cq.cache_fetch('k', 'SELECT count(*) FROM parts WHERE id = 1');
SELECT cq.cache_fetch('k', 'SELECT count(*) FROM parts WHERE id = 1', ttl => '1 h');
ALTER TABLE parts DETACH PARTITION part2;
SELECT cached('SELECT count(*) FROM parts');
CREATE FOREIGN TABLE far_child () INHERITS (p) SERVER nowhere;
SELECT cq.cache_fetch('k', 'SELECT count(*) FROM p');
DROP FOREIGN TABLE far_child;

-- more functions than a result can depend on: the query is run each time
SELECT format('CREATE FUNCTION f%s(int) RETURNS int IMMUTABLE LANGUAGE sql AS ''SELECT $1''', i) FROM generate_series(1, 70) AS i
\gexec
SELECT cached('SELECT ' || string_agg('f' || i || '(0)', '+') || '+ 1') FROM generate_series(1, 70) AS i;
SELECT hits AS before FROM cq.stat_cache \gset
SELECT cached('SELECT ' || string_agg('f' || i || '(0)', '+') || '+ 1') FROM generate_series(1, 70) AS i;
SELECT hits - :before AS hits FROM cq.stat_cache;

SET client_min_messages = warning;
DROP SCHEMA fetch_test CASCADE;
DROP FOREIGN DATA WRAPPER nothing CASCADE;
