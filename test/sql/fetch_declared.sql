-- STABLE functions in cached queries, as a superuser has declared them.
CREATE SCHEMA fetch_declared;
SET search_path = fetch_declared;
\set SHOW_CONTEXT never
CREATE TABLE rate (currency text PRIMARY KEY, value numeric);
CREATE TABLE item (id int PRIMARY KEY, tenant text, price numeric);
INSERT INTO rate VALUES ('EUR', 2);
INSERT INTO item VALUES (1, 'a', 10), (2, 'b', 20);
SELECT cq.cache_watch('item');
CREATE FUNCTION run(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'run'; RETURN $1; END $$;
CREATE FUNCTION in_euro(numeric) RETURNS numeric STABLE LANGUAGE plpgsql AS $$ BEGIN RETURN $1 * (SELECT value FROM fetch_declared.rate WHERE currency = 'EUR'); END $$;
CREATE FUNCTION total() RETURNS jsonb LANGUAGE sql AS $$ SELECT cq.cache_fetch('total', 'SELECT run(sum(in_euro(price))::text) FROM item') $$;

-- refused until it is declared, and until what it reads is watched
SELECT total();
SELECT cq.cache_function_declare('in_euro(numeric)', '{rate}');
SELECT * FROM cq.cache_functions;
SELECT total();
SELECT cq.cache_watch('rate');
SELECT total();
SELECT total();
-- a change of what it reads, and of the function
UPDATE rate SET value = 3;
SELECT total();
SELECT total();
BEGIN;
UPDATE rate SET value = 4;
SELECT total();
ROLLBACK;
SELECT total();
-- rows that the query pins are not those that the function reads
SELECT cq.cache_watch('rate', '{"rate:{currency}"}');
INSERT INTO rate VALUES ('USD', 1);
SELECT cq.cache_fetch('pin', 'SELECT run(in_euro(value)::text) FROM rate WHERE currency = ''USD''');
UPDATE rate SET value = 5 WHERE currency = 'EUR';
SELECT cq.cache_fetch('pin', 'SELECT run(in_euro(value)::text) FROM rate WHERE currency = ''USD''');
DELETE FROM rate WHERE currency = 'USD';
SELECT total();
CREATE OR REPLACE FUNCTION in_euro(numeric) RETURNS numeric STABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 1000 + $1 * (SELECT value FROM fetch_declared.rate WHERE currency = 'EUR'); END $$;
SELECT total();
-- another declaration is another key; without one it is refused again
SELECT cq.cache_function_declare('in_euro(numeric)', '{rate, item}');
SELECT total();
SELECT total();
SELECT cq.cache_function_undeclare('in_euro(numeric)');
SELECT total();
SELECT cq.cache_function_undeclare('in_euro(numeric)');
SELECT count(*) FROM cq.cache_functions;
BEGIN;
SELECT cq.cache_function_declare('in_euro(numeric)', '{rate, item}');
SELECT total();
ROLLBACK;
SELECT total();
SELECT cq.cache_function_declare('in_euro(numeric)', '{rate}');

-- settings: the usual function of policies
CREATE ROLE fetch_declared_app;
GRANT USAGE ON SCHEMA cq, fetch_declared TO fetch_declared_app;
SELECT cq.namespace_grant('default', 'fetch_declared_app', 'all');
GRANT SELECT ON item TO fetch_declared_app;
CREATE FUNCTION tenant() RETURNS text STABLE LANGUAGE plpgsql AS $$ BEGIN RETURN current_setting('app.tenant', true); END $$;
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenants ON item USING (tenant = tenant());
SET ROLE fetch_declared_app;
SELECT cq.cache_fetch('count', 'SELECT run(sum(price)::text) FROM item');
RESET ROLE;
SELECT cq.cache_function_declare('tenant()', settings => '{app.tenant}');
SET ROLE fetch_declared_app;
SET app.tenant = 'a';
SELECT cq.cache_fetch('count', 'SELECT run(sum(price)::text) FROM item');
SET app.tenant = 'b';
SELECT cq.cache_fetch('count', 'SELECT run(sum(price)::text) FROM item');
SET app.tenant = 'a';
SELECT cq.cache_fetch('count', 'SELECT run(sum(price)::text) FROM item');

-- a hit asks for the right to read what the function reads
SELECT cq.cache_fetch('euro', 'SELECT run(sum(in_euro(price))::text) FROM item');
RESET ROLE;
GRANT SELECT ON rate TO fetch_declared_app;
SET ROLE fetch_declared_app;
SELECT cq.cache_fetch('euro', 'SELECT run(sum(in_euro(price))::text) FROM item');
SELECT cq.cache_fetch('euro', 'SELECT run(sum(in_euro(price))::text) FROM item');
RESET ROLE;
REVOKE SELECT ON rate FROM fetch_declared_app;
SET ROLE fetch_declared_app;
SELECT cq.cache_fetch('euro', 'SELECT run(sum(in_euro(price))::text) FROM item');
-- for superusers
SELECT cq.cache_function_declare('in_euro(numeric)', '{rate}');
SELECT cq.cache_function_undeclare('in_euro(numeric)');
INSERT INTO cq.cache_function VALUES ('fetch_declared.run(text)', '{}', '{}');
SELECT function FROM cq.cache_functions ORDER BY function::text;
RESET ROLE;
GRANT EXECUTE ON FUNCTION cq.cache_function_undeclare(regprocedure) TO fetch_declared_app;
SET ROLE fetch_declared_app;
SELECT cq.cache_function_undeclare('in_euro(numeric)');
RESET ROLE;

-- tables with policies, which may depend on anything
ALTER TABLE rate ENABLE ROW LEVEL SECURITY;
SELECT total();
ALTER TABLE rate DISABLE ROW LEVEL SECURITY;
-- partitions
CREATE TABLE part (n int) PARTITION BY LIST (n);
CREATE TABLE part1 PARTITION OF part FOR VALUES IN (1, 2);
INSERT INTO part VALUES (1);
SELECT cq.cache_watch('part');
CREATE FUNCTION parts() RETURNS bigint STABLE LANGUAGE sql AS $$ SELECT count(*) FROM fetch_declared.part $$;
SELECT cq.cache_function_declare('parts()', '{part}');
SELECT cq.cache_fetch('parts', 'SELECT run(parts()::text)');
SELECT cq.cache_fetch('parts', 'SELECT run(parts()::text)');
INSERT INTO part1 VALUES (2);
SELECT cq.cache_fetch('parts', 'SELECT run(parts()::text)');
-- what cannot be declared
CREATE FUNCTION unstable() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;
CREATE VIEW rates AS SELECT * FROM rate;
SELECT cq.cache_function_declare('run(text)');
SELECT cq.cache_function_declare('unstable()');
SELECT cq.cache_function_declare('now()');
SELECT cq.cache_function_declare('in_euro(numeric)', '{rates}');
SELECT cq.cache_function_declare('in_euro(numeric)', '{NULL}');
SELECT cq.cache_function_declare('in_euro(numeric)', settings => '{NULL}');
SELECT cq.cache_function_declare(NULL);
-- what is gone means nothing
SELECT cq.cache_function_declare('parts()', '{part, rate}');
DROP TABLE part;
SELECT cq.cache_fetch('parts', 'SELECT run(parts()::text)');
DROP FUNCTION parts();
-- and another one of that name is not declared
CREATE FUNCTION parts() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT count(*) FROM rate';
SELECT cq.cache_fetch('parts', 'SELECT run(parts()::text)');
SELECT function FROM cq.cache_functions ORDER BY function::text;

SET client_min_messages = warning;
DROP SCHEMA fetch_declared CASCADE;
DELETE FROM cq.cache_function;
DROP OWNED BY fetch_declared_app;
DROP ROLE fetch_declared_app;
