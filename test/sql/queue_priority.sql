-- Work queue: priorities.
\set VERBOSITY terse
\getenv input PG_ABS_SRCDIR
\i :input/sql/include/await.sql

SELECT cq.queue_create('prio', max_attempts => NULL);

-- higher ones first, then in the order of their numbers
SELECT cq.queue_send('prio', '"a"') IS NOT NULL AS sent;
SELECT cq.queue_send('prio', '"b"', priority => 1) IS NOT NULL AS sent;
SELECT cq.queue_send('prio', '"c"', priority => -1) IS NOT NULL AS sent;
SELECT cq.queue_send('prio', '"d"', priority => 1) IS NOT NULL AS sent;
SELECT cq.queue_send('prio', '"e"', priority => 15) IS NOT NULL AS sent;
SELECT cq.queue_send('prio', '"f"', priority => -16) IS NOT NULL AS sent;
SELECT cq.queue_send('prio', '"g"', priority => 0) IS NOT NULL AS sent;
-- (looking at them has an order of its own)
SELECT priority, body FROM cq.queue_peek('prio');
SELECT priority, body FROM cq.queue_take('prio', 10);

-- one at a time, with new ones in between
SELECT count(*) FROM cq.queue_send_many('prio', ARRAY['"low 1"', '"low 2"']::jsonb[], priority => -5);
SELECT count(*) FROM cq.queue_send_many('prio', ARRAY['"high 1"', '"high 2"']::jsonb[], priority => 5);
SELECT body FROM cq.queue_take('prio');
SELECT cq.queue_send('prio', '"middle"') IS NOT NULL AS sent;
SELECT body FROM cq.queue_take('prio');
SELECT body FROM cq.queue_take('prio');
SELECT cq.queue_send('prio', '"higher"', priority => 6) IS NOT NULL AS sent;
SELECT body FROM cq.queue_take('prio');
SELECT body FROM cq.queue_take('prio');
SELECT cq.queue_send('prio', '"lower"', priority => -6) IS NOT NULL AS sent;
SELECT body FROM cq.queue_take('prio');
SELECT body FROM cq.queue_take('prio');
SELECT body FROM cq.queue_take('prio');

-- what comes back goes to its place: after a rollback, a failure, the end of a lease
SELECT count(*) FROM cq.queue_send_many('prio', ARRAY['"0/1"', '"0/2"', '"0/3"']::jsonb[]);
SELECT count(*) FROM cq.queue_send_many('prio', ARRAY['"7/1"', '"7/2"', '"7/3"']::jsonb[], priority => 7);
SELECT count(*) FROM cq.queue_send_many('prio', ARRAY['"-7/1"', '"-7/2"', '"-7/3"']::jsonb[], priority => -7);
BEGIN;
SELECT body FROM cq.queue_take('prio', 5);
ROLLBACK;
BEGIN;
SELECT body FROM cq.queue_receive('prio', 2);
SAVEPOINT s;
SELECT body FROM cq.queue_take('prio', 5);
ROLLBACK TO s;
SELECT body FROM cq.queue_take('prio');
ROLLBACK;
SELECT cq.queue_nack('prio', receipt, '0') FROM cq.queue_receive('prio', 5, '1 h') WHERE body IN ('"7/2"', '"0/1"');
SELECT body, attempt FROM cq.queue_receive('prio', 1, '20 ms');
CALL pg_temp.await($$(SELECT expired = 1 FROM cq.stat_queues WHERE queue = 'prio')$$);
SELECT body, attempt FROM cq.queue_receive('prio', 10);
SELECT cq.queue_purge('prio');
-- the dead letters keep it
SELECT cq.queue_send('prio', '"best"', priority => 15) IS NOT NULL AS sent;
SELECT cq.queue_send('prio', '"worst"', priority => -16) IS NOT NULL AS sent;
SELECT cq.queue_reject('prio', receipt) FROM cq.queue_receive('prio', 2);
SELECT priority, body, attempt FROM cq.queue_peek('prio.dead');
SELECT priority, body FROM cq.queue_take('prio.dead', 10);

-- delayed ones too, once they are due
SELECT cq.queue_drop('prio');
SELECT cq.queue_create('prio');
SELECT cq.queue_send('prio', '"later"', delay => '50 ms', priority => 3) IS NOT NULL AS sent;
SELECT cq.queue_send('prio', '"soon, but low"', delay => '1 ms', priority => -3) IS NOT NULL AS sent;
SELECT cq.queue_send('prio', '"never"', delay => '1 day', priority => 9) IS NOT NULL AS sent;
CALL pg_temp.await($$(SELECT ready = 2 FROM cq.stat_queues WHERE queue = 'prio')$$);
SELECT cq.queue_send('prio', '"now"') IS NOT NULL AS sent;
SELECT body FROM cq.queue_take('prio', 10);
SELECT cq.queue_purge('prio');

-- thousands of them, some given back
CREATE TEMP TABLE got (n int GENERATED ALWAYS AS IDENTITY, msg_id bigint, priority int);
DO $$
DECLARE
	round int := 0;
BEGIN
	FOR i IN 0 .. 2999 LOOP
		PERFORM cq.queue_send('prio', to_jsonb(i), priority => (i * 7919) % 32 - 16);
	END LOOP;
	COMMIT;
	LOOP
		round := round + 1;
		INSERT INTO got (msg_id, priority) SELECT m.msg_id, m.priority FROM cq.queue_take('prio', 100) m;
		EXIT WHEN NOT FOUND;
		IF round % 3 = 0 THEN
			ROLLBACK;
		ELSE
			COMMIT;
		END IF;
	END LOOP;
END $$;
SELECT count(*), count(DISTINCT msg_id), count(*) FILTER (WHERE NOT in_order) AS "out of order"
FROM (SELECT msg_id, lag((-priority, msg_id)) OVER (ORDER BY n) < (-priority, msg_id) AS in_order FROM got) AS g;
SELECT ready, delayed, in_flight FROM cq.stat_queues WHERE queue = 'prio';

-- within one transaction: its own messages come when it has committed
BEGIN;
SELECT cq.queue_send('prio', '"own"', priority => 15) IS NOT NULL AS sent;
SELECT body FROM cq.queue_take('prio', 10);
COMMIT;
SELECT body, priority FROM cq.queue_take('prio', 10);

-- what is refused
\set VERBOSITY sqlstate
SELECT cq.queue_send('prio', '1', priority => 16);
SELECT cq.queue_send('prio', '1', priority => -17);
SELECT cq.queue_send('prio', '1', priority => 2147483647);
SELECT cq.queue_send('prio', '1', priority => -2147483648);
SELECT cq.queue_send('prio', '1', priority => NULL);
SELECT cq.queue_send_many('prio', ARRAY['1']::jsonb[], priority => 16);
SELECT cq.queue_send_many('prio', ARRAY['1']::jsonb[], priority => NULL);
SELECT cq.queue_send_many('prio', '{}', priority => 16);
-- the order of a group is that of its numbers
SELECT cq.queue_send('prio', '1', priority => 1, group_key => 'g');
SELECT cq.queue_send('prio', '1', priority => -1, group_key => 'g');
SELECT cq.queue_send_many('prio', ARRAY['1', '2']::jsonb[], priority => 1, group_keys => ARRAY[NULL, 'g']);
SELECT cq.queue_send('prio', '1', priority => 0, group_key => 'g') IS NOT NULL AS sent;
SELECT cq.queue_send_many('prio', ARRAY['2', '3']::jsonb[], priority => 1, group_keys => ARRAY[NULL, NULL]) IS NOT NULL AS sent;
SELECT body FROM cq.queue_take('prio', 10);

SELECT cq.queue_drop('prio');
SELECT cq.queue_drop('prio.dead');
