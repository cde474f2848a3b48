-- Work queue: changes of options, pause, backoff.
\set VERBOSITY terse
\getenv input PG_ABS_SRCDIR
\i :input/sql/include/await.sql

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
CALL pg_temp.await($$(SELECT ready = 1 FROM cq.stat_queues WHERE queue = 'stop')$$);
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
