-- Work queue: options: defaults, bad values, who may change them.
\set VERBOSITY terse

-- ---- defaults, and all of them set ----------------------------------
SELECT cq.queue_create('plain');
SELECT lease, max_attempts, backoff, dead_letter, max_length, overflow, dedup_window, message_ttl, rate_limit
FROM cq.queue WHERE name = 'plain';
SELECT group_concurrency, retain, backoff_delay, backoff_max, max_bytes, overflow_timeout, rate_burst,
	group_rate_limit, group_rate_burst
FROM cq.queue WHERE name = 'plain';
SELECT concurrency, release_on_disconnect, durable_leases, notify, paused, version
FROM cq.queue WHERE name = 'plain';
SELECT cq.queue_create('full', lease => '1 min', max_attempts => 7, backoff => 'linear', dead_letter => 'plain.dead',
	max_length => 1000000, overflow => 'drop_oldest', dedup_window => '1 h', message_ttl => '1 day', rate_limit => 0.5,
	group_concurrency => 3, retain => '2 h', backoff_delay => '0', backoff_max => '0', max_bytes => 9223372036854775807,
	overflow_timeout => '0', rate_burst => 10, group_rate_limit => 1e9, group_rate_burst => 2147483647,
	concurrency => 1, release_on_disconnect => true, durable_leases => true, notify => repeat('n', 63));
SELECT lease, max_attempts, backoff, dead_letter, max_length, overflow, dedup_window, message_ttl, rate_limit
FROM cq.queue WHERE name = 'full';
SELECT group_concurrency, retain, backoff_delay, backoff_max, max_bytes, overflow_timeout, rate_burst,
	group_rate_limit, group_rate_burst
FROM cq.queue WHERE name = 'full';
SELECT concurrency, release_on_disconnect, durable_leases, length(notify), paused
FROM cq.queue WHERE name = 'full';
-- a queue for dead letters keeps them, whatever the queue's own limits
SELECT cq.queue_create('limited', max_length => 1, message_ttl => '1 s', max_attempts => 1);
SELECT max_length, message_ttl, max_attempts, dead_letter FROM cq.queue WHERE name = 'limited.dead';

-- ---- changing them ---------------------------------------------------
SELECT cq.queue_alter('full', lease => '2 min');
SELECT lease, max_attempts, backoff FROM cq.queue WHERE name = 'full';
SELECT cq.queue_alter('full', max_attempts => 9, backoff => 'constant', overflow => 'block', notify => 'it''s "here"',
	concurrency => 17, release_on_disconnect => false);
SELECT lease, max_attempts, backoff, overflow, notify, concurrency, release_on_disconnect FROM cq.queue WHERE name = 'full';
-- nothing to change
SELECT cq.queue_alter('full');
-- back to the defaults
SELECT cq.queue_alter('full', lease => '3 min', reset => '{max_attempts, backoff, max_length, notify}');
SELECT lease, max_attempts, backoff, max_length, notify FROM cq.queue WHERE name = 'full';
SELECT cq.queue_alter('full', reset => ARRAY['lease', 'overflow', 'dedup_window', 'message_ttl', 'rate_limit',
	'group_concurrency', 'retain', 'backoff_delay', 'backoff_max', 'max_bytes', 'overflow_timeout', 'rate_burst',
	'group_rate_limit', 'group_rate_burst', 'concurrency', 'release_on_disconnect', 'durable_leases', 'dead_letter']);
-- all of them are those of a new queue now, but for the dead letters
SELECT dead_letter FROM cq.queue WHERE name = 'full';
SELECT (to_jsonb(f) - '{queue_id,name,carrier,created_at,version,dead_letter}'::text[]) =
	(to_jsonb(p) - '{queue_id,name,carrier,created_at,version,dead_letter}'::text[]) AS same
FROM cq.queue f, cq.queue p WHERE f.name = 'full' AND p.name = 'plain';
SELECT cq.queue_alter('full', dead_letter => 'plain.dead');
SELECT dead_letter FROM cq.queue WHERE name = 'full';

-- ---- bad values --------------------------------------------------------
-- the error of queue_create and of queue_alter for each of them
CREATE FUNCTION pg_temp.refused(name text, VARIADIC "values" text[])
RETURNS TABLE (option text, value text, "create" text, alter text) LANGUAGE plpgsql AS $$
BEGIN
	option := name;
	FOREACH value IN ARRAY "values" LOOP
		"create" := 'accepted';
		alter := 'accepted';
		BEGIN
			EXECUTE format('SELECT cq.queue_create(''bad'', %I => %s)', name, value);
			PERFORM cq.queue_drop('bad');
		EXCEPTION WHEN OTHERS THEN
			"create" := SQLSTATE;
		END;
		BEGIN
			EXECUTE format('SELECT cq.queue_alter(''plain'', %I => %s)', name, value);
			EXECUTE format('SELECT cq.queue_alter(''plain'', reset => ARRAY[%L])', name);
		EXCEPTION WHEN OTHERS THEN
			alter := SQLSTATE;
		END;
		RETURN NEXT;
	END LOOP;
END $$;
\pset null NULL
SELECT r.* FROM unnest('{lease, dedup_window, message_ttl, retain, backoff_delay, backoff_max, overflow_timeout}'::text[])
	WITH ORDINALITY AS o (name, n),
	pg_temp.refused(name, '''0''', '''1 ms''', '''-1 s''', '''-1 month''', '''200 years''', '''178000000 years''', 'NULL') AS r
ORDER BY n;
SELECT r.* FROM unnest('{max_attempts, group_concurrency, rate_burst, group_rate_burst, concurrency, max_length, max_bytes}'::text[])
	WITH ORDINALITY AS o (name, n),
	pg_temp.refused(name, '0', '-1', '1', '2147483647', '2147483648', 'NULL') AS r
ORDER BY n;
SELECT r.* FROM unnest('{rate_limit, group_rate_limit}'::text[]) WITH ORDINALITY AS o (name, n),
	pg_temp.refused(name, '0', '-1', '1e-7', '1e-6', '1e9', '1e10', '''NaN''', '''Infinity''', '''-Infinity''', 'NULL') AS r
ORDER BY n;
SELECT r.* FROM unnest('{backoff, overflow}'::text[]) WITH ORDINALITY AS o (name, n),
	pg_temp.refused(name, '''''', '''Linear''', '''exponentia''', '''linear constant''', ''' block''', '''block ''',
		'E''it\''s "b"\n''', 'NULL') AS r
ORDER BY n;
SELECT * FROM pg_temp.refused('notify', '''''', 'repeat(''x'', 63)', 'repeat(''x'', 64)',
	'E''it\''s "b"\n''', 'NULL');
SELECT * FROM pg_temp.refused('dead_letter', '''''', '''nowhere''', '''bad''', '''plain''', 'repeat(''x'', 256)',
	'E''it\''s "b"\n''', '''plain.dead''');
SELECT r.* FROM unnest('{release_on_disconnect, durable_leases}'::text[]) WITH ORDINALITY AS o (name, n),
	pg_temp.refused(name, 'NULL', 'false', 'true') AS r
ORDER BY n;
-- (NULL leaves an option as it is in queue_alter)
\pset null ''

\set VERBOSITY sqlstate
SELECT cq.queue_alter(NULL);
SELECT cq.queue_alter('');
SELECT cq.queue_alter('nowhere', lease => '1 s');
SELECT cq.queue_alter('plain', reset => NULL);
SELECT cq.queue_alter('plain', reset => ARRAY['lease', NULL]);
SELECT cq.queue_alter('plain', reset => '{Lease}');
SELECT cq.queue_alter('plain', reset => '{queue}');
SELECT cq.queue_alter('plain', reset => '{paused}');
SELECT cq.queue_alter('plain', reset => '{""}');
SELECT cq.queue_alter('plain', reset => ARRAY[E'it''s "a"\noption']);
SELECT cq.queue_alter('plain', lease => '1 s', reset => '{lease}');
SELECT cq.queue_alter('plain', dead_letter => 'plain');
SELECT cq.queue_pause(NULL);
SELECT cq.queue_pause('');
SELECT cq.queue_pause('nowhere');
SELECT cq.queue_resume(NULL);
SELECT cq.queue_resume('nowhere');
BEGIN READ ONLY;
SELECT cq.queue_alter('plain', lease => '1 s');
ROLLBACK;
BEGIN READ ONLY;
SELECT cq.queue_pause('plain');
ROLLBACK;
\set VERBOSITY terse
-- none of that has changed anything
SELECT (to_jsonb(f) - '{queue_id,name,carrier,created_at,version,dead_letter}'::text[]) =
	(to_jsonb(p) - '{queue_id,name,carrier,created_at,version,dead_letter}'::text[]) AS same
FROM cq.queue f, cq.queue p WHERE f.name = 'full' AND p.name = 'plain';
SELECT name FROM cq.queue WHERE name LIKE 'bad%' ORDER BY name;
SELECT cq.queue_drop('bad.dead');

-- any name will do
SELECT cq.queue_create(E'it''s "a"\nqueue', max_length => 2);
SELECT cq.queue_alter(E'it''s "a"\nqueue', max_length => 3, reset => '{lease}');
SELECT cq.queue_pause(E'it''s "a"\nqueue'), cq.queue_resume(E'it''s "a"\nqueue');
SELECT cq.queue_alter('full', dead_letter => E'it''s "a"\nqueue');
SELECT max_length, paused FROM cq.queue WHERE name = (SELECT dead_letter FROM cq.queue WHERE name = 'full');
-- which keeps it
SELECT cq.queue_drop(E'it''s "a"\nqueue');
SELECT cq.queue_alter('full', dead_letter => 'plain.dead');
SELECT cq.queue_drop(E'it''s "a"\nqueue'), cq.queue_drop(E'it''s "a"\nqueue.dead');

-- ---- privileges --------------------------------------------------------
CREATE ROLE cq_test_user;
CREATE ROLE cq_test_manager;
GRANT USAGE ON SCHEMA cq TO cq_test_user, cq_test_manager;
SELECT cq.queue_grant('plain', 'cq_test_user', 'send'), cq.queue_grant('plain', 'cq_test_user', 'consume');
SELECT cq.queue_grant('plain', 'cq_test_manager', 'manage');
SET ROLE cq_test_user;
SELECT cq.queue_alter('plain', lease => '1 s');
SELECT cq.queue_alter('plain');
SELECT cq.queue_pause('plain');
SELECT cq.queue_resume('plain');
SET ROLE cq_test_manager;
SELECT cq.queue_alter('plain', lease => '20 s');
SELECT cq.queue_pause('plain'), cq.queue_resume('plain');
-- a dead-letter queue must be one that he may send to
SELECT cq.queue_alter('plain', dead_letter => 'limited.dead');
RESET ROLE;
SELECT cq.queue_grant('limited.dead', 'cq_test_manager', 'send');
SET ROLE cq_test_manager;
SELECT cq.queue_alter('plain', dead_letter => 'limited.dead');
SELECT cq.queue_alter('plain', dead_letter => 'plain.dead', reset => '{lease}');
RESET ROLE;
SELECT cq.queue_alter('plain', dead_letter => 'plain.dead', reset => '{lease}');
SELECT lease, dead_letter FROM cq.queue WHERE name = 'plain';
SELECT cq.queue_revoke('plain', 'cq_test_user', 'send'), cq.queue_revoke('plain', 'cq_test_user', 'consume'),
	cq.queue_revoke('plain', 'cq_test_manager', 'manage'), cq.queue_revoke('limited.dead', 'cq_test_manager', 'send');
REVOKE ALL ON SCHEMA cq FROM cq_test_user, cq_test_manager;
DROP ROLE cq_test_user, cq_test_manager;

SELECT count(cq.queue_drop(name)) FROM (SELECT name FROM cq.queue WHERE name NOT LIKE '%.dead' ORDER BY name) AS q;
SELECT count(cq.queue_drop(name)) FROM (SELECT name FROM cq.queue ORDER BY name) AS q;
