-- Work queue: how many messages there may be, and what happens to more.
\set VERBOSITY terse
\getenv input PG_ABS_SRCDIR
\i :input/sql/include/await.sql
\i :input/sql/include/queue.sql

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

SELECT count(cq.queue_drop(name)) FROM (SELECT name FROM cq.queue WHERE name NOT LIKE '%.dead' ORDER BY name) AS q;
SELECT count(cq.queue_drop(name)) FROM (SELECT name FROM cq.queue ORDER BY name) AS q;
