-- Work queue: how many are in flight, and how fast they go.
\set VERBOSITY terse
\getenv input PG_ABS_SRCDIR
\i :input/sql/include/await.sql
\i :input/sql/include/queue.sql

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
