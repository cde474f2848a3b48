-- Bad input: each a clear error with an SQLSTATE, and the cache stays as it was.
CREATE SCHEMA cache_test;
SET search_path = cache_test;

-- what a statement says when it fails
CREATE FUNCTION state(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text;
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || ' ' || message || coalesce(E'\n      detail: ' || nullif(detail, ''), '')
        || coalesce(E'\n      hint: ' || nullif(hint, ''), '');
END $$;
SELECT cq.cache_set('k', 'kept');
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on

-- keys, in every function that has one
SELECT format(call, 'NULL') || E'\n   ' || state(format(call, 'NULL')) FROM (VALUES
    (1, 'SELECT cq.cache_get(%s)'),
    (2, 'SELECT cq.cache_get_bytea(%s)'),
    (3, 'SELECT cq.cache_get_jsonb(%s)'),
    (4, 'SELECT cq.cache_get_or_lease(%s)'),
    (5, 'SELECT cq.cache_set(%s, ''v''::text)'),
    (6, 'SELECT cq.cache_set(%s, ''v''::bytea)'),
    (7, 'SELECT cq.cache_set(%s, ''1''::jsonb)'),
    (8, 'SELECT cq.cache_delete(%s)'),
    (9, 'SELECT cq.cache_touch(%s, ''1 s'')'),
    (10, 'SELECT cq.cache_ttl(%s)'),
    (11, 'SELECT cq.cache_version(%s)'),
    (12, 'SELECT cq.cache_incr(%s)')) AS calls (n, call) ORDER BY n;
SELECT DISTINCT state(format(call, quote_literal(''))) FROM (VALUES
    ('SELECT cq.cache_get(%s)'), ('SELECT cq.cache_get_bytea(%s)'), ('SELECT cq.cache_get_jsonb(%s)'),
    ('SELECT cq.cache_get_or_lease(%s)'), ('SELECT cq.cache_set(%s, ''v''::text)'),
    ('SELECT cq.cache_set(%s, ''v''::bytea)'), ('SELECT cq.cache_set(%s, ''1''::jsonb)'),
    ('SELECT cq.cache_delete(%s)'), ('SELECT cq.cache_touch(%s, ''1 s'')'), ('SELECT cq.cache_ttl(%s)'),
    ('SELECT cq.cache_version(%s)'), ('SELECT cq.cache_incr(%s)')) AS calls (call);
SELECT DISTINCT state(format(call, quote_literal(repeat('k', 1025)))) FROM (VALUES
    ('SELECT cq.cache_get(%s)'), ('SELECT cq.cache_get_bytea(%s)'), ('SELECT cq.cache_get_jsonb(%s)'),
    ('SELECT cq.cache_get_or_lease(%s)'), ('SELECT cq.cache_set(%s, ''v''::text)'),
    ('SELECT cq.cache_set(%s, ''v''::bytea)'), ('SELECT cq.cache_set(%s, ''1''::jsonb)'),
    ('SELECT cq.cache_delete(%s)'), ('SELECT cq.cache_touch(%s, ''1 s'')'), ('SELECT cq.cache_ttl(%s)'),
    ('SELECT cq.cache_version(%s)'), ('SELECT cq.cache_incr(%s)')) AS calls (call);
SELECT state($$SELECT cq.cache_get(repeat('ü', 513))$$);
SELECT state($$SELECT cq.cache_get(repeat('k', 10000000))$$);

-- namespaces
SELECT DISTINCT state(format(call, '''no "such" one''')) FROM (VALUES
    ('SELECT cq.cache_get(''k'', %s)'), ('SELECT cq.cache_get_bytea(''k'', %s)'), ('SELECT cq.cache_get_jsonb(''k'', %s)'),
    ('SELECT cq.cache_get_or_lease(''k'', %s)'), ('SELECT cq.cache_set(''k'', ''v''::text, namespace => %s)'),
    ('SELECT cq.cache_set(''k'', ''v''::bytea, namespace => %s)'), ('SELECT cq.cache_set(''k'', ''1''::jsonb, namespace => %s)'),
    ('SELECT cq.cache_delete(''k'', %s)'), ('SELECT cq.cache_touch(''k'', ''1 s'', %s)'), ('SELECT cq.cache_ttl(''k'', %s)'),
    ('SELECT cq.cache_version(''k'', %s)'), ('SELECT cq.cache_incr(''k'', namespace => %s)')) AS calls (call);
SELECT state($$SELECT cq.cache_get('k', NULL)$$);
SELECT state($$SELECT cq.cache_get('k', '')$$);
SELECT state($$SELECT cq.cache_get('k', 'DEFAULT')$$);
SELECT state($$SELECT cq.cache_set('k', 'v', namespace => NULL)$$);

-- values
SELECT state($$SELECT cq.cache_set('k', NULL::text)$$);
SELECT state($$SELECT cq.cache_set('k', NULL::bytea)$$);
SELECT state($$SELECT cq.cache_set('k', NULL::jsonb)$$);
SELECT state($$SELECT cq.cache_set('k', repeat('v', 1048577))$$);
SELECT state($$SELECT cq.cache_set('k', decode(repeat('00', 1048577), 'hex'))$$);
SELECT split_part(state($$SELECT cq.cache_set('k', to_jsonb(repeat('v', 1048577)))$$), E'\n', 1);

-- time to live
SELECT ttl || E'\n   ' || state(format('SELECT cq.cache_set(''k'', ''v'', %L)', ttl)) FROM (VALUES
    (1, '0'), (2, '-1 s'), (3, '-1 us'), (4, '1 mon -31 days'), (5, '-1 day +23:59:59'), (6, '102 years'), (7, '178000000 years'),
    (8, '2147483647 days'), (9, 'soon')) AS ttls (n, ttl) ORDER BY n;
SELECT state($$SELECT cq.cache_touch('k', '0')$$);
SELECT state($$SELECT cq.cache_touch('k', '-1 day')$$);
SELECT state($$SELECT cq.cache_incr('counter', ttl => '0')$$);
SELECT state($$SELECT cq.cache_set('k', 'v', '1 day -00:00:00.001')$$);
SELECT cq.cache_set('k', 'kept');

-- tags
CREATE FUNCTION set_tags(tags text[]) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cq.cache_get('tagged');
    RETURN cq.cache_set('tagged', 'v', tags => tags);
END $$;
SELECT state($$SELECT set_tags('{a, NULL}')$$);
SELECT state($$SELECT set_tags('{a, ""}')$$);
SELECT state($$SELECT set_tags(ARRAY['a', repeat('t', 1025)])$$);
SELECT state($$SELECT set_tags(ARRAY(SELECT n::text FROM generate_series(1, 65) AS n))$$);
SELECT cq.cache_get('tagged');
SELECT state($$SELECT cq.cache_set('untold', 'v', tags => '{a}')$$);
SELECT state($$SELECT cq.cache_set('untold', 'v', tags => '{a}', condition => 'absent')$$);
SELECT state($$SELECT cq.cache_invalidate(NULL)$$);
SELECT state($$SELECT cq.cache_invalidate(VARIADIC NULL)$$);
SELECT state($$SELECT cq.cache_invalidate('a', NULL)$$);
SELECT state($$SELECT cq.cache_invalidate('a', '')$$);
SELECT state($$SELECT cq.cache_invalidate(repeat('t', 1025))$$);
SELECT left(state($$SELECT cq.cache_invalidate()$$), 5);

-- conditions
SELECT state($$SELECT cq.cache_set('k', 'v', condition => 'maybe')$$);
SELECT state($$SELECT cq.cache_set('k', 'v', condition => '')$$);
SELECT state($$SELECT cq.cache_set('k', 'v', condition => 'ABSENT')$$);
SELECT state($$SELECT cq.cache_set('k', 'v', condition => 'present', version => 1)$$);

-- counters
SELECT cq.cache_set('word', 'two'), cq.cache_set('bytes', '\x01'::bytea), cq.cache_set('json', '1'::jsonb),
       cq.cache_set('empty', ''), cq.cache_set('huge', '9223372036854775808'), cq.cache_set('fraction', '1.5');
SELECT state($$SELECT cq.cache_incr('k', NULL)$$);
SELECT state($$SELECT cq.cache_incr('word')$$);
SELECT state($$SELECT cq.cache_incr('empty')$$);
SELECT state($$SELECT cq.cache_incr('fraction')$$);
SELECT state($$SELECT cq.cache_incr('huge')$$);
SELECT state($$SELECT cq.cache_incr('bytes')$$);
SELECT state($$SELECT cq.cache_incr('json')$$);
SELECT cq.cache_incr('counter', 9223372036854775807);
SELECT state($$SELECT cq.cache_incr('counter')$$);
SELECT state($$SELECT cq.cache_get_bytea('counter')$$);
SELECT state($$SELECT cq.cache_get_jsonb('counter')$$);
BEGIN;
SELECT cq.cache_set('counter', '1');
SELECT state($$SELECT cq.cache_incr('counter')$$);
SELECT cq.cache_delete('counter');
SELECT state($$SELECT cq.cache_incr('counter')$$);
ROLLBACK;
SELECT cq.cache_get('word'), cq.cache_get('empty'), cq.cache_get('fraction'), cq.cache_get('huge'), cq.cache_get('counter');

-- types
SELECT state($$SELECT cq.cache_get('bytes')$$);
SELECT state($$SELECT cq.cache_get_bytea('k')$$);
SELECT state($$SELECT cq.cache_get_jsonb('bytes')$$);
SELECT state($$SELECT cq.cache_get_or_lease('json')$$);

-- what a table's owner can get wrong
CREATE TABLE watched (id int PRIMARY KEY, "na me" text, "a}b" int);
CREATE VIEW a_view AS SELECT * FROM watched;
CREATE MATERIALIZED VIEW a_matview AS SELECT * FROM watched;
CREATE SEQUENCE a_sequence;
CREATE TEMP TABLE a_temp (id int);
SELECT state($$SELECT cq.cache_watch(NULL)$$);
SELECT state($$SELECT cq.cache_watch('no_such_table')$$);
SELECT state($$SELECT cq.cache_watch(4294967295::oid)$$);
SELECT state($$SELECT cq.cache_watch('a_view')$$);
SELECT state($$SELECT cq.cache_watch('a_matview')$$);
SELECT state($$SELECT cq.cache_watch('a_sequence')$$);
SELECT state($$SELECT cq.cache_watch('watched_pkey')$$);
SELECT state($$SELECT cq.cache_watch('a_temp')$$);
SELECT state($$SELECT cq.cache_watch('pg_class')$$);
SELECT template || E'\n   ' || state(format('SELECT cq.cache_watch(''watched'', %L)', ARRAY[template])) FROM (VALUES
    (1, ''), (2, 'x:{}'), (3, 'x:{id'), (4, 'x:id}'), (5, '{'), (6, '}'), (7, '{{{'), (8, 'x:{id}}'), (9, 'x:{{id}'),
    (10, 'x:{no_such}'), (11, 'x:{ID}'), (12, 'x:{ id}'), (13, 'x:{ctid}'), (14, 'x:{na me'), (15, 'x:{a}b}')) AS templates (n, template) ORDER BY n;
SELECT state($$SELECT cq.cache_watch('watched', '{x, NULL}')$$);
SELECT state($$SELECT cq.cache_unwatch(NULL)$$);
SELECT state($$SELECT cq.cache_unwatch('watched')$$);
SELECT state($$SELECT cq.cache_unwatch('a_view')$$);
SELECT count(*) FROM cq.cache_watches;
-- the triggers' functions are for triggers
SELECT state($$SELECT cq._watch_row()$$);
SELECT state($$SELECT cq._watch_statement()$$);
SELECT state($$SELECT cq._watch_truncate()$$);
SELECT state($$CREATE TRIGGER t BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION cq._watch_row();
               INSERT INTO watched VALUES (1)$$);

-- a column that a template names
DROP VIEW a_view;
DROP MATERIALIZED VIEW a_matview;
SELECT cq.cache_watch('watched', ARRAY['x:{id}', 'y:{na me}']);
SELECT state($$ALTER TABLE watched DROP COLUMN id$$);
SELECT state($$ALTER TABLE watched RENAME COLUMN "na me" TO name$$);
SELECT state($$ALTER TABLE watched RENAME COLUMN "a}b" TO b$$);
SELECT state($$ALTER TABLE watched DROP COLUMN b, ADD COLUMN c text$$);
SELECT state($$ALTER TABLE watched ALTER COLUMN "na me" TYPE varchar(20)$$);
SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute
WHERE attrelid = 'watched'::regclass AND attnum > 0 AND NOT attisdropped;
SELECT cq.cache_unwatch('watched');
SELECT state($$SELECT cq.cache_unwatch('watched')$$);
SELECT state($$ALTER TABLE watched DROP COLUMN id$$);

-- privileges
CREATE ROLE cache_test_user;
CREATE ROLE cache_test_nobody;
GRANT USAGE ON SCHEMA cq, cache_test TO cache_test_user;
GRANT USAGE ON SCHEMA cache_test TO cache_test_nobody;
GRANT ALL ON watched TO cache_test_user, cache_test_nobody;
SELECT cq.namespace_grant('default', 'cache_test_user', 'all');
SET ROLE cache_test_nobody;
SELECT state($$SELECT cq.cache_get('k')$$);
SELECT state($$SELECT cq.cache_set('k', 'v')$$);
SELECT state($$SELECT cq.cache_watch('watched')$$);
SELECT state($$SELECT * FROM cq.cache_watches$$);
SELECT state($$SELECT * FROM cq.stat_cache$$);
SET ROLE cache_test_user;
SELECT cq.cache_get('k'), cq.cache_set('of a user', 'v'), cq.cache_get('of a user'), cq.cache_incr('of a counter');
SELECT state($$SELECT cq.cache_watch('watched')$$);
SELECT state($$SELECT * FROM cq.stat_cache$$);
SELECT state($$SELECT * FROM cq.stat_get_cache()$$);
SELECT count(*) FROM cq.cache_watches;
RESET ROLE;
SELECT cq.cache_watch('watched', ARRAY['w:{c}']);
SET ROLE cache_test_user;
SELECT state($$SELECT cq.cache_unwatch('watched')$$);
SELECT state($$SELECT cq.cache_watch('watched', ARRAY['v:{c}'])$$);
RESET ROLE;
SELECT target, tags, enabled FROM cq.cache_watches;
-- owners may, and writing a watched table needs nothing
ALTER TABLE watched OWNER TO cache_test_user;
SET ROLE cache_test_user;
SELECT cq.cache_watch('watched', ARRAY['v:{c}']);
SELECT target, tags, enabled FROM cq.cache_watches;
SET ROLE cache_test_nobody;
SELECT state($$INSERT INTO watched (c) VALUES ('1')$$);
SELECT state($$UPDATE watched SET c = c || c$$);
SELECT state($$TRUNCATE watched$$);
SELECT state($$CREATE TEMP TABLE harmless (id int); ALTER TABLE harmless ADD COLUMN n int; DROP TABLE harmless$$);
RESET ROLE;
GRANT pg_monitor TO cache_test_user;
SET ROLE cache_test_user;
SELECT count(*) FROM cq.stat_cache;
SELECT cq.cache_unwatch('watched');
RESET ROLE;

SELECT cq.cache_get('k');
SET client_min_messages = warning;
DROP SCHEMA cache_test CASCADE;
REVOKE ALL ON SCHEMA cq FROM cache_test_user;
DROP OWNED BY cache_test_user, cache_test_nobody;
DROP ROLE cache_test_user, cache_test_nobody;
