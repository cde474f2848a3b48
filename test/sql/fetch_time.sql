-- Queries that read the clock: refused, unless allow_time and a ttl are given.
CREATE SCHEMA fetch_time;
SET search_path = fetch_time;
\set SHOW_CONTEXT never
CREATE TABLE offer (id int PRIMARY KEY, name text, until timestamptz, day text);
INSERT INTO offer VALUES (1, 'old', '2020-01-01', '2020-01-01'), (2, 'new', 'infinity', 'today');
SELECT cq.cache_watch('offer');
CREATE FUNCTION run(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'run'; RETURN $1; END $$;

-- refused, by name, with the way out
\set VERBOSITY default
SELECT cq.cache_fetch('r', 'SELECT name FROM offer WHERE until > now()', ttl => '1 h');
SELECT cq.cache_fetch('r', 'SELECT current_date', ttl => '1 h');
SELECT cq.cache_fetch('r', 'SELECT session_user', ttl => '1 h', allow_time => true);
SELECT cq.cache_fetch('r', 'SELECT random()', ttl => '1 h', allow_time => true);
SELECT cq.cache_fetch('r', 'SELECT name FROM offer WHERE until < ''today''', ttl => '1 h');
\set VERBOSITY terse
SELECT cq.cache_fetch('r', 'SELECT current_timestamp(3)', ttl => '1 h');
SELECT cq.cache_fetch('r', 'SELECT localtime', ttl => '1 h');
SELECT cq.cache_fetch('r', 'SELECT clock_timestamp()', ttl => '1 h');
SELECT cq.cache_fetch('r', 'SELECT statement_timestamp()', ttl => '1 h');
SELECT cq.cache_fetch('r', 'SELECT age(timestamptz ''2020-01-01'')', ttl => '1 h');
SELECT cq.cache_fetch('r', 'SELECT max(day::date) FROM offer', ttl => '1 h');
SELECT cq.cache_fetch('r', 'SELECT (time ''12:00'')::timetz', ttl => '1 h');
SELECT cq.cache_fetch('r', 'SELECT timetz ''12:00+00'' AT TIME ZONE ''Europe/Berlin''', ttl => '1 h');
-- the ttl is what says how old it may be
SELECT cq.cache_fetch('t', 'SELECT now()', allow_time => true);
SELECT cq.cache_fetch('t', 'SELECT now()', tags => '{t}', allow_time => true);
SELECT cq.cache_fetch('t', 'SELECT now()', negative_ttl => '1 h', allow_time => true);
SELECT cq.cache_fetch('t', 'SELECT now()', ttl => '1 h', allow_time => NULL);
SELECT * FROM cq.cache_query('SELECT now()', allow_time => true) AS t (t timestamptz);

-- allowed: the time of the call that ran it
SELECT cq.cache_fetch('n', 'SELECT run(now()::text)', ttl => '1 h', allow_time => true) AS first \gset
SELECT cq.cache_fetch('n', 'SELECT run(now()::text)', ttl => '1 h', allow_time => true) = :'first' AS hit;
SELECT count(*) FROM cq.cache_query('SELECT run(clock_timestamp()::text)', ttl => '1 h', allow_time => true) AS t (t text);
SELECT count(*) FROM cq.cache_query('SELECT run(clock_timestamp()::text)', ttl => '1 h', allow_time => true) AS t (t text);
SELECT cq.cache_fetch('c', query, ttl => '1 h', allow_time => true) IS NOT NULL AS allowed, query
FROM unnest(ARRAY['SELECT current_date', 'SELECT localtimestamp(0)', 'SELECT statement_timestamp()',
    'SELECT age(timestamptz ''2020-01-01'')', 'SELECT max(day::date) FROM offer', 'SELECT (time ''12:00'')::timetz',
    'SELECT timetz ''12:00+00'' AT TIME ZONE ''Europe/Berlin''']) AS query;
-- that is part of the key
SELECT cq.cache_fetch('k', 'SELECT run(name) FROM offer WHERE id = 1', ttl => '1 h');
SELECT cq.cache_fetch('k', 'SELECT run(name) FROM offer WHERE id = 1', ttl => '1 h', allow_time => true);
SELECT cq.cache_fetch('k', 'SELECT run(name) FROM offer WHERE id = 1', ttl => '1 h', allow_time => true);
-- what the tables say stays exact
SELECT cq.cache_fetch('o', 'SELECT run(string_agg(name, '' '')) FROM offer WHERE until > now()', ttl => '1 h', allow_time => true);
UPDATE offer SET until = 'infinity' WHERE id = 1;
SELECT cq.cache_fetch('o', 'SELECT run(string_agg(name, '' '' ORDER BY id)) FROM offer WHERE until > now()', ttl => '1 h', allow_time => true);
-- after the ttl it is another time, for literals as well
CREATE FUNCTION pass(interval) RETURNS void LANGUAGE plpgsql AS $$
DECLARE until timestamptz := clock_timestamp() + $1;
BEGIN LOOP EXIT WHEN clock_timestamp() > until; END LOOP; END $$;
CREATE FUNCTION later(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    a timestamptz := cq.cache_fetch('l', query, ttl => '20 ms', allow_time => true) ->> 0;
    b timestamptz;
BEGIN
    PERFORM fetch_time.pass('25 ms');
    b := cq.cache_fetch('l', query, ttl => '20 ms', allow_time => true) ->> 0;
    RETURN b > a;
END $$;
SELECT later('SELECT clock_timestamp()'), later('SELECT statement_timestamp()');
SELECT cq.cache_fetch('l', 'SELECT timestamptz ''now''', ttl => '1 h', allow_time => true) AS first \gset
SELECT cq.cache_fetch('l', 'SELECT timestamptz ''now''', ttl => '1 h', allow_time => true) = :'first' AS hit;
SELECT cq.cache_fetch('l2', 'SELECT timestamptz ''now''', ttl => '1 h', allow_time => true) > :'first' AS later;
-- now() is the time at which the transaction began, and the ttl counts from there
BEGIN;
SELECT pass('25 ms');
SELECT cq.cache_fetch('b', 'SELECT run(name) FROM offer WHERE id = 2 AND until > now()', ttl => '20 ms', allow_time => true);
SELECT cq.cache_fetch('b', 'SELECT run(name) FROM offer WHERE id = 2 AND until > now()', ttl => '20 ms', allow_time => true);
COMMIT;

-- a policy that asks for the time
CREATE ROLE fetch_time_app;
GRANT USAGE ON SCHEMA cq, fetch_time TO fetch_time_app;
GRANT SELECT ON offer TO fetch_time_app;
SELECT cq.namespace_grant('default', 'fetch_time_app', 'all');
ALTER TABLE offer ENABLE ROW LEVEL SECURITY;
CREATE POLICY valid ON offer USING (until > now() AND id > 1);
SET ROLE fetch_time_app;
\set VERBOSITY default
SELECT cq.cache_fetch('p', 'SELECT string_agg(name, '' '') FROM offer', ttl => '1 h');
\set VERBOSITY terse
SELECT cq.cache_fetch('p', 'SELECT string_agg(name, '' '') FROM offer', ttl => '1 h', allow_time => true);
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA fetch_time CASCADE;
DROP OWNED BY fetch_time_app;
DROP ROLE fetch_time_app;
