-- Work queue: sending, receiving, settling.
\set VERBOSITY terse

SELECT cq.queue_create('jobs');
SELECT name, lease, max_attempts, dead_letter FROM cq.queue ORDER BY name;

-- numbers ascend; a message exists when its transaction has committed
SELECT cq.queue_send('jobs', '{"n": 1}') AS first \gset
SELECT cq.queue_send('jobs', '{"n": 2}', '{"trace": "abc"}') - :first AS second;
SELECT n - :first AS number FROM cq.queue_send_many('jobs', ARRAY['3', '4']::jsonb[]) n;
SELECT count(*) FROM cq.queue_send_many('jobs', '{}');

BEGIN;
SELECT cq.queue_send('jobs', '"own"') IS NOT NULL AS sent;
SELECT body FROM cq.queue_receive('jobs', 10);
ROLLBACK;
-- that receive was rolled back: all four are there again, as a second attempt
SELECT queue, msg_id - :first AS number, attempt, priority, group_key, headers, body,
	lease_until > now() + interval '20 s' AS leased, length(receipt) > 0 AS receipt
FROM cq.queue_receive('jobs', 10);
-- nothing left
SELECT * FROM cq.queue_receive('jobs', 10);
SELECT queue, ready, delayed, in_flight, dead FROM cq.stat_queues ORDER BY queue;
SELECT cq.queue_purge('jobs');

-- acknowledge: once, and only with the receipt of the delivery
SELECT cq.queue_send_many('jobs', ARRAY['1', '2', '3']::jsonb[]) IS NOT NULL AS sent;
CREATE TEMP TABLE got AS SELECT * FROM cq.queue_receive('jobs', 3);
SELECT cq.queue_ack('jobs', VARIADIC ARRAY(SELECT receipt FROM got WHERE body <= '2'));
SELECT cq.queue_ack('jobs', VARIADIC ARRAY(SELECT receipt FROM got));
SELECT cq.queue_ack('jobs', VARIADIC '{}');
SELECT cq.queue_ack('jobs', receipt) FROM got WHERE body = '1';

-- an acknowledgement that is rolled back leaves the delivery as it was
SELECT cq.queue_send('jobs', '"twice"') IS NOT NULL AS sent;
TRUNCATE got;
INSERT INTO got SELECT * FROM cq.queue_receive('jobs');
BEGIN;
SELECT cq.queue_ack('jobs', receipt) FROM got;
SELECT cq.queue_ack('jobs', receipt) FROM got;
ROLLBACK;
SELECT cq.queue_extend('jobs', receipt, '1 min') FROM got;
SELECT cq.queue_ack('jobs', receipt) FROM got;
SELECT cq.queue_extend('jobs', receipt, '1 min') FROM got;

-- savepoints
BEGIN;
SELECT cq.queue_send('jobs', '"kept"') IS NOT NULL AS sent;
SAVEPOINT s;
SELECT cq.queue_send('jobs', '"dropped"') IS NOT NULL AS sent;
ROLLBACK TO s;
SAVEPOINT s2;
SELECT cq.queue_send('jobs', '"kept too"') IS NOT NULL AS sent;
RELEASE s2;
COMMIT;
SELECT body FROM cq.queue_receive('jobs', 10);
SELECT ready, in_flight, uncommitted FROM cq.stat_queues WHERE queue = 'jobs';

-- delayed messages
SELECT cq.queue_send('jobs', '"later"', delay => '1 hour') IS NOT NULL AS sent;
SELECT cq.queue_send('jobs', '"now"', delay => '0') IS NOT NULL AS sent;
SELECT body FROM cq.queue_receive('jobs', 10);
SELECT ready, delayed, in_flight FROM cq.stat_queues WHERE queue = 'jobs';
SELECT cq.queue_purge('jobs');
SELECT ready, delayed, in_flight FROM cq.stat_queues WHERE queue = 'jobs';

-- take: consumed by the commit
SELECT count(*) FROM cq.queue_send_many('jobs', ARRAY['1', '2', '3', '4']::jsonb[]);
BEGIN;
SELECT body, receipt, lease_until, attempt FROM cq.queue_take('jobs', 2);
SAVEPOINT s;
SELECT body FROM cq.queue_take('jobs');
ROLLBACK TO s;
SELECT body, attempt FROM cq.queue_take('jobs');
COMMIT;
BEGIN;
SELECT body, attempt FROM cq.queue_take('jobs');
ROLLBACK;
SELECT body, attempt FROM cq.queue_take('jobs');
SELECT body, attempt FROM cq.queue_take('jobs');

-- purge is transactional
SELECT count(*) FROM cq.queue_send_many('jobs', ARRAY['1', '2']::jsonb[]);
BEGIN;
SELECT cq.queue_purge('jobs');
SELECT body FROM cq.queue_receive('jobs');
ROLLBACK;
SELECT body, attempt FROM cq.queue_receive('jobs', 2);

-- large bodies are stored out of line and come back whole
SELECT cq.queue_send('jobs', to_jsonb(repeat(md5('x'), 100000))) IS NOT NULL AS sent;
SELECT length(body #>> '{}'), md5(body #>> '{}') = md5(repeat(md5('x'), 100000)) AS same
FROM cq.queue_take('jobs');

-- a whole life in one transaction
BEGIN;
SELECT cq.queue_create('short');
SELECT cq.queue_send('short', '1') IS NOT NULL AS sent;
SELECT cq.queue_drop('short');
SELECT cq.queue_drop('short.dead');
COMMIT;
SELECT cq.queue_send('short', '1');
BEGIN;
SELECT cq.queue_create('short');
SELECT cq.queue_send('short', '1') IS NOT NULL AS sent;
ROLLBACK;
SELECT cq.queue_send('short', '1');
BEGIN;
SELECT cq.queue_drop('jobs');
ROLLBACK;
SELECT cq.queue_send('jobs', '"still there"') IS NOT NULL AS sent;
SELECT body FROM cq.queue_take('jobs');

-- waiting
CALL cq.queue_wait('jobs', '0');
SELECT cq.queue_send('jobs', '1') IS NOT NULL AS sent;
CALL cq.queue_wait('jobs', '1 min');
CALL cq.queue_wait('jobs');
SELECT cq.queue_purge('jobs');
SELECT cq.queue_send('jobs', '"soon"', delay => '50 ms') IS NOT NULL AS sent;
CALL cq.queue_wait('jobs', '1 min');
SELECT body FROM cq.queue_take('jobs');
DO $$ DECLARE r bool; BEGIN CALL cq.queue_wait('jobs', '1 ms', r); RAISE NOTICE 'ready: %', r; END $$;
BEGIN;
CALL cq.queue_wait('jobs', '1 ms');
ROLLBACK;
CREATE FUNCTION pg_temp.waits() RETURNS void LANGUAGE plpgsql AS
$$ DECLARE r bool; BEGIN CALL cq.queue_wait('jobs', '1 ms', r); END $$;
SELECT pg_temp.waits();

-- maintenance by hand: alone, in a DO block and a procedure, not in a transaction
CALL cq.queue_maintain();
DO $$ BEGIN FOR i IN 1 .. 3 LOOP PERFORM cq.queue_send('jobs', '0'); CALL cq.queue_maintain(); END LOOP; END $$;
CREATE PROCEDURE pg_temp.maintains() LANGUAGE plpgsql AS
$$ DECLARE n int; BEGIN
	CALL cq.queue_maintain();
	SELECT count(*) INTO n FROM cq.queue_take('jobs', 10);
	CALL cq.queue_maintain();
	RAISE NOTICE 'taken: %', n;
END $$;
CALL pg_temp.maintains();
BEGIN;
CALL cq.queue_maintain();
ROLLBACK;

-- no dead rows anywhere, no updates, no deletes
SELECT pg_stat_force_next_flush();
SELECT relname, n_tup_upd, n_tup_del FROM pg_stat_user_tables
WHERE relname ~ '^q\d+_' AND (n_tup_upd > 0 OR n_tup_del > 0);

SELECT cq.queue_drop('jobs');
SELECT cq.queue_drop('jobs.dead');
SELECT * FROM cq.stat_queues;
SELECT count(*) FROM pg_class WHERE relnamespace = 'cq'::regnamespace AND relname ~ '^q\d+_';
