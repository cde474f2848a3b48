-- Every function of the cache, called with NULL, and with what is bad for its type,
-- for each of its parameters in turn: a clear error, or it does not matter.
--
-- The calls are made from the catalog, so that a new function or parameter is a
-- difference here until somebody has looked at it.
CREATE SCHEMA cache_test;
SET search_path = cache_test;
SET client_min_messages = warning;
SET IntervalStyle = postgres;
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on

CREATE TABLE target (id int PRIMARY KEY, value text);
CREATE SEQUENCE counters;
CREATE FUNCTION fit() RETURNS int STABLE LANGUAGE sql AS 'SELECT 1';
SELECT cq.cache_function_declare('fit()');
CREATE TABLE watched (id int PRIMARY KEY, value text);
SELECT cq.cache_watch('watched');
SELECT cq.namespace_create('mine');
SELECT cq.namespace_create('behind');
SELECT cq.cache_write_behind('behind', 'target', 'logged', value_column => 'value', delay => '1 day');
CREATE ROLE cache_test_user;
CREATE ROLE cache_test_nobody;

-- arguments that are right, all of them together; those of one function only come first
CREATE TABLE good (parameter text, type regtype, literal text, function text);
INSERT INTO good VALUES
    ('key', 'text', '''n'' || nextval(''cache_test.counters'')', 'cache_incr'),  -- its effects stay
    ('namespace', 'text', '''behind''', 'cache_write_behind_drop'),
    ('namespace', 'text', '''behind''', 'cache_flush'),
    ('namespace', 'text', '''new''', 'namespace_create'),
    ('target', 'regclass', '''watched''', 'cache_unwatch'),
    ('query', 'text', '''SELECT id FROM cache_test.watched WHERE id = $1''', NULL),
    ('args', 'text[]', '''{1}''', NULL),
    ('key', 'text', '''k''', NULL),
    ('keys', 'text[]', '''{k}''', NULL),
    ('value', 'text', '''v''', NULL),
    ('value', 'bytea', '''\x01''', NULL),
    ('value', 'jsonb', '''1''', NULL),
    ('values', 'text[]', '''{v}''', NULL),
    ('ttl', 'interval', '''1 h''', NULL),
    ('stale_for', 'interval', '''1 s''', NULL),
    ('negative_ttl', 'interval', '''1 s''', NULL),
    ('default_ttl', 'interval', '''1 h''', NULL),
    ('delay', 'interval', '''1 s''', NULL),
    ('tags', 'text[]', '''{}''', NULL),
    ('tags', 'text[]', '''{t}''', 'cache_invalidate'),
    ('namespace', 'text', '''mine''', NULL),
    ('by', 'bigint', '1', NULL),
    ('memory_quota', 'bigint', '100000', NULL),
    ('target', 'regclass', '''target''', NULL),
    ('write_through', 'jsonb', '''{"key": "k:{id}"}''', NULL),
    ('mode', 'text', '''logged''', NULL),
    ('key_column', 'name', '''id''', NULL),
    ('value_column', 'name', '''value''', NULL),
    ('columns', 'name[]', 'NULL', NULL),
    ('conflict', 'text', '''keep''', NULL),
    ('batch_size', 'int', '10', NULL),
    ('discard', 'boolean', 'true', NULL),
    ('role', 'text', '''cache_test_user''', NULL),
    ('privilege', 'text', '''read''', NULL),
    ('new_owner', 'text', '''cache_test_user''', NULL),
    ('dead_ids', 'bigint[]', '''{1}''', NULL),
    ('function', 'regprocedure', '''cache_test.fit()''', NULL),
    ('reads', 'regclass[]', '''{target}''', NULL),
    ('settings', 'text[]', '''{TimeZone}''', NULL),
    ('allow_time', 'boolean', 'false', NULL),
    ('if_exists', 'boolean', 'false', NULL),
    ('if_not_exists', 'boolean', 'false', NULL),
    ('allow_time', 'boolean', 'false', NULL),
    ('condition', 'text', 'NULL', NULL),
    ('version', 'bigint', 'NULL', NULL),
    ('lease', 'bigint', 'NULL', NULL);

-- the parameters of the functions, in their order
CREATE VIEW parameter AS
SELECT p.oid AS function_id, p.proname::text COLLATE "C" AS function, a.n::int, a.name COLLATE "C" AS parameter,
       p.proargtypes[a.n - 1]::regtype AS type, p.provariadic <> 0 AS variadic
FROM pg_proc AS p, unnest(p.proargnames[1:p.pronargs]) WITH ORDINALITY AS a (name, n)
WHERE p.pronamespace = 'cq'::regnamespace AND p.proname ~ '^(cache|namespace|stat)_' AND p.proname !~ '^stat_get_';

-- a call of the function with all arguments right but one
CREATE FUNCTION call(function oid, bad int, literal text) RETURNS text LANGUAGE sql AS $$
    SELECT format(CASE WHEN min(p.function) = 'cache_query'
                       THEN 'SELECT * FROM cq.%s(%s) AS t (id int)' ELSE 'SELECT cq.%s(%s)' END,
                  min(p.function),
                  string_agg(CASE WHEN p.variadic THEN 'VARIADIC ' ELSE '' END || format('%I => %s::%s', p.parameter,
                      CASE WHEN p.n = $2 THEN $3
                           ELSE (SELECT g.literal FROM good AS g
                                 WHERE g.parameter = p.parameter AND g.type = p.type
                                   AND (g.function IS NULL OR g.function = p.function)
                                 ORDER BY g.function LIMIT 1) END, p.type), ', ' ORDER BY p.n))
    FROM parameter AS p WHERE p.function_id = $1
$$;

-- what a statement says; its effects are undone, as far as they are transactional
CREATE FUNCTION state(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text;
BEGIN
    EXECUTE statement;
    RAISE SQLSTATE 'CQ000';
EXCEPTION
    WHEN SQLSTATE 'CQ000' THEN
        RETURN 'no error';
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
        RETURN SQLSTATE || ' ' || message;
END $$;

-- all arguments right, so that what follows is the bad argument's doing
SELECT function || ': ' || state(call(function_id, 0, NULL)) FROM parameter
GROUP BY function_id, function HAVING state(call(function_id, 0, NULL)) <> 'no error' ORDER BY 1;

-- NULL
CREATE TABLE tried_null AS
SELECT parameter, function, state(call(function_id, n, 'NULL')) AS said
FROM (SELECT * FROM parameter ORDER BY function, n, function_id) AS p;
SELECT parameter || ': ' || said || E'\n    ' || string_agg(DISTINCT function, ' ' ORDER BY function)
FROM tried_null GROUP BY parameter, said ORDER BY parameter, said COLLATE "C";

-- what is bad for the type, or at least odd
CREATE TABLE bad (type regtype, n int, shown text, literal text);
INSERT INTO bad VALUES
    ('text', 1, 'empty', ''''''),
    ('text', 2, 'quotes and a newline', 'E''a"b''''c\n; --'''),
    ('text', 3, '1 MB', 'repeat(''x'', 1000000)'),
    ('text[]', 1, '{NULL}', '''{NULL}'''),
    ('text[]', 2, '{""}', '''{""}'''),
    ('text[]', 3, 'matrix', '''{{a,b},{c,d}}'''),
    ('text[]', 4, 'empty', '''{}'''),
    ('text[]', 5, 'quotes and a newline', 'ARRAY[E''a"b''''c\n; --'']'),
    ('name', 1, 'empty', ''''''),
    ('name', 2, 'quotes and a newline', 'E''a"b''''c\n; --'''),
    ('name[]', 1, '{NULL}', '''{NULL}'''),
    ('name[]', 2, 'empty', '''{}'''),
    ('name[]', 3, 'twice', '''{value,value}'''),
    ('interval', 1, '0', '''0'''),
    ('interval', 2, '-1 us', '''-1 us'''),
    ('interval', 3, '-178000000 years', '''-178000000 years'''),
    ('interval', 4, '178000000 years', '''178000000 years'''),
    ('interval', 5, 'infinity', '''infinity'''),
    ('interval', 6, '-infinity', '''-infinity'''),
    ('interval', 7, '1 us', '''1 us'''),
    ('bigint', 1, '0', '0'),
    ('bigint', 2, '-1', '-1'),
    ('bigint', 3, 'least', '(-9223372036854775808)'),
    ('bigint', 4, 'largest', '9223372036854775807'),
    ('int', 1, '0', '0'),
    ('int', 2, '-1', '-1'),
    ('int', 3, 'largest', '2147483647'),
    ('regclass', 1, '0', '0'),
    ('regclass', 2, 'no such', '4294967295'),
    ('regclass', 3, 'an index', '''target_pkey'''),
    ('regclass', 4, 'of the catalog', '''pg_class'''),
    ('jsonb', 1, 'null', '''null'''),
    ('jsonb', 2, '{}', '''{}'''),
    ('jsonb', 3, 'odd', '''{"key": "\n{"}''');
CREATE TABLE tried AS
SELECT parameter, kind, shown, function, state(call(function_id, n, literal)) AS said
FROM (SELECT p.*, b.n AS kind, b.shown, b.literal FROM parameter AS p JOIN bad AS b USING (type)
      ORDER BY p.function, p.n, p.function_id, b.n) AS p;
-- in what versions of PostgreSQL differ: infinity is an interval since 17, and words
UPDATE tried SET said = '22007 or 22023'
WHERE said IN (format('22007 invalid input syntax for type interval: "%s"', shown),
               format('22023 %s must be finite and at most 100 years', parameter))
  AND shown IN ('infinity', '-infinity');
UPDATE tried SET said = '42809 is an index'
WHERE said IN ('42809 "target_pkey" is an index', '42809 cannot open relation "target_pkey"');
SELECT parameter || ' ' || shown || ': ' || CASE WHEN length(said) > 120 THEN left(said, 60) || ' …' ELSE said END
       || E'\n    ' || string_agg(DISTINCT function, ' ' ORDER BY function)
FROM tried GROUP BY parameter, kind, shown, said ORDER BY parameter, kind, said COLLATE "C";

-- the cache, the rules and the queue of what is pending are as they were
SELECT target, tags, write_through FROM cq.cache_watches;
SELECT namespace, mode, target, pending FROM cq.stat_write_behind;

-- a role without USAGE on the schema, and one that has it and nothing else
SET ROLE cache_test_nobody;
\set VERBOSITY sqlstate
SELECT cq.cache_get('k', 'mine');
RESET ROLE;
GRANT USAGE ON SCHEMA cq, cache_test TO cache_test_user;
GRANT SELECT ON ALL TABLES IN SCHEMA cache_test TO cache_test_user;
GRANT USAGE ON SEQUENCE counters TO cache_test_user;
SELECT cq.namespace_grant('default', 'cache_test_user', 'all');
CREATE TABLE calls AS
SELECT function, call(function_id, 0, NULL) AS call FROM parameter GROUP BY function_id, function
UNION ALL SELECT 'stat_reset', 'SELECT cq.stat_reset()';
GRANT SELECT ON calls TO cache_test_user;
SET ROLE cache_test_user;
SELECT said || E'\n    ' || string_agg(DISTINCT function, ' ' ORDER BY function)
FROM (SELECT function, state(call) AS said FROM calls) AS tried GROUP BY said ORDER BY said COLLATE "C";
SELECT count(*) FROM cq.cache_pending;
SELECT count(*) FROM cq.cache_dead_letters;
SELECT count(*) FROM cq.stat_write_behind;
RESET ROLE;

SELECT cq.cache_write_behind_drop('behind', discard => true);
SELECT cq.namespace_drop('behind');
SELECT cq.namespace_drop('mine');
DROP SCHEMA cache_test CASCADE;
REVOKE ALL ON SCHEMA cq FROM cache_test_user;
DROP OWNED BY cache_test_user, cache_test_nobody;
DROP ROLE cache_test_user, cache_test_nobody;
