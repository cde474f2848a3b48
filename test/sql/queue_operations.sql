-- Work queue: looking at it, statistics.
\set VERBOSITY terse
\getenv input PG_ABS_SRCDIR
\i :input/sql/include/await.sql
\i :input/sql/include/queue.sql

-- ---- peek -------------------------------------------------------------------
SELECT cq.queue_create('p', lease => '1 h', retain => '1 h', max_attempts => 2);
SELECT * FROM cq.queue_peek('p');
SELECT cq.queue_send('p', '"ready"', '{"h": 1}', priority => -3) AS first \gset
SELECT cq.queue_send('p', '"delayed"', delay => '1 min') IS NOT NULL AS sent;
SELECT cq.queue_send('p', '"far"', delay => '1 day') IS NOT NULL AS sent;
SELECT cq.queue_send('p', '"leased"', group_key => 'g', ttl => '1 day') IS NOT NULL AS sent;
SELECT cq.queue_send('p', '"blocked"', group_key => 'g') IS NOT NULL AS sent;
SELECT cq.queue_send('p', '"ready too"', priority => -2) IS NOT NULL AS sent;
SELECT cq.queue_send('p', '"acknowledged"', priority => 15) IS NOT NULL AS sent;
SELECT cq.queue_send('p', '"failed"', priority => 14) IS NOT NULL AS sent;
SELECT cq.queue_ack('p', receipt) FROM cq.queue_receive('p');
SELECT cq.queue_nack('p', receipt, '1 min') FROM cq.queue_receive('p');
SELECT body, receipt FROM cq.queue_receive('p') \gset
SELECT queue, msg_id - :first AS number, receipt, attempt, priority, group_key, enqueued_at <= now() AS sent,
	lease_until > now() + interval '59 min' AS leased, headers, body
FROM cq.queue_peek('p');
SELECT pg_temp.peek('p', NULL), pg_temp.peek('p', 'ready'), pg_temp.peek('p', 'delayed'), pg_temp.peek('p', 'in_flight'),
	pg_temp.peek('p', 'archived');
-- without effect
SELECT ready, blocked, delayed, in_flight, delivered, acknowledged FROM cq.stat_queues WHERE queue = 'p';
SELECT cq.queue_extend('p', :'receipt');
-- by number, up to so many
SELECT pg_temp.peek('p', NULL, 1), pg_temp.peek('p', NULL, 3), pg_temp.peek('p', 'ready', 2), pg_temp.peek('p', NULL, 10000);
-- what transactions do shows when they have committed
BEGIN;
SELECT cq.queue_send('p', '"uncommitted"') IS NOT NULL AS sent;
SELECT cq.queue_ack('p', :'receipt');
SELECT body FROM cq.queue_take('p');
SELECT pg_temp.peek('p', NULL), pg_temp.peek('p', 'in_flight'), pg_temp.peek('p', 'archived');
SELECT lease_until IS NULL AS taken, body FROM cq.queue_peek('p', 10, 'in_flight');
ROLLBACK;
SELECT pg_temp.peek('p', NULL), pg_temp.peek('p', 'in_flight'), pg_temp.peek('p', 'archived');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 AS snapshot;
SELECT pg_temp.peek('p', NULL);
COMMIT;
BEGIN READ ONLY;
SELECT pg_temp.peek('p', NULL);
COMMIT;
-- archived: acknowledged, taken, purged
SELECT cq.queue_ack('p', :'receipt');
SELECT body FROM cq.queue_take('p');
SELECT body FROM cq.queue_take('p');
SELECT pg_temp.peek('p', 'archived'), pg_temp.peek('p');
SELECT cq.queue_purge('p');
SELECT pg_temp.peek('p', 'archived'), pg_temp.peek('p');
SELECT msg_id - :first AS number, receipt, lease_until, headers, body, group_key FROM cq.queue_peek('p', 2, 'archived');
\set VERBOSITY sqlstate
SELECT * FROM cq.queue_peek('nowhere');
SELECT * FROM cq.queue_peek(NULL);
SELECT * FROM cq.queue_peek('p', NULL);
SELECT * FROM cq.queue_peek('p', 0);
SELECT * FROM cq.queue_peek('p', -1);
SELECT * FROM cq.queue_peek('p', 10001);
SELECT * FROM cq.queue_peek('p', 10, '');
SELECT * FROM cq.queue_peek('p', 10, 'Ready');
SELECT * FROM cq.queue_peek('p', 10, 'blocked');
SELECT * FROM cq.queue_peek('p', 10, E'it''s "a"\nstate');
\set VERBOSITY terse

-- ---- statistics -----------------------------------------------------------------
SELECT cq.queue_create('s', lease => '1 h', max_attempts => 2, dedup_window => '1 h', group_concurrency => 1);
SELECT * FROM (SELECT (jsonb_each(to_jsonb(s))).* FROM cq.stat_queues s WHERE queue = 's') AS s WHERE key <> 'oldest';
SELECT cq.queue_send('s', '"1"') IS NOT NULL AS sent;
SELECT cq.queue_send('s', '"2"', group_key => 'g') IS NOT NULL AS sent;
SELECT cq.queue_send('s', '"3"', group_key => 'g') IS NOT NULL AS sent;
SELECT cq.queue_send('s', '"4"', delay => '1 min') IS NOT NULL AS sent;
SELECT cq.queue_send('s', '"5"', dedup_key => 'd') = cq.queue_send('s', '"5"', dedup_key => 'd') AS same;
SELECT cq.queue_send('s', '"6"', ttl => '1 ms') IS NOT NULL AS sent;
SELECT cq.queue_send('s', '"7"') IS NOT NULL AS sent;
SELECT cq.queue_send('s', '"8"') IS NOT NULL AS sent;
CALL pg_temp.await($$(SELECT timed_out = 1 FROM cq.stat_queues WHERE queue = 's')$$);
SELECT oldest < interval '5 min' AND oldest > interval '0' AS oldest FROM cq.stat_queues WHERE queue = 's';
SELECT cq.queue_ack('s', receipt) FROM cq.queue_receive('s');	-- 1
SELECT body FROM cq.queue_receive('s');							-- 2
SELECT cq.queue_nack('s', receipt, '1 min') FROM cq.queue_receive('s');	-- 5
SELECT cq.queue_reject('s', receipt) FROM cq.queue_receive('s');	-- 7
SELECT body FROM cq.queue_receive('s', lease => '1 ms');		-- 8
CALL pg_temp.await($$(SELECT expired = 1 FROM cq.stat_queues WHERE queue = 's')$$);
BEGIN;
SELECT cq.queue_send('s', '"9"') IS NOT NULL AS sent;
SELECT key, value FROM cq.stat_queues s, jsonb_each(to_jsonb(s)) WHERE queue = 's' AND key NOT IN ('oldest', 'entries', 'bytes') AND key !~ 'rate$';
ROLLBACK;
SELECT cq.queue_alter('s', max_length => 2, overflow => 'drop_oldest');
CALL pg_temp.await($$(SELECT dropped = 2 FROM cq.stat_queues WHERE queue = 's')$$);
SELECT ready, blocked, delayed, in_flight, dropped FROM cq.stat_queues WHERE queue = 's';
-- rates are of the last ten seconds
CALL pg_temp.await($$(SELECT sent_rate > 0 AND delivered_rate > 0 AND acknowledged_rate > 0 FROM cq.stat_queues WHERE queue = 's')$$);
SELECT sent_rate <= 1 AS sent, delivered_rate <= 1 AS delivered, acknowledged_rate <= 0.2 AS acknowledged FROM cq.stat_queues WHERE queue = 's';
-- bytes: those of bodies and headers
SELECT cq.queue_create('b');
SELECT bytes FROM cq.stat_queues WHERE queue = 'b';
SELECT cq.queue_send('b', to_jsonb(repeat('x', 10000)), jsonb_build_object('h', repeat('y', 1000))) IS NOT NULL AS sent;
SELECT bytes BETWEEN 11000 AND 11100 AS bytes FROM cq.stat_queues WHERE queue = 'b';
SELECT count(*) FROM cq.queue_take('b');
SELECT bytes FROM cq.stat_queues WHERE queue = 'b';

-- who holds what
SELECT cq.queue_create('c', lease => '1 h');
SELECT * FROM cq.stat_queue_consumers WHERE queue = 'c';
SELECT count(*) FROM cq.queue_send_many('c', ARRAY['1', '2', '3', '4']::jsonb[]);
SELECT count(*) FROM cq.queue_receive('c', 2);
SELECT count(*) FROM cq.queue_receive('c', 1, '10 min');
SELECT queue, pid = pg_backend_pid() AS own, in_flight, next_expiry BETWEEN now() + interval '9 min' AND now() + interval '11 min' AS next
FROM cq.stat_queue_consumers WHERE queue = 'c';
BEGIN;
SELECT count(*) FROM cq.queue_take('c');
SELECT queue, pid = pg_backend_pid() AS own, in_flight FROM cq.stat_queue_consumers WHERE queue = 'c';
ROLLBACK;
SELECT queue, pid = pg_backend_pid() AS own, in_flight FROM cq.stat_queue_consumers WHERE queue = 'c';

-- the tables
SELECT queue, segment, current, messages, in_memory, unloaded, message_bytes > 0 AS message_bytes, event_bytes >= 0 AS event_bytes
FROM cq.queue_segments WHERE queue = 'c' ORDER BY segment;
SELECT count(*) FROM cq.queue_segments WHERE queue IN (SELECT name FROM cq.queue);
SELECT count(DISTINCT queue) = (SELECT count(*) FROM cq.queue) AS "all queues" FROM cq.queue_segments;

SELECT count(cq.queue_drop(name)) FROM (SELECT name FROM cq.queue WHERE name NOT LIKE '%.dead' ORDER BY name) AS q;
SELECT count(cq.queue_drop(name)) FROM (SELECT name FROM cq.queue ORDER BY name) AS q;
