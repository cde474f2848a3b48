-- Work queue: groups.
\set VERBOSITY terse
\getenv input PG_ABS_SRCDIR
\i :input/sql/include/await.sql
\i :input/sql/include/queue_group.sql

SELECT cq.queue_create('g', lease => '1 h', max_attempts => 4);

-- ---- one of each at a time, in the order of their numbers ----------------
SELECT pg_temp.send('a1', 'a2', 'a3', 'b1', '-1', 'b2', '-2');
SELECT * FROM pg_temp.state;
SELECT body #>> '{}' AS body, group_key FROM cq.queue_peek('g', 10, 'ready');
SELECT pg_temp.receive();
SELECT * FROM pg_temp.state;
SELECT pg_temp.receive();
SELECT pg_temp.take();
SELECT cq.queue_ack('g', pg_temp.r('a1'));
SELECT * FROM pg_temp.state;
SELECT pg_temp.receive();
SELECT cq.queue_ack('g', pg_temp.r('b1'), pg_temp.r('a2'));
SELECT pg_temp.send('b3');
SELECT pg_temp.receive();
SELECT cq.queue_ack('g', VARIADIC ARRAY(SELECT receipt FROM held));
SELECT pg_temp.receive();
SELECT cq.queue_ack('g', pg_temp.r('b3'));
SELECT * FROM pg_temp.state;

-- ---- failing ----------------------------------------------------------------
TRUNCATE held;
SELECT pg_temp.send('a1', 'a2', 'b1', 'b2');
SELECT pg_temp.receive();
-- at once: it comes again, before those after it
SELECT cq.queue_nack('g', pg_temp.r('a1'), '0');
SELECT pg_temp.receive();
-- later: its group waits for it, the others do not
SELECT cq.queue_nack('g', pg_temp.r('a1'), '1 h');
SELECT * FROM pg_temp.state;
SELECT pg_temp.receive();
SELECT cq.queue_ack('g', pg_temp.r('b1'));
SELECT pg_temp.send('a3', 'c1');
SELECT pg_temp.receive();
SELECT * FROM pg_temp.state;
SELECT body #>> '{}' AS body, attempt FROM cq.queue_peek('g', 10, 'delayed');
SELECT cq.queue_purge('g');
SELECT cq.queue_ack('g', VARIADIC ARRAY(SELECT receipt FROM held));
SELECT * FROM pg_temp.state;
-- once it is due it is the next
TRUNCATE held;
SELECT pg_temp.send('a1', 'a2');
SELECT pg_temp.receive();
SELECT cq.queue_nack('g', pg_temp.r('a1'), '50 ms');
SELECT pg_temp.send('a3', 'b1');
CALL pg_temp.await('delayed = 0 FROM pg_temp.state');
SELECT pg_temp.receive();
-- a nack that is rolled back
BEGIN;
SELECT cq.queue_nack('g', pg_temp.r('a1'), '0');
SELECT pg_temp.receive();
ROLLBACK;
SELECT pg_temp.receive();
SELECT cq.queue_extend('g', pg_temp.r('a1'), '1 h');
-- the end of a lease is a failure
SELECT cq.queue_ack('g', pg_temp.r('a1'), pg_temp.r('b1'));
SELECT pg_temp.receive('20 ms');
CALL pg_temp.await('in_flight = 0 FROM pg_temp.state');
SELECT * FROM pg_temp.state;
SELECT cq.queue_ack('g', pg_temp.r('a2'));
SELECT pg_temp.receive();
-- rejected: gone, the next one comes; not if that is rolled back
BEGIN;
SELECT cq.queue_reject('g', pg_temp.r('a2'), 'no');
SELECT pg_temp.receive();
ROLLBACK;
SELECT pg_temp.receive();
SELECT cq.queue_reject('g', pg_temp.r('a2'), 'no');
SELECT pg_temp.receive();
-- a dead letter is of the same group
SELECT body #>> '{}' AS body, group_key FROM cq.queue_peek('g.dead');
-- the last attempt is the end of it, and the group goes on
SELECT pg_temp.send('a4');
SELECT cq.queue_nack('g', pg_temp.r('a3'), '0');
SELECT cq.queue_nack('g', receipt, '0') FROM cq.queue_receive('g');
SELECT cq.queue_nack('g', receipt, '0') FROM cq.queue_receive('g');
SELECT cq.queue_nack('g', receipt, '0') FROM cq.queue_receive('g');
SELECT pg_temp.take();
SELECT body #>> '{}' AS body, group_key FROM cq.queue_take('g.dead');
SELECT body #>> '{}' AS body, group_key FROM cq.queue_take('g.dead');
SELECT * FROM pg_temp.state;

-- ---- transactions -------------------------------------------------------------
TRUNCATE held;
SELECT pg_temp.send('a1', 'a2', 'a3', 'b1');
-- taken ones are in flight until the commit
BEGIN;
SELECT pg_temp.take();
SELECT pg_temp.take();
ROLLBACK;
BEGIN;
SELECT pg_temp.take(1);
SAVEPOINT s;
SELECT pg_temp.take();
ROLLBACK TO s;
SELECT pg_temp.take();
SELECT * FROM pg_temp.state;
COMMIT;
SELECT * FROM pg_temp.state;
BEGIN;
SAVEPOINT s;
SELECT pg_temp.take();
ROLLBACK TO s;
SELECT pg_temp.receive();
ROLLBACK;
SELECT pg_temp.receive();
-- acknowledged ones, too
BEGIN;
SELECT cq.queue_ack('g', pg_temp.r('a2'));
SELECT pg_temp.receive();
ROLLBACK;
SELECT pg_temp.receive();
BEGIN;
SELECT cq.queue_ack('g', pg_temp.r('a2'));
SAVEPOINT s;
SELECT pg_temp.receive();
COMMIT;
SELECT pg_temp.take();
-- what is sent and rolled back holds nobody
BEGIN;
SELECT pg_temp.send('a1');
ROLLBACK;
SELECT pg_temp.send('a2');
BEGIN;
SELECT pg_temp.send('a3');
SAVEPOINT s;
SELECT pg_temp.send('a4');
ROLLBACK TO s;
COMMIT;
SELECT pg_temp.take(), pg_temp.take();
SELECT pg_temp.take();
SELECT pg_temp.take();
-- a purge takes what waits; rolled back it is as it was
TRUNCATE held;
SELECT pg_temp.send('a1', 'a2', 'b1', 'b2', 'b3', '-1');
SELECT body FROM cq.queue_receive('g');
BEGIN;
SELECT cq.queue_purge('g');
SELECT pg_temp.receive();
SELECT * FROM pg_temp.state;
ROLLBACK;
SELECT * FROM pg_temp.state;
SELECT pg_temp.receive();
SELECT cq.queue_purge('g');
SELECT * FROM pg_temp.state;
SELECT cq.queue_drop('g'), cq.queue_drop('g.dead');

-- ---- time to live ---------------------------------------------------------------
SELECT cq.queue_create('g', lease => '1 h');
TRUNCATE held;
SELECT cq.queue_send('g', '"a1"', ttl => '50 ms', group_key => 'a') IS NOT NULL AS sent;
SELECT cq.queue_send('g', '"a2"', ttl => '50 ms', group_key => 'a') IS NOT NULL AS sent;
SELECT pg_temp.send('a3');
CALL pg_temp.await('ready + blocked = 1 FROM pg_temp.state');
SELECT pg_temp.take();
-- the first is in flight, the second times out behind it
SELECT cq.queue_send('g', '"a1"', ttl => '1 day', group_key => 'a') IS NOT NULL AS sent;
SELECT cq.queue_send('g', '"a2"', ttl => '50 ms', group_key => 'a') IS NOT NULL AS sent;
SELECT pg_temp.send('a3');
SELECT pg_temp.receive();
CALL pg_temp.await('blocked = 1 FROM pg_temp.state');
SELECT cq.queue_ack('g', pg_temp.r('a1'));
SELECT pg_temp.take();

-- ---- delayed ones join when they are due ---------------------------------------
TRUNCATE held;
SELECT cq.queue_send('g', '"a1"', delay => '1 s', group_key => 'a') IS NOT NULL AS sent;
SELECT pg_temp.send('a2', 'a3');
SELECT cq.queue_send('g', '"a4"', delay => '1 day', group_key => 'a') IS NOT NULL AS sent;
SELECT cq.queue_send('g', '"b1"', delay => '1 day', group_key => 'b') IS NOT NULL AS sent;
SELECT pg_temp.send('b2');
SELECT * FROM pg_temp.receive();
CALL pg_temp.await('delayed = 2 FROM pg_temp.state');
SELECT * FROM pg_temp.receive();
SELECT cq.queue_ack('g', pg_temp.r('a2'), pg_temp.r('b2'));
SELECT * FROM pg_temp.receive();
SELECT cq.queue_ack('g', pg_temp.r('a1'));
SELECT * FROM pg_temp.receive();
SELECT cq.queue_ack('g', pg_temp.r('a3'));
SELECT * FROM pg_temp.state;
SELECT cq.queue_purge('g');
SELECT pg_temp.take();

SELECT cq.queue_drop('g');
SELECT cq.queue_drop('g.dead');
