-- Work queue: options, how they change, and what follows from them.
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

-- ---- changes take effect at the commit ----------------------------------
CREATE FUNCTION pg_temp.sends(queue text, n int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM cq.queue_send_many(queue, array_fill('0'::jsonb, ARRAY[n]));
	RETURN n || ' sent';
EXCEPTION WHEN configuration_limit_exceeded THEN
	RETURN 'full';
END $$;
SELECT cq.queue_create('tx', max_length => 2);
BEGIN;
SELECT cq.queue_alter('tx', max_length => 4);
SELECT pg_temp.sends('tx', 3);
ROLLBACK;
SELECT pg_temp.sends('tx', 3);
BEGIN;
SAVEPOINT s;
SELECT cq.queue_alter('tx', max_length => 4);
ROLLBACK TO s;
SELECT cq.queue_alter('tx', max_attempts => 1);
COMMIT;
SELECT max_length, max_attempts FROM cq.queue WHERE name = 'tx';
SELECT pg_temp.sends('tx', 3);
BEGIN;
SELECT cq.queue_alter('tx', max_length => 4);
SAVEPOINT s;
SELECT cq.queue_alter('tx', max_length => 1);
ROLLBACK TO s;
COMMIT;
SELECT pg_temp.sends('tx', 3);
SELECT pg_temp.sends('tx', 2);
-- twice in a transaction: the last one counts
BEGIN;
SELECT cq.queue_alter('tx', max_length => 1);
SELECT cq.queue_alter('tx', max_length => 5);
COMMIT;
SELECT pg_temp.sends('tx', 2);
SELECT pg_temp.sends('tx', 1);
SELECT cq.queue_purge('tx');
-- created and changed in one transaction
BEGIN;
SELECT cq.queue_create('tx2', max_length => 5);
SELECT cq.queue_alter('tx2', max_length => 1);
COMMIT;
SELECT pg_temp.sends('tx2', 2);
SELECT pg_temp.sends('tx2', 1);
-- dropped and created again: nothing is left of the old options
SELECT cq.queue_drop('tx2');
SELECT cq.queue_create('tx2');
SELECT pg_temp.sends('tx2', 2);
-- a lower limit holds from then on, and loses nothing
SELECT cq.queue_alter('tx2', max_length => 1);
SELECT ready FROM cq.stat_queues WHERE queue = 'tx2';
SELECT pg_temp.sends('tx2', 1);
SELECT count(*) FROM cq.queue_take('tx2', 2);
SELECT pg_temp.sends('tx2', 1);
-- drop_oldest: too many of those that are there are dropped
SELECT cq.queue_alter('tx2', reset => '{max_length}');
SELECT pg_temp.sends('tx2', 4);
SELECT cq.queue_alter('tx2', max_length => 2, overflow => 'drop_oldest');
SELECT ready FROM cq.stat_queues WHERE queue = 'tx2';

-- the lease of deliveries to come
SELECT cq.queue_alter('tx', lease => '1 h');
SELECT pg_temp.sends('tx', 2);
SELECT lease_until > now() + interval '59 min' AS "one hour" FROM cq.queue_receive('tx');
SELECT cq.queue_alter('tx', lease => '1 min');
SELECT lease_until < now() + interval '2 min' AS "one minute" FROM cq.queue_receive('tx');
SELECT count(*) FILTER (WHERE lease_until > now() + interval '58 min') AS "one hour",
	count(*) FILTER (WHERE lease_until < now() + interval '2 min') AS "one minute" FROM cq.queue_peek('tx');

-- ---- pause ---------------------------------------------------------------
SELECT cq.queue_create('stop');
SELECT cq.queue_send_many('stop', ARRAY['1', '2', '3']::jsonb[]) IS NOT NULL AS sent;
SELECT receipt FROM cq.queue_receive('stop') \gset
SELECT receipt AS second FROM cq.queue_receive('stop') \gset
BEGIN;
SELECT cq.queue_pause('stop');
ROLLBACK;
SELECT body FROM cq.queue_take('stop');
BEGIN;
SAVEPOINT s;
SELECT cq.queue_pause('stop');
ROLLBACK TO s;
COMMIT;
SELECT cq.queue_send('stop', '4') IS NOT NULL AS sent;
SELECT paused, ready FROM cq.stat_queues WHERE queue = 'stop';
BEGIN;
SELECT cq.queue_pause('stop');
COMMIT;
SELECT paused, ready, in_flight FROM cq.stat_queues WHERE queue = 'stop';
SELECT * FROM cq.queue_receive('stop');
SELECT * FROM cq.queue_take('stop');
CALL cq.queue_wait('stop', '10 ms');
-- sending, settling and looking go on
SELECT cq.queue_send('stop', '5') IS NOT NULL AS sent;
SELECT cq.queue_ack('stop', :'receipt');
SELECT cq.queue_nack('stop', :'second', '0');
SELECT body FROM cq.queue_peek('stop');
SELECT cq.queue_pause('stop');
SELECT paused, ready, in_flight FROM cq.stat_queues WHERE queue = 'stop';
-- as do other changes
SELECT cq.queue_alter('stop', lease => '1 h');
SELECT * FROM cq.queue_receive('stop');
BEGIN;
SELECT cq.queue_resume('stop');
ROLLBACK;
SELECT * FROM cq.queue_receive('stop');
SELECT cq.queue_resume('stop');
CALL cq.queue_wait('stop', '1 min');
SELECT body, attempt FROM cq.queue_take('stop', 10);
SELECT cq.queue_resume('stop');
-- a lease that ends meanwhile
SELECT cq.queue_send('stop', '6') IS NOT NULL AS sent;
SELECT body FROM cq.queue_receive('stop', lease => '20 ms');
SELECT cq.queue_pause('stop');
DO $$ BEGIN
	FOR i IN 1 .. 1000 LOOP
		EXIT WHEN (SELECT ready = 1 FROM cq.stat_queues WHERE queue = 'stop');
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
SELECT ready, in_flight, expired FROM cq.stat_queues WHERE queue = 'stop';
SELECT cq.queue_resume('stop');
SELECT body, attempt FROM cq.queue_take('stop');

-- ---- backoff ---------------------------------------------------------------
-- the delay after that attempt, as the event has it
CREATE PROCEDURE pg_temp.fail(attempts int, INOUT seconds numeric = NULL) LANGUAGE plpgsql AS $$
DECLARE
	queue_id int := (SELECT q.queue_id FROM cq.queue q WHERE name = 'back');
	failed_at timestamptz;
	m cq.message;
BEGIN
	PERFORM cq.queue_send('back', '1');
	COMMIT;
	LOOP
		SELECT * INTO STRICT m FROM cq.queue_receive('back');
		EXIT WHEN m.attempt = attempts;
		PERFORM cq.queue_nack('back', m.receipt, '0');
		COMMIT;
	END LOOP;
	failed_at := clock_timestamp();
	PERFORM cq.queue_nack('back', m.receipt);
	EXECUTE format('SELECT extract(epoch FROM due - $1) FROM cq.q%s_e0 WHERE kind = ''n'' AND ids = ARRAY[$2] AND attempt = $3', queue_id)
		INTO seconds USING failed_at, m.msg_id, attempts;
	COMMIT;
	PERFORM cq.queue_purge('back');
END $$;
CREATE PROCEDURE pg_temp.backoff(VARIADIC attempts int[]) LANGUAGE plpgsql AS $$
DECLARE
	seconds numeric;
	shown text = '';
BEGIN
	FOR i IN 1 .. cardinality(attempts) LOOP
		CALL pg_temp.fail(attempts[i], seconds);
		-- (with some patience for a slow machine)
		shown := shown || format(' %s: %s', attempts[i], round(seconds - 5, -1));
	END LOOP;
	RAISE NOTICE 'delays:%', shown;
END $$;
CREATE PROCEDURE pg_temp.jittered(attempts int, lowest numeric, highest numeric) LANGUAGE plpgsql AS $$
DECLARE
	seconds numeric;
	inside int = 0;
	different numeric[] = '{}';
BEGIN
	FOR i IN 1 .. 20 LOOP
		CALL pg_temp.fail(attempts, seconds);
		inside := inside + (seconds BETWEEN lowest AND highest + 5)::int;
		different := different || round(seconds);
	END LOOP;
	RAISE NOTICE 'inside: %, different: %', inside, (SELECT count(DISTINCT d) > 3 FROM unnest(different) d);
END $$;
SELECT cq.queue_create('back', backoff => 'constant', backoff_delay => '100 s', backoff_max => '1 h');
CALL pg_temp.backoff(1, 2, 5);
SELECT cq.queue_alter('back', backoff => 'linear');
CALL pg_temp.backoff(1, 2, 5, 20);
SELECT cq.queue_alter('back', backoff_max => '250 s');
CALL pg_temp.backoff(1, 2, 3, 20);
SELECT cq.queue_alter('back', backoff => 'constant', backoff_max => '50 s');
CALL pg_temp.backoff(1, 20);
SELECT cq.queue_alter('back', backoff => 'exponential', backoff_max => '1 h');
CALL pg_temp.jittered(1, 75, 125);
CALL pg_temp.jittered(2, 150, 250);
CALL pg_temp.jittered(4, 600, 1000);
CALL pg_temp.jittered(20, 2700, 3600);
-- no delay at all
SELECT cq.queue_alter('back', backoff_delay => '0');
SELECT cq.queue_send('back', '1') IS NOT NULL AS sent;
SELECT cq.queue_nack('back', receipt) FROM cq.queue_receive('back');
SELECT attempt FROM cq.queue_take('back');
SELECT cq.queue_alter('back', backoff_delay => '1 h', backoff_max => '0');
SELECT cq.queue_send('back', '1') IS NOT NULL AS sent;
SELECT cq.queue_nack('back', receipt) FROM cq.queue_receive('back');
SELECT attempt FROM cq.queue_take('back');
-- an own delay is what it is
SELECT cq.queue_alter('back', reset => '{backoff, backoff_delay, backoff_max}');
SELECT cq.queue_send('back', '1') IS NOT NULL AS sent;
SELECT cq.queue_nack('back', receipt, '1 day') FROM cq.queue_receive('back');
SELECT ready, delayed FROM cq.stat_queues WHERE queue = 'back';

-- more attempts than the queue allows from now on
SELECT cq.queue_create('less', max_attempts => 5);
SELECT cq.queue_send('less', '1') IS NOT NULL AS sent;
SELECT cq.queue_nack('less', receipt, '0') FROM cq.queue_receive('less');
SELECT cq.queue_nack('less', receipt, '0') FROM cq.queue_receive('less');
SELECT cq.queue_alter('less', max_attempts => 3);
SELECT cq.queue_nack('less', receipt, '0') FROM cq.queue_receive('less');
SELECT headers #>> '{dead_letter,attempts}' AS attempts FROM cq.queue_take('less.dead');
-- without a queue for dead letters there are more attempts, and nothing can be rejected
SELECT cq.queue_alter('less', max_attempts => 1, reset => '{dead_letter}');
SELECT cq.queue_send('less', '1') IS NOT NULL AS sent;
SELECT cq.queue_nack('less', receipt, '0') FROM cq.queue_receive('less');
SELECT cq.queue_reject('less', receipt) FROM cq.queue_receive('less');
SELECT attempt FROM cq.queue_take('less');
SELECT dead_letter, dead FROM cq.stat_queues WHERE queue = 'less';

SELECT count(cq.queue_drop(name)) FROM (SELECT name FROM cq.queue WHERE name NOT LIKE '%.dead' ORDER BY name) AS q;
SELECT count(cq.queue_drop(name)) FROM (SELECT name FROM cq.queue ORDER BY name) AS q;
