-- The contract of the public interface of topics, groups and channels.
BEGIN;
SELECT * FROM no_plan();

-- functions: parameters with their names and defaults, result, volatility, parallel safety
PREPARE have AS
    SELECT signature COLLATE "C" FROM (SELECT p.proname || '(' || pg_get_function_arguments(p.oid) || ')'
        || CASE p.prokind WHEN 'p' THEN ' procedure' ELSE ' ' || pg_get_function_result(p.oid) END
        || CASE p.provolatile WHEN 'v' THEN ' volatile' WHEN 's' THEN ' stable' ELSE ' immutable' END
        || CASE p.proparallel WHEN 's' THEN ' safe' WHEN 'r' THEN ' restricted' ELSE ' unsafe' END
    FROM pg_proc p
    WHERE p.pronamespace = 'cq'::regnamespace AND p.proname ~ '^(topic|group|channel)_') AS f (signature)
    ORDER BY signature COLLATE "C";
SELECT results_eq('have', $$
    SELECT signature COLLATE "C" FROM (VALUES
    ('channel_fetch(payload text) text volatile restricted'),
    ('channel_publish(channel text, payload text) void volatile unsafe'),
    ('group_create(topic text, group_name text, kind text DEFAULT ''exclusive''::text, start text DEFAULT ''earliest''::text, assignment text DEFAULT ''sticky''::text, session_timeout interval DEFAULT ''00:00:45''::interval, if_not_exists boolean DEFAULT false) void volatile unsafe'),
    ('group_drop(topic text, group_name text, if_exists boolean DEFAULT false) void volatile unsafe'),
    ('group_grant(topic text, group_name text, role text, privilege text) void volatile unsafe'),
    ('group_heartbeat(topic text, group_name text, member text, generation bigint DEFAULT NULL::bigint) boolean volatile unsafe'),
    ('group_join(topic text, group_name text, member text, session_bound boolean DEFAULT false) bigint volatile unsafe'),
    ('group_leave(topic text, group_name text, member text, generation bigint DEFAULT NULL::bigint) boolean volatile unsafe'),
    ('group_owner(topic text, group_name text, new_owner text) void volatile unsafe'),
    ('group_revoke(topic text, group_name text, role text, privilege text) void volatile unsafe'),
    ('topic_alter(topic text, partitions integer DEFAULT NULL::integer, retain interval DEFAULT NULL::interval, retain_bytes bigint DEFAULT NULL::bigint, compact boolean DEFAULT NULL::boolean, tombstone_retain interval DEFAULT NULL::interval, reset text[] DEFAULT ''{}''::text[]) void volatile unsafe'),
    ('topic_commit(topic text, group_name text, member text, partition integer, record_offset bigint, generation bigint DEFAULT NULL::bigint) boolean volatile unsafe'),
    ('topic_create(topic text, partitions integer DEFAULT 1, retain interval DEFAULT ''7 days''::interval, retain_bytes bigint DEFAULT NULL::bigint, compact boolean DEFAULT false, tombstone_retain interval DEFAULT ''1 day''::interval, if_not_exists boolean DEFAULT false) void volatile unsafe'),
    ('topic_drop(topic text, if_exists boolean DEFAULT false) void volatile unsafe'),
    ('topic_grant(topic text, role text, privilege text) void volatile unsafe'),
    ('topic_maintain() procedure volatile unsafe'),
    ('topic_offset(topic text, partition integer, at_position text) bigint volatile restricted'),
    ('topic_owner(topic text, new_owner text) void volatile unsafe'),
    ('topic_poll(topic text, group_name text, member text, max integer DEFAULT 100, generation bigint DEFAULT NULL::bigint, auto_commit boolean DEFAULT false) SETOF cq.record volatile unsafe'),
    ('topic_publication_create(topic text, publication text, tables integer DEFAULT 16) integer volatile unsafe'),
    ('topic_publish(topic text, body jsonb, key text DEFAULT NULL::text, headers jsonb DEFAULT NULL::jsonb, partition integer DEFAULT NULL::integer, OUT partition integer, OUT record_offset bigint) record volatile unsafe'),
    ('topic_publish_many(topic text, bodies jsonb[], keys text[] DEFAULT NULL::text[], headers jsonb[] DEFAULT NULL::jsonb[], partition integer DEFAULT NULL::integer, OUT partition integer, OUT record_offset bigint) SETOF record volatile unsafe'),
    ('topic_read(topic text, partition integer, from_offset bigint DEFAULT 0, max integer DEFAULT 100) SETOF cq.record volatile restricted'),
    ('topic_replica_create(topic text, topic_id integer, partitions integer DEFAULT 1, tables integer DEFAULT 16) void volatile unsafe'),
    ('topic_replica_promote(topic text) void volatile unsafe'),
    ('topic_revoke(topic text, role text, privilege text) void volatile unsafe'),
    ('topic_seek(topic text, group_name text, to_position text, partition integer DEFAULT NULL::integer) void volatile unsafe'),
    ('topic_wait(IN topic text, IN group_name text, IN member text, IN timeout interval DEFAULT NULL::interval, INOUT ready boolean DEFAULT NULL::boolean, IN generation bigint DEFAULT NULL::bigint) procedure volatile unsafe')
    ) AS v (signature) ORDER BY signature COLLATE "C" $$,
    'functions of topics');
SELECT is_empty($$
    SELECT p.oid::regprocedure FROM pg_proc p
    WHERE p.pronamespace = 'cq'::regnamespace AND p.proname ~ '^(topic|group|channel)_' AND p.proisstrict $$,
    'NULL for a topic is an error, never NULL');

-- types and views
PREPARE fields (text) AS
    SELECT attname::text COLLATE "default", format_type(atttypid, NULL) COLLATE "default"
    FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum;
SELECT results_eq($$ EXECUTE fields('cq.record') $$, $$ VALUES
    ('topic', 'text'), ('partition', 'integer'), ('record_offset', 'bigint'), ('key', 'text'),
    ('published_at', 'timestamp with time zone'), ('headers', 'jsonb'), ('body', 'jsonb') $$, 'record');
SELECT results_eq($$ EXECUTE fields('cq.stat_topics') $$, $$ VALUES
    ('topic', 'text'), ('partition', 'integer'), ('start_offset', 'bigint'),
    ('end_offset', 'bigint'), ('stable_offset', 'bigint'), ('open_transactions', 'bigint'),
    ('published', 'bigint'), ('segments', 'integer'), ('bytes', 'bigint'), ('held_by', 'text') $$, 'stat_topics');
SELECT results_eq($$ EXECUTE fields('cq.stat_groups') $$, $$ VALUES
    ('topic', 'text'), ('group_name', 'text'), ('kind', 'text'), ('partition', 'integer'),
    ('member', 'text'), ('generation', 'bigint'), ('polled', 'bigint'), ('committed', 'bigint'),
    ('end_offset', 'bigint'), ('lag', 'bigint'), ('lag_time', 'interval'),
    ('committed_at', 'timestamp with time zone') $$, 'stat_groups');
SELECT results_eq($$ EXECUTE fields('cq.stat_group_members') $$, $$ VALUES
    ('topic', 'text'), ('group_name', 'text'), ('member', 'text'), ('generation', 'bigint'),
    ('joined_at', 'timestamp with time zone'), ('heartbeat_until', 'timestamp with time zone'),
    ('pid', 'integer'), ('partitions', 'integer[]') $$, 'stat_group_members');

-- comments and names
SELECT is_empty($$
    SELECT p.oid::regprocedure FROM pg_proc p
    WHERE p.pronamespace = 'cq'::regnamespace AND p.proname ~ '^_?(topic|group|channel)_'
      AND coalesce(obj_description(p.oid, 'pg_proc'), '') = '' $$,
    'every function has a comment');
SELECT is_empty($$
    SELECT attname FROM pg_attribute
    WHERE attrelid IN ('cq.record'::regclass, 'cq.topic'::regclass, 'cq.topic_group'::regclass, 'cq.stat_topics'::regclass,
        'cq.stat_groups'::regclass, 'cq.stat_group_members'::regclass) AND attnum > 0 AND quote_ident(attname) <> attname $$,
    'no column needs quoting');
SELECT is_empty($$
    SELECT p.oid::regprocedure FROM pg_proc p
    WHERE p.pronamespace = 'cq'::regnamespace AND p.proname ~ '^_?(topic|group|channel)_' AND p.prosecdef $$,
    'no function runs as its owner');

-- privileges
SELECT results_eq($$
    SELECT p.proname::text COLLATE "default" FROM pg_proc p
    WHERE p.pronamespace = 'cq'::regnamespace AND p.proname ~ '^_?(topic|group|channel)_'
      AND NOT has_function_privilege('public', p.oid, 'execute') ORDER BY 1 $$,
    $$ VALUES ('_topic_changed'), ('topic_create'), ('topic_maintain'), ('topic_publication_create'),
    ('topic_replica_create'), ('topic_replica_promote') $$,
    'behind the schema all is open but creating topics and maintenance');
SELECT is_empty($$
    SELECT c.oid::regclass FROM pg_class c
    WHERE c.relnamespace = 'cq'::regnamespace AND c.relname ~ '^(topic|channel)' AND c.relkind IN ('r', 'S')
      AND (has_table_privilege('public', c.oid, 'select') OR has_table_privilege('public', c.oid, 'insert')) $$,
    'nobody reads the tables');
SELECT results_eq($$
    SELECT tgrelid::regclass::text COLLATE "default", tgname::text COLLATE "default", tgenabled::text COLLATE "default" FROM pg_trigger
    WHERE tgrelid IN ('cq.topic'::regclass, 'cq.topic_group'::regclass, 'cq.topic_segment'::regclass)
      AND NOT tgisinternal ORDER BY 1, 2 $$,
    $$ VALUES ('cq.topic', 'exchange_unbind', 'A'), ('cq.topic', 'topic_changed', 'A'),
    ('cq.topic_group', 'topic_group_changed', 'A'), ('cq.topic_segment', 'topic_segment_changed', 'A'),
    ('cq.topic_segment', 'topic_segment_truncated', 'A') $$,
    'triggers fire always');

-- settings
SELECT results_eq($$
    SELECT (name || ' ' || context) COLLATE "default" FROM pg_settings
    WHERE name IN ('cachequeue.topic_memory', 'cachequeue.max_topics') ORDER BY name $$,
    ARRAY['cachequeue.max_topics postmaster', 'cachequeue.topic_memory postmaster'],
    'settings of topics');

SELECT * FROM finish();
ROLLBACK;
