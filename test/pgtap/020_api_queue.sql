-- The contract of the work queue's public interface.
BEGIN;
SELECT * FROM no_plan();

-- functions: parameters with their names and defaults, result, volatility, parallel safety
PREPARE have AS
    SELECT signature COLLATE "C" FROM (SELECT p.proname || '(' || pg_get_function_arguments(p.oid) || ')'
        || CASE p.prokind WHEN 'p' THEN ' procedure' ELSE ' ' || pg_get_function_result(p.oid) END
        || CASE p.provolatile WHEN 'v' THEN ' volatile' WHEN 's' THEN ' stable' ELSE ' immutable' END
        || CASE p.proparallel WHEN 's' THEN ' safe' WHEN 'r' THEN ' restricted' ELSE ' unsafe' END
    FROM pg_proc p
    WHERE p.pronamespace = 'cq'::regnamespace AND p.proname ~ '^queue_') AS f (signature)
    ORDER BY signature COLLATE "C";
SELECT results_eq('have', $$
    SELECT signature COLLATE "C" FROM (VALUES
    ('queue_ack(queue text, VARIADIC receipts text[]) bigint volatile unsafe'),
    ('queue_alter(queue text, lease interval DEFAULT NULL::interval, max_attempts integer DEFAULT NULL::integer, backoff text DEFAULT NULL::text, dead_letter text DEFAULT NULL::text, max_length bigint DEFAULT NULL::bigint, overflow text DEFAULT NULL::text, dedup_window interval DEFAULT NULL::interval, message_ttl interval DEFAULT NULL::interval, rate_limit double precision DEFAULT NULL::double precision, group_concurrency integer DEFAULT NULL::integer, retain interval DEFAULT NULL::interval, backoff_delay interval DEFAULT NULL::interval, backoff_max interval DEFAULT NULL::interval, max_bytes bigint DEFAULT NULL::bigint, overflow_timeout interval DEFAULT NULL::interval, rate_burst integer DEFAULT NULL::integer, group_rate_limit double precision DEFAULT NULL::double precision, group_rate_burst integer DEFAULT NULL::integer, concurrency integer DEFAULT NULL::integer, release_on_disconnect boolean DEFAULT NULL::boolean, durable_leases boolean DEFAULT NULL::boolean, notify text DEFAULT NULL::text, reset text[] DEFAULT ''{}''::text[]) void volatile unsafe'),
    ('queue_create(queue text, lease interval DEFAULT ''00:00:30''::interval, max_attempts integer DEFAULT 25, backoff text DEFAULT ''exponential''::text, dead_letter text DEFAULT NULL::text, max_length bigint DEFAULT NULL::bigint, overflow text DEFAULT ''reject''::text, dedup_window interval DEFAULT ''00:05:00''::interval, message_ttl interval DEFAULT NULL::interval, rate_limit double precision DEFAULT NULL::double precision, group_concurrency integer DEFAULT 1, retain interval DEFAULT NULL::interval, backoff_delay interval DEFAULT ''00:00:01''::interval, backoff_max interval DEFAULT ''00:05:00''::interval, max_bytes bigint DEFAULT NULL::bigint, overflow_timeout interval DEFAULT ''00:00:10''::interval, rate_burst integer DEFAULT NULL::integer, group_rate_limit double precision DEFAULT NULL::double precision, group_rate_burst integer DEFAULT NULL::integer, concurrency integer DEFAULT NULL::integer, release_on_disconnect boolean DEFAULT false, durable_leases boolean DEFAULT false, notify text DEFAULT NULL::text, if_not_exists boolean DEFAULT false) void volatile unsafe'),
    ('queue_drop(queue text, if_exists boolean DEFAULT false) void volatile unsafe'),
    ('queue_extend(queue text, receipt text, lease interval DEFAULT NULL::interval) boolean volatile unsafe'),
    ('queue_grant(queue text, role text, privilege text) void volatile unsafe'),
    ('queue_maintain() procedure volatile unsafe'),
    ('queue_nack(queue text, receipt text, delay interval DEFAULT NULL::interval, error text DEFAULT NULL::text) boolean volatile unsafe'),
    ('queue_once(consumer text, queue text, msg_id bigint) boolean volatile unsafe'),
    ('queue_owner(queue text, new_owner text) void volatile unsafe'),
    ('queue_pause(queue text) void volatile unsafe'),
    ('queue_peek(queue text, max integer DEFAULT 10, state text DEFAULT NULL::text) SETOF cq.message volatile unsafe'),
    ('queue_purge(queue text) bigint volatile unsafe'),
    ('queue_receive(queue text, max integer DEFAULT 1, lease interval DEFAULT NULL::interval) SETOF cq.message volatile unsafe'),
    ('queue_redrive(queue text, max integer DEFAULT NULL::integer, filter jsonb DEFAULT NULL::jsonb, rate double precision DEFAULT NULL::double precision, target text DEFAULT NULL::text) bigint volatile unsafe'),
    ('queue_reject(queue text, receipt text, error text DEFAULT NULL::text) boolean volatile unsafe'),
    ('queue_resume(queue text) void volatile unsafe'),
    ('queue_revoke(queue text, role text, privilege text) void volatile unsafe'),
    ('queue_schedule(name text, cron text, queue text, body jsonb, headers jsonb DEFAULT NULL::jsonb) bigint volatile unsafe'),
    ('queue_schedule_check(name text) text stable unsafe'),
    ('queue_send(queue text, body jsonb, headers jsonb DEFAULT NULL::jsonb, delay interval DEFAULT NULL::interval, priority integer DEFAULT 0, group_key text DEFAULT NULL::text, dedup_key text DEFAULT NULL::text, ttl interval DEFAULT NULL::interval) bigint volatile unsafe'),
    ('queue_send_many(queue text, bodies jsonb[], headers jsonb[] DEFAULT NULL::jsonb[], delay interval DEFAULT NULL::interval, priority integer DEFAULT 0, group_keys text[] DEFAULT NULL::text[], dedup_keys text[] DEFAULT NULL::text[], ttl interval DEFAULT NULL::interval) SETOF bigint volatile unsafe'),
    ('queue_take(queue text, max integer DEFAULT 1) SETOF cq.message volatile unsafe'),
    ('queue_unschedule(name text) boolean volatile unsafe'),
    ('queue_wait(IN queue text, IN timeout interval DEFAULT NULL::interval, INOUT ready boolean DEFAULT NULL::boolean) procedure volatile unsafe')
    ) AS v (signature) ORDER BY signature COLLATE "C" $$,
    'functions of the queue');
SELECT is_empty($$
    SELECT p.oid::regprocedure FROM pg_proc p
    WHERE p.pronamespace = 'cq'::regnamespace AND p.proname ~ '^queue_' AND p.proisstrict $$,
    'NULL for a queue is an error, never NULL');

-- the options: the same in queue_create, in queue_alter and in the table, in one order
PREPARE parameters (text, text[]) AS
    SELECT a.name COLLATE "default", format_type(a.type, NULL) COLLATE "default"
    FROM pg_proc p, unnest(p.proargnames, p.proargtypes::oid[]) WITH ORDINALITY AS a (name, type, n)
    WHERE p.pronamespace = 'cq'::regnamespace AND p.proname = $1 AND a.name <> ALL ($2)
    ORDER BY a.n;
PREPARE options AS
    SELECT attname::text COLLATE "default", format_type(atttypid, NULL) COLLATE "default" FROM pg_attribute
    WHERE attrelid = 'cq.queue'::regclass AND NOT attisdropped AND attnum >=
        (SELECT attnum FROM pg_attribute WHERE attrelid = 'cq.queue'::regclass AND attname = 'lease')
    ORDER BY attnum;
SELECT results_eq($$ EXECUTE parameters('queue_create', '{queue,if_not_exists}') $$, 'options', 'each option can be set by queue_create');
SELECT results_eq($$ EXECUTE parameters('queue_alter', '{queue,reset}') $$, 'options', 'and by queue_alter');
SELECT is_empty($$
    SELECT attname FROM pg_attribute
    WHERE attrelid = 'cq.queue'::regclass AND attnum > 0 AND NOT attisdropped
      AND attname NOT IN ('name', 'created_at') AND col_description(attrelid, attnum) IS NULL $$,
    'each has a comment');

-- the same defaults in queue_create and for reset
SELECT lives_ok($$ SELECT cq.queue_create('fresh') $$, 'a queue with the defaults');
SELECT lives_ok($$
    SELECT cq.queue_create('reset', lease => '2 s', max_attempts => 3, backoff => 'linear', max_length => 4,
        overflow => 'block', dedup_window => '5 s', message_ttl => '6 s', rate_limit => 7, group_concurrency => 8,
        retain => '9 s', backoff_delay => '10 s', backoff_max => '11 s', max_bytes => 12, overflow_timeout => '13 s',
        rate_burst => 14, group_rate_limit => 15, group_rate_burst => 16, concurrency => 17,
        release_on_disconnect => true, durable_leases => true, notify => 'channel') $$,
    'and one without any of them');
CREATE FUNCTION options_of(queue text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT o.key || '=' || coalesce(o.value, 'NULL') FROM cq.queue AS q, jsonb_each_text(to_jsonb(q)) AS o (key, value)
    WHERE q.name = $1 AND o.key <> ALL ('{queue_id,name,carrier,created_at,version,paused,dead_letter}') ORDER BY o.key $$;
SELECT is_empty($$ SELECT options_of('fresh') INTERSECT SELECT options_of('reset') $$, 'which has none of the defaults');
SELECT lives_ok($$
    SELECT cq.queue_alter('reset', reset => array_agg(attname::text)) FROM pg_attribute
    WHERE attrelid = 'cq.queue'::regclass AND NOT attisdropped AND attnum >=
        (SELECT attnum FROM pg_attribute WHERE attrelid = 'cq.queue'::regclass AND attname = 'lease') $$,
    'all of them can be reset');
SELECT results_eq($$ SELECT * FROM options_of('reset') $$, $$ SELECT * FROM options_of('fresh') $$, 'then it has the defaults');
SELECT results_eq($$ SELECT name COLLATE "default", dead_letter COLLATE "default" FROM cq.queue ORDER BY name $$,
    $$ VALUES ('fresh', 'fresh.dead'), ('fresh.dead', NULL), ('reset', NULL), ('reset.dead', NULL) $$,
    'and no dead-letter queue');

-- the type of a delivery, and the views
PREPARE fields (regclass) AS
    SELECT attname::text COLLATE "default", format_type(atttypid, NULL) COLLATE "default" FROM pg_attribute
    WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum;
SELECT results_eq($$ EXECUTE fields('cq.message') $$, $$ VALUES
    ('queue', 'text'), ('msg_id', 'bigint'), ('receipt', 'text'), ('attempt', 'integer'), ('priority', 'integer'),
    ('group_key', 'text'), ('enqueued_at', 'timestamp with time zone'), ('lease_until', 'timestamp with time zone'),
    ('headers', 'jsonb'), ('body', 'jsonb') $$, 'message');
SELECT results_eq($$ EXECUTE fields('cq.stat_queues') $$, $$ VALUES
    ('queue', 'text'), ('ready', 'bigint'), ('delayed', 'bigint'), ('in_flight', 'bigint'), ('blocked', 'bigint'),
    ('dead', 'bigint'), ('uncommitted', 'bigint'), ('bytes', 'bigint'), ('oldest', 'interval'), ('paused', 'boolean'),
    ('sent', 'bigint'), ('delivered', 'bigint'), ('acknowledged', 'bigint'), ('failed', 'bigint'), ('expired', 'bigint'),
    ('dead_lettered', 'bigint'), ('timed_out', 'bigint'), ('dropped', 'bigint'), ('duplicates', 'bigint'),
    ('sent_rate', 'double precision'), ('delivered_rate', 'double precision'), ('acknowledged_rate', 'double precision'),
    ('segments', 'integer'), ('entries', 'bigint'), ('dead_letter', 'text'), ('held_by', 'text') $$, 'stat_queues');
SELECT results_eq($$ EXECUTE fields('cq.stat_queue_consumers') $$, $$ VALUES
    ('queue', 'text'), ('pid', 'integer'), ('in_flight', 'bigint'), ('next_expiry', 'timestamp with time zone') $$,
    'stat_queue_consumers');
SELECT results_eq($$ EXECUTE fields('cq.queue_segments') $$, $$ VALUES
    ('queue', 'text'), ('segment', 'integer'), ('current', 'boolean'), ('messages', 'bigint'), ('in_memory', 'bigint'),
    ('unloaded', 'boolean'), ('message_bytes', 'bigint'), ('event_bytes', 'bigint') $$, 'queue_segments');

-- comments and names; see also the contract of the cache, which looks at the whole schema
SELECT is_empty($$
    SELECT p.oid::regprocedure FROM pg_proc p
    WHERE p.pronamespace = 'cq'::regnamespace AND p.proname ~ '^_?queue_' AND coalesce(obj_description(p.oid, 'pg_proc'), '') = '' $$,
    'every function has a comment');
SELECT isnt(obj_description('cq.message'::regtype, 'pg_type'), NULL, 'the type has one');
SELECT is_empty($$
    SELECT attname FROM pg_attribute WHERE attrelid IN ('cq.message'::regclass, 'cq.queue'::regclass, 'cq.stat_queues'::regclass,
        'cq.stat_queue_consumers'::regclass, 'cq.queue_segments'::regclass) AND attnum > 0 AND quote_ident(attname) <> attname $$,
    'no column needs quoting');
SELECT is_empty($$
    SELECT p.oid::regprocedure FROM pg_proc p
    WHERE p.pronamespace = 'cq'::regnamespace AND p.proname ~ '^_?queue_' AND p.prosecdef $$,
    'no function runs as its owner');

-- privileges
SELECT results_eq($$
    SELECT p.proname::text COLLATE "default" FROM pg_proc p
    WHERE p.pronamespace = 'cq'::regnamespace AND p.proname ~ '^_?queue_'
      AND NOT has_function_privilege('public', p.oid, 'execute') ORDER BY 1 $$,
    $$ VALUES ('_queue_changed'), ('queue_create'), ('queue_maintain') $$,
    'behind the schema all is open but creating queues and maintenance');
SELECT table_privs_are('cq', v.name, 'public', ARRAY['SELECT'], v.name || ' may be read')
FROM (VALUES ('stat_queues'), ('stat_queue_consumers'), ('queue_segments')) AS v (name);
SELECT table_privs_are('cq', v.name, r.name, ARRAY[]::text[], v.name || ' is not for ' || r.name)
FROM (VALUES ('queue'), ('queue_secret')) AS v (name), (VALUES ('public'), ('pg_monitor')) AS r (name);
SELECT sequence_privs_are('cq', 'queue_queue_id_seq', 'public', ARRAY[]::text[], 'nor is the sequence');
SELECT isnt_empty($$ SELECT FROM pg_class WHERE relnamespace = 'cq'::regnamespace AND relname ~ '^q[0-9]+_' $$,
    'queues have tables');
SELECT is_empty($$
    SELECT c.oid::regclass FROM pg_class c
    WHERE c.relnamespace = 'cq'::regnamespace AND c.relname ~ '^q[0-9]+_' AND c.relkind <> 'i'
      AND (c.relacl IS NOT NULL OR c.relowner <> (SELECT extowner FROM pg_extension WHERE extname = 'cachequeue')) $$,
    'which are the extension''s owner''s alone');

-- what a role may do that may enter, with each privilege; anything it does is undone
CREATE ROLE cq_test_api;
GRANT USAGE ON SCHEMA cq TO cq_test_api;
CREATE FUNCTION is_allowed(command text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL ROLE cq_test_api;
    EXECUTE command;
    RAISE 'undo';
EXCEPTION
    WHEN insufficient_privilege THEN RETURN false;
    WHEN others THEN RETURN true;
END $$;
CREATE TEMP TABLE command AS SELECT * FROM (VALUES
    ('SELECT cq.queue_create(''x'')', ''),
    ('CALL cq.queue_maintain()', ''),
    ('SELECT * FROM cq.queue', ''),
    ('SELECT cq.queue_send(''fresh'', ''1'')', 'send'),
    ('SELECT cq.queue_send_many(''fresh'', ''{}'')', 'send'),
    ('SELECT cq.queue_receive(''fresh'')', 'consume'),
    ('SELECT cq.queue_take(''fresh'')', 'consume'),
    ('SELECT cq.queue_ack(''fresh'', ''x'')', 'consume'),
    ('SELECT cq.queue_nack(''fresh'', ''x'')', 'consume'),
    ('SELECT cq.queue_reject(''fresh'', ''x'')', 'consume'),
    ('SELECT cq.queue_extend(''fresh'', ''x'')', 'consume'),
    ('SELECT cq.queue_once(''x'', ''fresh'', 1)', 'consume'),
    ('SELECT cq.queue_peek(''fresh'')', 'consume peek manage'),
    ('SELECT cq.queue_alter(''fresh'', lease => ''1 s'')', 'alter manage'),
    ('SELECT cq.queue_pause(''fresh'')', 'alter manage'),
    ('SELECT cq.queue_resume(''fresh'')', 'alter manage'),
    ('SELECT cq.queue_purge(''fresh'')', 'purge manage'),
    ('SELECT cq.queue_redrive(''fresh'')', 'consume alter manage'),
    ('SELECT cq.queue_grant(''fresh'', ''public'', ''send'')', ''),
    ('SELECT cq.queue_revoke(''fresh'', ''public'', ''send'')', ''),
    ('SELECT cq.queue_drop(''fresh'')', ''),
    ('SELECT cq.queue_owner(''fresh'', ''cq_test_api'')', ''),
    ('DO $d$ BEGIN IF NOT EXISTS (SELECT FROM cq.queues) THEN RAISE insufficient_privilege; END IF; END $d$', 'peek manage'),
    ('DO $d$ BEGIN IF NOT EXISTS (SELECT FROM cq.stat_queues) THEN RAISE insufficient_privilege; END IF; END $d$', 'send consume peek alter purge manage')
    ) AS c (command, privileges);
CREATE FUNCTION allowed_with(privilege text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cq.queue_grant('fresh', 'cq_test_api', privilege) WHERE privilege <> 'none';
    RETURN QUERY SELECT c.command COLLATE "default" FROM command AS c WHERE is_allowed(c.command) ORDER BY 1;
    PERFORM cq.queue_revoke('fresh', 'cq_test_api', privilege) WHERE privilege <> 'none';
END $$;
SELECT results_eq(
    format('SELECT * FROM allowed_with(%L)', p.name),
    format('SELECT command COLLATE "default" FROM command WHERE privileges ~ %L ORDER BY 1', p.name),
    'what is allowed with the privilege ' || p.name)
FROM (VALUES ('none'), ('send'), ('consume'), ('peek'), ('alter'), ('purge'), ('manage')) AS p (name);

-- settings, triggers, what pg_dump takes along
SELECT results_eq($$
    SELECT (name || ' ' || context) COLLATE "default" FROM pg_settings
    WHERE name IN ('cachequeue.queue_memory', 'cachequeue.max_queues', 'cachequeue.segment_rows') ORDER BY name $$,
    ARRAY['cachequeue.max_queues postmaster', 'cachequeue.queue_memory postmaster', 'cachequeue.segment_rows sighup'],
    'settings of the queue');
SELECT results_eq($$
    SELECT tgrelid::regclass::text COLLATE "default", tgname::text COLLATE "default", tgenabled::text COLLATE "default" FROM pg_trigger
    WHERE tgrelid IN ('cq.queue'::regclass) AND NOT tgisinternal ORDER BY 1, 2 $$,
    $$ VALUES ('cq.queue', 'exchange_unbind', 'A'), ('cq.queue', 'queue_changed', 'A') $$,
    'triggers fire always');
SELECT is_empty($$
    SELECT unnest('{cq.queue,cq.queue_queue_id_seq}'::regclass[]::oid[])
    EXCEPT SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'cachequeue' $$,
    'definitions are dumped');
SELECT is_empty($$
    SELECT FROM pg_extension WHERE extname = 'cachequeue' AND 'cq.queue_secret'::regclass = ANY (extconfig) $$,
    'secrets are not');
SELECT is_empty($$
    SELECT c.oid::regclass FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
    WHERE c.relnamespace = 'cq'::regnamespace AND c.relname ~ '^q[0-9]+_' AND d.deptype = 'e' $$,
    'and so are the tables of queues, which are no members of the extension');

SELECT * FROM finish();
ROLLBACK;
