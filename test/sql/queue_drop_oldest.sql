-- Work queue: overflow drop_oldest, which messages make room.
\set VERBOSITY terse
\getenv input PG_ABS_SRCDIR
\i :input/sql/include/await.sql
\i :input/sql/include/queue.sql

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

SELECT count(cq.queue_drop(name)) FROM (SELECT name FROM cq.queue WHERE name NOT LIKE '%.dead' ORDER BY name) AS q;
SELECT count(cq.queue_drop(name)) FROM (SELECT name FROM cq.queue ORDER BY name) AS q;
