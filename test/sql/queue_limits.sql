-- Work queue: how many messages there may be, how fast they go, how long they live.
\set VERBOSITY terse

CREATE PROCEDURE pg_temp.await(condition text) LANGUAGE plpgsql AS $$
DECLARE
	met bool;
BEGIN
	FOR i IN 1 .. 3000 LOOP
		EXECUTE 'SELECT ' || condition INTO met;
		EXIT WHEN met;
		COMMIT;
		PERFORM pg_sleep(0.01);
	END LOOP;
	IF NOT met THEN
		RAISE NOTICE 'never: %', condition;
	END IF;
END $$;
CREATE FUNCTION pg_temp.send(queue text, n int, body text = '0') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM cq.queue_send_many(queue, array_fill(body::jsonb, ARRAY[n]));
	RETURN n || ' sent';
EXCEPTION WHEN configuration_limit_exceeded THEN
	RETURN SQLERRM;
END $$;

-- ---- max_length, reject -----------------------------------------------------
SELECT cq.queue_create('short', max_length => 3, lease => '1 h');
SELECT ready FROM cq.stat_queues WHERE queue = 'short';
SELECT cq.queue_send('short', '1') IS NOT NULL AS sent;
SELECT cq.queue_send('short', '2') IS NOT NULL AS sent;
SELECT cq.queue_send('short', '3') IS NOT NULL AS sent;
\set VERBOSITY default
SELECT cq.queue_send('short', '4');
\set VERBOSITY terse
-- in flight, delayed, taken and acknowledged in an open transaction: all count until the commit
SELECT body, receipt FROM cq.queue_receive('short') \gset
SELECT pg_temp.send('short', 1);
BEGIN;
SELECT cq.queue_ack('short', :'receipt');
SELECT body FROM cq.queue_take('short');
SELECT pg_temp.send('short', 1);
ROLLBACK;
SELECT pg_temp.send('short', 1);
SELECT cq.queue_ack('short', :'receipt');
SELECT pg_temp.send('short', 1), pg_temp.send('short', 1);
SELECT cq.queue_nack('short', receipt, '5 min') FROM cq.queue_receive('short');
SELECT ready, delayed FROM cq.stat_queues WHERE queue = 'short';
SELECT pg_temp.send('short', 1);
SELECT cq.queue_reject('short', receipt) FROM cq.queue_receive('short');
SELECT pg_temp.send('short', 1), pg_temp.send('short', 1);
SELECT cq.queue_purge('short');
SELECT pg_temp.send('short', 3), pg_temp.send('short', 1);
SELECT count(*) FROM cq.queue_take('short', 10);
SELECT cq.queue_send('short', '1', delay => '5 min') IS NOT NULL AS sent;
SELECT pg_temp.send('short', 2), pg_temp.send('short', 1);
SELECT cq.queue_purge('short');
-- own uncommitted ones count, those rolled back do not
BEGIN;
SELECT pg_temp.send('short', 2);
SAVEPOINT s;
SELECT pg_temp.send('short', 2), pg_temp.send('short', 1);
SELECT uncommitted FROM cq.stat_queues WHERE queue = 'short';
ROLLBACK TO s;
SELECT pg_temp.send('short', 1), pg_temp.send('short', 1);
ROLLBACK;
SELECT pg_temp.send('short', 3), pg_temp.send('short', 1);
SELECT cq.queue_purge('short');
-- so do those of a prepared transaction
BEGIN;
SELECT pg_temp.send('short', 2);
PREPARE TRANSACTION 'cq_limits';
SELECT pg_temp.send('short', 2), pg_temp.send('short', 1);
COMMIT PREPARED 'cq_limits';
CALL pg_temp.await($$(SELECT ready = 3 FROM cq.stat_queues WHERE queue = 'short')$$);
SELECT pg_temp.send('short', 1);
SELECT count(*) FROM cq.queue_take('short', 10);
-- all or nothing
SELECT pg_temp.send('short', 4);
SELECT pg_temp.send('short', 5000);
SELECT ready, uncommitted FROM cq.stat_queues WHERE queue = 'short';
SELECT cq.queue_send_many('short', array_fill('0'::jsonb, ARRAY[3]), dedup_keys => ARRAY['a', 'b', 'c']) IS NOT NULL AS sent;
-- duplicates need no room
SELECT cq.queue_send_many('short', array_fill('0'::jsonb, ARRAY[4]), dedup_keys => ARRAY['a', 'b', 'c', 'a']) IS NOT NULL AS sent;
SELECT cq.queue_send_many('short', array_fill('0'::jsonb, ARRAY[2]), dedup_keys => ARRAY['a', 'd']) IS NOT NULL AS sent;
SELECT count(*) FROM cq.queue_take('short', 10);
-- the refused one has not taken its key
SELECT cq.queue_send('short', '1', dedup_key => 'd') IS NOT NULL AS sent;
SELECT body FROM cq.queue_take('short', 10);
-- 2,500 at once, in a queue for that many
SELECT cq.queue_alter('short', max_length => 2500);
SELECT pg_temp.send('short', 2501), pg_temp.send('short', 2500), pg_temp.send('short', 1);
SELECT cq.queue_alter('short', max_length => 2501);
SELECT pg_temp.send('short', 1), pg_temp.send('short', 1);
-- a lower limit drops nothing
SELECT cq.queue_alter('short', max_length => 1);
SELECT pg_temp.send('short', 1);
SELECT cq.queue_purge('short');
SELECT pg_temp.send('short', 1), pg_temp.send('short', 1);
SELECT cq.queue_alter('short', reset => '{max_length}');
SELECT pg_temp.send('short', 10);

-- ---- max_bytes ------------------------------------------------------------------
SELECT cq.queue_create('small', max_bytes => 10000);
SELECT pg_temp.send('small', 1, to_json(repeat('x', 11000))::text);
SELECT pg_temp.send('small', 4, to_json(repeat('x', 2000))::text);
SELECT pg_temp.send('small', 1, to_json(repeat('x', 2000))::text);
SELECT pg_temp.send('small', 1, to_json(repeat('x', 500))::text);
SELECT bytes BETWEEN 8500 AND 9000 AS counted FROM cq.stat_queues WHERE queue = 'small';
-- headers count
\set VERBOSITY sqlstate
SELECT cq.queue_send('small', '1', jsonb_build_object('h', repeat('x', 2000)));
\set VERBOSITY terse
SELECT cq.queue_send('small', '1', jsonb_build_object('h', repeat('x', 500))) IS NOT NULL AS sent;
SELECT pg_temp.send('small', 1, to_json(repeat('x', 1000))::text);
BEGIN;
SELECT count(*) FROM cq.queue_take('small');
SELECT pg_temp.send('small', 1, to_json(repeat('x', 1000))::text);
ROLLBACK;
SELECT count(*) FROM cq.queue_take('small');
SELECT pg_temp.send('small', 1, to_json(repeat('x', 2000))::text);
SELECT count(*) FROM cq.queue_take('small', 100);
SELECT bytes FROM cq.stat_queues WHERE queue = 'small';
-- both limits
SELECT cq.queue_alter('small', max_length => 2);
SELECT pg_temp.send('small', 2), pg_temp.send('small', 1);
SELECT cq.queue_alter('small', max_bytes => 10);
SELECT count(*) FROM cq.queue_take('small', 100);
SELECT pg_temp.send('small', 2);
SELECT bytes FROM cq.stat_queues WHERE queue = 'small';

-- ---- overflow block ---------------------------------------------------------------
SELECT cq.queue_create('block', max_length => 2, overflow => 'block', overflow_timeout => '50 ms');
SELECT pg_temp.send('block', 2);
SELECT clock_timestamp() AS began \gset
SELECT pg_temp.send('block', 1);
SELECT clock_timestamp() - :'began'::timestamptz >= interval '50 ms' AS waited;
SELECT count(*) FROM cq.queue_take('block', 10);
SELECT pg_temp.send('block', 2);
SELECT count(*) FROM cq.queue_take('block', 10);
-- when nobody could make room there is nothing to wait for
SELECT cq.queue_alter('block', overflow_timeout => '1 h');
SELECT pg_temp.send('block', 3);
BEGIN;
SELECT pg_temp.send('block', 1), pg_temp.send('block', 2);
ROLLBACK;
SELECT pg_temp.send('block', 2);
BEGIN;
SELECT count(*) FROM cq.queue_take('block', 10);
SELECT pg_temp.send('block', 1);
ROLLBACK;
BEGIN;
SELECT cq.queue_purge('block');
SELECT pg_temp.send('block', 1);
COMMIT;
-- no time at all is like reject
SELECT cq.queue_alter('block', overflow_timeout => '0');
SELECT pg_temp.send('block', 2), pg_temp.send('block', 1);
-- waiting can be ended
SELECT cq.queue_alter('block', overflow_timeout => '1 h');
SET statement_timeout = '20 ms';
SELECT cq.queue_send('block', '1');
RESET statement_timeout;
-- a message that times out makes room
SELECT cq.queue_purge('block');
SELECT cq.queue_send('block', '1', ttl => '50 ms') IS NOT NULL AS sent;
SELECT cq.queue_send('block', '2', ttl => '50 ms') IS NOT NULL AS sent;
SELECT pg_temp.send('block', 2);
CALL pg_temp.await($$(SELECT timed_out = 2 FROM cq.stat_queues WHERE queue = 'block')$$);
SELECT ready FROM cq.stat_queues WHERE queue = 'block';

-- ---- overflow drop_oldest -----------------------------------------------------------
SELECT cq.queue_create('drop', max_length => 3, overflow => 'drop_oldest', lease => '1 h');
CREATE FUNCTION pg_temp.left_over() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(body #>> '{}', ' ' ORDER BY msg_id) FROM cq.queue_peek('drop', 100);
$$;
SELECT ready FROM cq.stat_queues WHERE queue = 'drop';
SELECT cq.queue_send('drop', to_jsonb(i)) IS NOT NULL AS sent FROM generate_series(1, 5) AS i;
SELECT pg_temp.left_over();
SELECT cq.queue_send('drop', '6') IS NOT NULL AS sent;
SELECT pg_temp.left_over();
-- at the commit, not before
BEGIN;
SELECT cq.queue_send('drop', '7') IS NOT NULL AS sent;
SELECT cq.queue_send('drop', '8') IS NOT NULL AS sent;
SELECT pg_temp.left_over();
ROLLBACK;
SELECT pg_temp.left_over();
BEGIN;
SELECT cq.queue_send('drop', '9') IS NOT NULL AS sent;
SAVEPOINT s;
SELECT cq.queue_send('drop', '10') IS NOT NULL AS sent;
ROLLBACK TO s;
COMMIT;
SELECT pg_temp.left_over();
-- what is in flight is not dropped
SELECT body, receipt FROM cq.queue_receive('drop') \gset
SELECT cq.queue_send('drop', '11') IS NOT NULL AS sent;
SELECT pg_temp.left_over();
SELECT count(*) FROM cq.queue_receive('drop', 10);
SELECT cq.queue_send('drop', '12') IS NOT NULL AS sent;
SELECT pg_temp.left_over();
-- (the new one was the oldest ready)
BEGIN;
SELECT cq.queue_ack('drop', :'receipt');
SELECT cq.queue_send('drop', '13') IS NOT NULL AS sent;
COMMIT;
SELECT pg_temp.left_over();
CALL pg_temp.await($$(SELECT dropped = 6 FROM cq.stat_queues WHERE queue = 'drop')$$);
SELECT ready, in_flight, dropped, dead FROM cq.stat_queues WHERE queue = 'drop';
SELECT cq.queue_drop('drop');
-- lowest priority first, in it the oldest
SELECT cq.queue_create('drop', max_length => 4, overflow => 'drop_oldest');
SELECT ready FROM cq.stat_queues WHERE queue = 'drop';
SELECT cq.queue_send('drop', to_jsonb(name), priority => priority) IS NOT NULL AS sent
FROM (VALUES (1, 'high 1', 5), (2, 'low 1', -5), (3, 'middle 1', 0), (4, 'low 2', -5), (5, 'middle 2', 0)) AS m (n, name, priority);
SELECT pg_temp.left_over();
SELECT cq.queue_send('drop', '"low 3"', priority => -5) IS NOT NULL AS sent;
SELECT pg_temp.left_over();
SELECT cq.queue_send('drop', '"high 2"', priority => 5) IS NOT NULL AS sent;
SELECT cq.queue_send('drop', '"high 3"', priority => 5) IS NOT NULL AS sent;
SELECT pg_temp.left_over();
SELECT cq.queue_send('drop', '"high 4"', priority => 5) IS NOT NULL AS sent;
SELECT cq.queue_send('drop', '"high 5"', priority => 5) IS NOT NULL AS sent;
SELECT pg_temp.left_over();
SELECT cq.queue_send('drop', '"low 4"', priority => -5) IS NOT NULL AS sent;
SELECT pg_temp.left_over();
-- also those that have come back, or belong to groups
SELECT cq.queue_purge('drop');
SELECT cq.queue_send('drop', to_jsonb(i)) IS NOT NULL AS sent FROM generate_series(1, 4) AS i;
BEGIN;
SELECT body FROM cq.queue_take('drop', 2);
ROLLBACK;
SELECT cq.queue_send('drop', '5') IS NOT NULL AS sent;
SELECT pg_temp.left_over();
SELECT cq.queue_purge('drop');
SELECT cq.queue_send('drop', to_jsonb(i), group_key => CASE WHEN i IN (1, 2, 5) THEN 'g' END) IS NOT NULL AS sent FROM generate_series(1, 5) AS i;
SELECT pg_temp.left_over();
SELECT cq.queue_send('drop', '6', group_key => 'g') IS NOT NULL AS sent;
SELECT pg_temp.left_over();
SELECT cq.queue_purge('drop');
SELECT cq.queue_send('drop', to_jsonb(name), priority => priority) IS NOT NULL AS sent
FROM (VALUES (1, 'high', 5), (2, 'low 1', -5), (3, 'middle', 0), (4, 'low 2', -5)) AS m (n, name, priority);
BEGIN;
SELECT count(*) FROM cq.queue_take('drop', 4);
ROLLBACK;
SELECT cq.queue_send('drop', '"middle 2"') IS NOT NULL AS sent;
SELECT pg_temp.left_over();
-- no more than necessary, however busy the worker is with deleting
DO $$
DECLARE
	n int;
	fewer int := 0;
BEGIN
	PERFORM cq.queue_purge('drop');
	FOR i IN 1 .. 1000 LOOP
		PERFORM cq.queue_send('drop', to_jsonb(i));
		COMMIT;
		SELECT count(*) INTO n FROM cq.queue_peek('drop', 10);
		fewer := fewer + (i >= 4 AND n <> 4)::int;
	END LOOP;
	RAISE NOTICE 'not 4: % times', fewer;
END $$;
-- by bytes
SELECT cq.queue_purge('drop');
SELECT cq.queue_alter('drop', max_bytes => 5000, reset => '{max_length}');
SELECT cq.queue_send('drop', to_jsonb(i || repeat('x', 1500))) IS NOT NULL AS sent FROM generate_series(1, 4) AS i;
SELECT left(body #>> '{}', 2) AS body FROM cq.queue_peek('drop');
SELECT cq.queue_send('drop', to_jsonb('5' || repeat('x', 4000))) IS NOT NULL AS sent;
SELECT left(body #>> '{}', 2) AS body FROM cq.queue_peek('drop');
SELECT cq.queue_send('drop', to_jsonb('6' || repeat('x', 6000))) IS NOT NULL AS sent;
SELECT left(body #>> '{}', 2) AS body FROM cq.queue_peek('drop');
-- delayed ones are not dropped, but count
SELECT cq.queue_alter('drop', max_length => 2, reset => '{max_bytes}');
SELECT cq.queue_send('drop', '"later"', delay => '5 min') IS NOT NULL AS sent;
SELECT cq.queue_send('drop', to_jsonb(i)) IS NOT NULL AS sent FROM generate_series(1, 3) AS i;
SELECT pg_temp.left_over();

-- ---- time to live ---------------------------------------------------------------------
SELECT cq.queue_create('ttl', message_ttl => '50 ms', max_attempts => 3);
SELECT ready FROM cq.stat_queues WHERE queue = 'ttl';
SELECT cq.queue_send('ttl', '1') IS NOT NULL AS sent;
SELECT cq.queue_send('ttl', '2', ttl => '1 day') IS NOT NULL AS sent;
SELECT cq.queue_send('ttl', '3', delay => '1 min') IS NOT NULL AS sent;
SELECT cq.queue_send_many('ttl', ARRAY['4', '5']::jsonb[]) IS NOT NULL AS sent;
CALL pg_temp.await($$(SELECT timed_out = 4 FROM cq.stat_queues WHERE queue = 'ttl')$$);
SELECT ready, delayed, dead, timed_out, dead_lettered FROM cq.stat_queues WHERE queue = 'ttl';
SELECT body FROM cq.queue_peek('ttl');
SELECT body FROM cq.queue_take('ttl', 10);
-- in flight it does not end; when it comes back it does: failed, at the end of its
-- lease, after a rollback; acknowledged it has not timed out
SELECT cq.queue_send('ttl', to_jsonb(i), ttl => '1 s') IS NOT NULL AS sent FROM generate_series(1, 4) AS i;
SELECT body, receipt FROM cq.queue_receive('ttl', lease => '1 h') \gset
SELECT body, receipt AS second FROM cq.queue_receive('ttl', lease => '1 h') \gset
SELECT body FROM cq.queue_receive('ttl', lease => '3 s');
BEGIN;
SELECT body FROM cq.queue_take('ttl');
SELECT pg_sleep(1.1);
SELECT in_flight > 2 AS in_flight, timed_out FROM cq.stat_queues WHERE queue = 'ttl';
ROLLBACK;
SELECT cq.queue_nack('ttl', :'receipt', '0');
SELECT cq.queue_ack('ttl', :'second');
SELECT body FROM cq.queue_take('ttl', 10);
CALL pg_temp.await($$(SELECT timed_out = 7 AND in_flight = 0 FROM cq.stat_queues WHERE queue = 'ttl')$$);
SELECT ready, acknowledged FROM cq.stat_queues WHERE queue = 'ttl';
-- not in memory: delayed for long, or sent before anybody has looked at the queue
SELECT cq.queue_send('ttl', '1', delay => '1 day', ttl => '50 ms') IS NOT NULL AS sent;
SELECT cq.queue_send('ttl', '2', delay => '1 day') IS NOT NULL AS sent;
SELECT cq.queue_send('ttl', '3', delay => '1 day', ttl => '2 days') IS NOT NULL AS sent;
CALL pg_temp.await($$(SELECT timed_out = 9 FROM cq.stat_queues WHERE queue = 'ttl')$$);
SELECT body FROM cq.queue_peek('ttl');
SELECT cq.queue_purge('ttl');
SELECT cq.queue_send('ttl', '4') IS NOT NULL AS sent;
CALL pg_temp.await($$(SELECT timed_out = 10 FROM cq.stat_queues WHERE queue = 'ttl')$$);
SELECT ready, delayed, in_flight FROM cq.stat_queues WHERE queue = 'ttl';
-- from now on messages live longer; those that are there keep their time
SELECT cq.queue_send('ttl', '1') IS NOT NULL AS sent;
SELECT cq.queue_alter('ttl', message_ttl => '1 day');
SELECT cq.queue_send('ttl', '2') IS NOT NULL AS sent;
CALL pg_temp.await($$(SELECT timed_out = 11 FROM cq.stat_queues WHERE queue = 'ttl')$$);
SELECT cq.queue_alter('ttl', reset => '{message_ttl}');
SELECT body FROM cq.queue_take('ttl', 10);
-- of dead letters, and of those sent home
SELECT cq.queue_alter('ttl.dead', message_ttl => '50 ms');
SELECT cq.queue_send('ttl', '1') IS NOT NULL AS sent;
SELECT cq.queue_reject('ttl', receipt) FROM cq.queue_receive('ttl');
CALL pg_temp.await($$(SELECT timed_out = 1 FROM cq.stat_queues WHERE queue = 'ttl.dead')$$);
SELECT cq.queue_alter('ttl.dead', reset => '{message_ttl}');
SELECT cq.queue_alter('ttl', message_ttl => '100 ms');
SELECT cq.queue_send('ttl', '1', ttl => '1 day') IS NOT NULL AS sent;
SELECT cq.queue_reject('ttl', receipt) FROM cq.queue_receive('ttl');
SELECT cq.queue_redrive('ttl.dead');
CALL pg_temp.await($$(SELECT timed_out = 12 FROM cq.stat_queues WHERE queue = 'ttl')$$);
\set VERBOSITY sqlstate
SELECT cq.queue_send('ttl', '1', ttl => '0');
SELECT cq.queue_send('ttl', '1', ttl => '-1 s');
SELECT cq.queue_send('ttl', '1', ttl => '200 years');
SELECT cq.queue_send_many('ttl', ARRAY['1']::jsonb[], ttl => '0');
\set VERBOSITY terse
SELECT cq.queue_send('ttl', '1', ttl => '100 years') IS NOT NULL AS sent;
SELECT body FROM cq.queue_take('ttl', 10);

-- ---- concurrency --------------------------------------------------------------------------
SELECT cq.queue_create('slots', concurrency => 2, lease => '1 h');
SELECT pg_temp.send('slots', 10);
CREATE TEMP TABLE got AS SELECT row_number() OVER () AS n, receipt FROM cq.queue_receive('slots', 10);
SELECT count(*) FROM got;
SELECT count(*) FROM cq.queue_take('slots', 10);
CALL cq.queue_wait('slots', '10 ms');
SELECT cq.queue_ack('slots', receipt) FROM got WHERE n = 1;
CALL cq.queue_wait('slots', '1 min');
BEGIN;
SELECT count(*) FROM cq.queue_take('slots', 10);
SELECT count(*) FROM cq.queue_take('slots', 10);
SAVEPOINT s;
ROLLBACK TO s;
SELECT cq.queue_ack('slots', receipt) FROM got WHERE n = 2;
SELECT count(*) FROM cq.queue_take('slots', 10);
ROLLBACK;
SELECT count(*) FROM cq.queue_take('slots', 10);
SELECT cq.queue_nack('slots', receipt, '1 day') FROM got WHERE n = 2;
BEGIN;
SAVEPOINT s;
SELECT count(*) FROM cq.queue_take('slots', 10);
ROLLBACK TO s;
SELECT count(*) FROM cq.queue_take('slots', 10);
COMMIT;
SELECT ready, delayed, in_flight FROM cq.stat_queues WHERE queue = 'slots';
-- the limit changes
SELECT count(*) FROM cq.queue_receive('slots', 10);
SELECT cq.queue_alter('slots', concurrency => 1);
SELECT count(*) FROM cq.queue_receive('slots', 10);
SELECT cq.queue_alter('slots', concurrency => 3);
SELECT count(*) FROM cq.queue_receive('slots', 10);
SELECT cq.queue_alter('slots', reset => '{concurrency}');
SELECT count(*) FROM cq.queue_receive('slots', 10);
-- a lease that ends makes room
SELECT cq.queue_create('slot', concurrency => 1);
SELECT pg_temp.send('slot', 2);
SELECT count(*) FROM cq.queue_receive('slot', lease => '20 ms');
CALL cq.queue_wait('slot', '1 min');
SELECT attempt FROM cq.queue_take('slot', 10);

-- ---- rates -----------------------------------------------------------------------------------
-- as many at once as in a second
SELECT cq.queue_create('slow', rate_limit => 0.001);
SELECT pg_temp.send('slow', 10);
SELECT count(*) FROM cq.queue_take('slow', 10);
SELECT count(*) FROM cq.queue_take('slow', 10);
CALL cq.queue_wait('slow', '10 ms');
SELECT cq.queue_alter('slow', reset => '{rate_limit}');
CALL cq.queue_wait('slow', '1 min');
SELECT count(*) FROM cq.queue_take('slow', 10);
SELECT cq.queue_create('burst', rate_limit => 0.001, rate_burst => 5);
SELECT pg_temp.send('burst', 10);
SELECT count(*) FROM cq.queue_take('burst', 3);
SELECT count(*) FROM cq.queue_take('burst', 3);
SELECT count(*) FROM cq.queue_take('burst', 3);
-- 100 in a second: 50 wait for half a second at least
SELECT cq.queue_create('rate', rate_limit => 100, rate_burst => 1);
SELECT pg_temp.send('rate', 60);
SELECT clock_timestamp() AS began \gset
DO $$
DECLARE
	n int := 0;
	ready bool;
BEGIN
	WHILE n < 51 LOOP
		CALL cq.queue_wait('rate', '1 min', ready);
		n := n + (SELECT count(*) FROM cq.queue_take('rate', 10));
		COMMIT;
	END LOOP;
END $$;
SELECT clock_timestamp() - :'began'::timestamptz >= interval '490 ms' AS "not too fast";

-- for each group
SELECT cq.queue_create('groups', group_rate_limit => 0.001, group_rate_burst => 2, group_concurrency => 5);
SELECT count(cq.queue_send('groups', to_jsonb(i), group_key => (ARRAY['a', 'b', NULL])[i % 3 + 1])) FROM generate_series(1, 15) AS i;
SELECT ready, blocked FROM cq.stat_queues WHERE queue = 'groups';
SELECT group_key, body FROM cq.queue_take('groups', 20);
SELECT group_key, body FROM cq.queue_take('groups', 20);
CALL cq.queue_wait('groups', '10 ms');
SELECT count(cq.queue_send('groups', to_jsonb(i), group_key => 'c')) FROM generate_series(16, 19) AS i;
SELECT group_key, body FROM cq.queue_take('groups', 20);
-- a group without messages keeps its bucket
SELECT cq.queue_purge('groups');
SELECT cq.queue_send('groups', '20', group_key => 'c') IS NOT NULL AS sent;
SELECT cq.queue_send('groups', '21', group_key => 'd') IS NOT NULL AS sent;
SELECT group_key, body FROM cq.queue_take('groups', 20);
SELECT cq.queue_alter('groups', group_rate_limit => 1000);
CALL cq.queue_wait('groups', '1 min');
SELECT group_key, body FROM cq.queue_take('groups', 20);
-- a token comes with time: one group in turn
SELECT cq.queue_create('turns', group_rate_limit => 50, group_rate_burst => 1);
SELECT count(cq.queue_send('turns', to_jsonb(i), group_key => 'g' || i % 2)) FROM generate_series(1, 22) AS i;
SELECT clock_timestamp() AS began \gset
DO $$
DECLARE
	n int := 0;
	ready bool;
BEGIN
	WHILE n < 22 LOOP
		CALL cq.queue_wait('turns', '1 min', ready);
		n := n + (SELECT count(*) FROM cq.queue_take('turns', 10));
		COMMIT;
	END LOOP;
END $$;
SELECT clock_timestamp() - :'began'::timestamptz >= interval '190 ms' AS "not too fast";

SELECT count(cq.queue_drop(name)) FROM (SELECT name FROM cq.queue WHERE name NOT LIKE '%.dead' ORDER BY name) AS q;
SELECT count(cq.queue_drop(name)) FROM (SELECT name FROM cq.queue ORDER BY name) AS q;
