-- Work queue: how long messages live.
\set VERBOSITY terse
\getenv input PG_ABS_SRCDIR
\i :input/sql/include/await.sql
\i :input/sql/include/queue.sql

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

SELECT count(cq.queue_drop(name)) FROM (SELECT name FROM cq.queue WHERE name NOT LIKE '%.dead' ORDER BY name) AS q;
SELECT count(cq.queue_drop(name)) FROM (SELECT name FROM cq.queue ORDER BY name) AS q;
