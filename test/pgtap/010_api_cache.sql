-- The contract of the cache's public interface.
BEGIN;
SELECT * FROM no_plan();

-- functions: parameters with their names and defaults, result, volatility, parallel safety
PREPARE have AS
    SELECT signature COLLATE "C" FROM (SELECT p.proname || '(' || pg_get_function_arguments(p.oid) || ') ' || pg_get_function_result(p.oid)
        || CASE p.provolatile WHEN 'v' THEN ' volatile' WHEN 's' THEN ' stable' ELSE ' immutable' END
        || CASE p.proparallel WHEN 's' THEN ' safe' WHEN 'r' THEN ' restricted' ELSE ' unsafe' END
    FROM pg_proc p
    WHERE p.pronamespace = 'cq'::regnamespace AND p.proname ~ '^(cache|namespace|stat)_' AND p.proname !~ '^stat_get_') AS f (signature)
    ORDER BY signature COLLATE "C";
SELECT results_eq('have', $$
    SELECT signature COLLATE "C" FROM (VALUES
    ('cache_clear(namespace text DEFAULT ''default''::text) bigint volatile unsafe'),
    ('cache_dead_letter_delete(VARIADIC dead_ids bigint[]) bigint volatile unsafe'),
    ('cache_delete(key text, namespace text DEFAULT ''default''::text) boolean volatile unsafe'),
    ('cache_function_declare(function regprocedure, reads regclass[] DEFAULT ''{}''::regclass[], settings text[] DEFAULT ''{}''::text[]) void volatile unsafe'),
    ('cache_function_undeclare(function regprocedure) void volatile unsafe'),
    ('cache_get(key text, namespace text DEFAULT ''default''::text) text volatile restricted'),
    ('cache_get_bytea(key text, namespace text DEFAULT ''default''::text) bytea volatile restricted'),
    ('cache_get_jsonb(key text, namespace text DEFAULT ''default''::text) jsonb volatile restricted'),
    ('cache_get_many(keys text[], namespace text DEFAULT ''default''::text) TABLE(key text, value text, lease bigint) volatile restricted'),
    ('cache_get_or_lease(key text, namespace text DEFAULT ''default''::text, OUT value text, OUT found boolean, OUT lease bigint) record volatile restricted'),
    ('cache_incr(key text, by bigint DEFAULT 1, ttl interval DEFAULT NULL::interval, namespace text DEFAULT ''default''::text) bigint volatile restricted'),
    ('cache_invalidate(VARIADIC tags text[]) void volatile unsafe'),
    ('cache_set(key text, value bytea, ttl interval DEFAULT NULL::interval, tags text[] DEFAULT ''{}''::text[], namespace text DEFAULT ''default''::text, condition text DEFAULT NULL::text, version bigint DEFAULT NULL::bigint, lease bigint DEFAULT NULL::bigint) boolean volatile restricted'),
    ('cache_set(key text, value jsonb, ttl interval DEFAULT NULL::interval, tags text[] DEFAULT ''{}''::text[], namespace text DEFAULT ''default''::text, condition text DEFAULT NULL::text, version bigint DEFAULT NULL::bigint, lease bigint DEFAULT NULL::bigint) boolean volatile restricted'),
    ('cache_set(key text, value text, ttl interval DEFAULT NULL::interval, tags text[] DEFAULT ''{}''::text[], namespace text DEFAULT ''default''::text, condition text DEFAULT NULL::text, version bigint DEFAULT NULL::bigint, lease bigint DEFAULT NULL::bigint) boolean volatile restricted'),
    ('cache_set_many(keys text[], "values" text[], ttl interval DEFAULT NULL::interval, tags text[] DEFAULT ''{}''::text[], namespace text DEFAULT ''default''::text, lease bigint DEFAULT NULL::bigint) bigint volatile restricted'),
    ('cache_table_tag(target regclass) text immutable safe'),
    ('cache_touch(key text, ttl interval, namespace text DEFAULT ''default''::text) boolean volatile restricted'),
    ('cache_ttl(key text, namespace text DEFAULT ''default''::text) interval volatile restricted'),
    ('cache_unwatch(target regclass) void volatile unsafe'),
    ('cache_version(key text, namespace text DEFAULT ''default''::text) bigint volatile restricted'),
    ('cache_watch(target regclass, tags text[] DEFAULT NULL::text[], write_through jsonb DEFAULT NULL::jsonb) void volatile unsafe'),
    ('cache_write_behind(namespace text, target regclass, mode text, key_column name DEFAULT NULL::name, value_column name DEFAULT NULL::name, columns name[] DEFAULT NULL::name[], conflict text DEFAULT ''overwrite''::text, batch_size integer DEFAULT 1000, delay interval DEFAULT ''00:00:01''::interval) void volatile unsafe'),
    ('cache_write_behind_drop(namespace text, discard boolean DEFAULT false) void volatile unsafe'),
    ('cache_flush(namespace text DEFAULT NULL::text) bigint volatile unsafe'),
    ('cache_fetch(key text, query text, args text[] DEFAULT ''{}''::text[], ttl interval DEFAULT NULL::interval, tags text[] DEFAULT NULL::text[], namespace text DEFAULT ''default''::text, stale_for interval DEFAULT NULL::interval, negative_ttl interval DEFAULT NULL::interval, allow_time boolean DEFAULT false) jsonb volatile unsafe'),
    ('cache_query(query text, args text[] DEFAULT ''{}''::text[], ttl interval DEFAULT NULL::interval, tags text[] DEFAULT NULL::text[], namespace text DEFAULT ''default''::text, allow_time boolean DEFAULT false) SETOF record volatile unsafe'),
    ('namespace_alter(namespace text, default_ttl interval, memory_quota bigint DEFAULT NULL::bigint) void volatile unsafe'),
    ('namespace_create(namespace text, default_ttl interval DEFAULT NULL::interval, memory_quota bigint DEFAULT NULL::bigint, if_not_exists boolean DEFAULT false) void volatile unsafe'),
    ('namespace_drop(namespace text, if_exists boolean DEFAULT false) void volatile unsafe'),
    ('namespace_grant(namespace text, role text, privilege text) void volatile unsafe'),
    ('namespace_owner(namespace text, new_owner text) void volatile unsafe'),
    ('namespace_revoke(namespace text, role text, privilege text) void volatile unsafe'),
    ('stat_reset() void volatile safe')
    ) AS v (signature) ORDER BY signature COLLATE "C" $$,
    'functions of the cache');

-- views
SELECT columns_are('cq', 'cache_watches', ARRAY['target', 'table_tag', 'tags', 'write_through', 'enabled']);
SELECT columns_are('cq', 'cache_functions', ARRAY['function', 'reads', 'settings']);
SELECT columns_are('cq', 'stat_cache_namespaces', ARRAY['namespace', 'hits', 'misses_absent', 'misses_expired',
    'misses_invalidated', 'misses_snapshot', 'misses_bypass', 'hit_ratio', 'sets', 'sets_refused', 'deletes', 'entries',
    'bytes', 'memory_quota']);
SELECT columns_are('cq', 'cache_entries', ARRAY['namespace', 'key', 'kind', 'type', 'bytes', 'dependent', 'tags',
    'expires_in', 'version']);
SELECT columns_are('cq', 'cache_hot_keys', ARRAY['namespace', 'key', 'kind', 'hits', 'error']);
SELECT columns_are('cq', 'cache_pending', ARRAY['namespace', 'key', 'operation', 'type', 'queued_at', 'bytes']);
SELECT columns_are('cq', 'cache_dead_letters', ARRAY['dead_id', 'namespace', 'key', 'operation', 'type', 'value', 'sqlstate',
    'error', 'failed_at']);
SELECT columns_are('cq', 'stat_write_behind', ARRAY['namespace', 'mode', 'target', 'pending', 'oldest', 'written', 'failed',
    'last_flush', 'last_error', 'last_error_at']);
SELECT has_view('cq', 'stat_cache', 'stat_cache is a view');
SELECT is_empty($$
    SELECT c.column_name FROM (VALUES ('hits'), ('misses_absent'), ('misses_expired'), ('misses_invalidated'),
        ('misses_snapshot'), ('misses_bypass'), ('sets'), ('sets_refused'), ('sets_no_memory'), ('deletes'), ('marks'),
        ('refused_changed'), ('refused_epoch'), ('refused_own_change'), ('refused_lease'), ('refused_bypass'),
        ('verified'), ('verify_mismatches'), ('loads'), ('load_waits'), ('stale_served'),
        ('entries'), ('evictions'), ('expirations'), ('used_bytes'), ('arena_bytes')) AS c (column_name)
    WHERE NOT EXISTS (SELECT FROM information_schema.columns i
                      WHERE i.table_schema = 'cq' AND i.table_name = 'stat_cache'
                        AND i.column_name = c.column_name AND i.data_type = 'bigint') $$,
    'stat_cache has its counters');

-- nothing of all this needs quoting, as far as users type it
SELECT is_empty($$
    SELECT p.oid::regprocedure, a.name
    FROM pg_proc p, unnest(p.proargnames) AS a (name)
    WHERE p.pronamespace = 'cq'::regnamespace AND quote_ident(a.name) <> a.name
      AND (p.proname, a.name) <> ('cache_set_many', 'values') $$,
    'no parameter needs quoting');

-- each with a comment; no schema searched that a caller chooses
SELECT is_empty($$
    SELECT p.oid::regprocedure FROM pg_proc p
    WHERE p.pronamespace = 'cq'::regnamespace AND coalesce(obj_description(p.oid, 'pg_proc'), '') = '' $$,
    'every function has a comment');
SELECT is_empty($$
    SELECT c.oid::regclass FROM pg_class c
    WHERE c.relnamespace = 'cq'::regnamespace AND c.relkind IN ('v', 'r', 'p') AND c.relname !~ '^q[0-9]'
      AND coalesce(obj_description(c.oid, 'pg_class'), '') = '' $$,
    'every view and table has a comment');
SELECT isnt(obj_description('cq'::regnamespace, 'pg_namespace'), NULL, 'the schema has a comment');
SELECT is_empty($$
    SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
    WHERE p.pronamespace = 'cq'::regnamespace AND (p.prosecdef OR l.lanname = 'plpgsql')
      AND NOT coalesce(p.proconfig::text ~ 'search_path=', false) $$,
    'SECURITY DEFINER and PL/pgSQL have a fixed search_path');

-- privileges
SELECT schema_privs_are('cq', 'public', ARRAY[]::text[], 'PUBLIC has nothing on the schema');
SELECT is_empty($$
    SELECT p.oid::regprocedure FROM pg_proc p
    WHERE p.pronamespace = 'cq'::regnamespace AND p.proname ~ '^cache_' AND p.proname !~ '^cache_function_' AND NOT has_function_privilege('public', p.oid, 'execute') $$,
    'behind the schema, functions of the cache are open');
SELECT is_empty($$
    SELECT p.oid::regprocedure FROM pg_proc p
    WHERE p.pronamespace = 'cq'::regnamespace AND p.prosecdef AND p.proname ~ '^_' AND has_function_privilege('public', p.oid, 'execute') $$,
    'no internal function that runs as its owner is');
SELECT table_privs_are('cq', 'cache_watches', 'public', ARRAY['SELECT'], 'cache_watches may be read');
SELECT table_privs_are('cq', 'stat_cache', 'public', ARRAY[]::text[], 'stat_cache may not');
SELECT table_privs_are('cq', 'stat_cache', 'pg_monitor', ARRAY['SELECT'], 'but by pg_monitor');
SELECT table_privs_are('cq', v.name, r.name, r.privileges::text[], v.name || ' may be read by pg_monitor only')
FROM (VALUES ('stat_cache_namespaces'), ('cache_entries'), ('cache_hot_keys')) AS v (name),
     (VALUES ('public', '{}'), ('pg_monitor', '{SELECT}')) AS r (name, privileges);
SELECT is_empty($$
    SELECT r.name FROM (VALUES ('public'), ('pg_monitor')) AS r (name)
    WHERE has_function_privilege(r.name, 'cq.stat_reset()', 'execute') $$,
    'nobody may reset the statistics');
SELECT is_empty($$
    SELECT c.oid::regclass FROM pg_class c
    WHERE c.relnamespace = 'cq'::regnamespace AND c.relkind IN ('r', 'v', 'p', 'S')
      AND has_table_privilege('public', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') $$,
    'PUBLIC changes no table');

-- settings
SELECT results_eq($$
    SELECT (name || ' ' || context) COLLATE "default" FROM pg_settings
    WHERE name IN ('cachequeue.cache_memory', 'cachequeue.dependency_slots', 'cachequeue.value_size_max', 'cachequeue.remember_misses',
                   'cachequeue.verify_sample')
    ORDER BY name $$,
    ARRAY['cachequeue.cache_memory postmaster', 'cachequeue.dependency_slots postmaster', 'cachequeue.remember_misses user',
          'cachequeue.value_size_max sighup', 'cachequeue.verify_sample superuser'],
    'settings of the cache');

-- event triggers fire always
SELECT results_eq($$ SELECT evtname::text COLLATE "default", evtenabled::text FROM pg_event_trigger WHERE evtname ~ '^cachequeue' ORDER BY evtname $$,
    $$ VALUES ('cachequeue_carrier', 'A'), ('cachequeue_ddl', 'A'), ('cachequeue_drop', 'A') $$, 'event triggers');

SELECT * FROM finish();
ROLLBACK;
