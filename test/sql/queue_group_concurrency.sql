-- Work queue: groups of which several messages are in flight, keys of groups, many groups.
\set VERBOSITY terse
\getenv input PG_ABS_SRCDIR
\i :input/sql/include/await.sql
\i :input/sql/include/queue_group.sql

-- any number of attempts: below, some messages come back often
SELECT cq.queue_create('g', lease => '1 h', max_attempts => NULL);

-- ---- more of a group at a time ---------------------------------------------------
TRUNCATE held;
SELECT cq.queue_alter('g', group_concurrency => 2);
SELECT pg_temp.send('a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'b1', '-1');
SELECT * FROM pg_temp.state;
SELECT pg_temp.receive();
SELECT pg_temp.receive();
SELECT cq.queue_ack('g', pg_temp.r('a2'));
SELECT pg_temp.receive();
-- one that waits for its next attempt does not hold the group
SELECT cq.queue_nack('g', pg_temp.r('a1'), '1 h');
SELECT * FROM pg_temp.state;
SELECT pg_temp.receive();
-- one that is ready again comes first
SELECT cq.queue_nack('g', pg_temp.r('a3'), '0');
SELECT pg_temp.receive();
BEGIN;
SELECT cq.queue_ack('g', pg_temp.r('a3'), pg_temp.r('a4'));
SELECT pg_temp.take();
COMMIT;
BEGIN;
SELECT pg_temp.take();
SELECT pg_temp.take();
ROLLBACK;
SELECT pg_temp.take();
SELECT cq.queue_purge('g');
SELECT cq.queue_ack('g', pg_temp.r('b1'), pg_temp.r('-1'));
SELECT * FROM pg_temp.state;
SELECT pg_temp.take();

-- whatever the order in which they become ready, the lowest numbers go first
TRUNCATE held;
SELECT pg_temp.send('a1', 'a2', 'a3', 'a4', 'a5', 'a6');
BEGIN;
SELECT cq.queue_purge('g');
ROLLBACK;
SELECT pg_temp.receive();
SELECT cq.queue_nack('g', pg_temp.r('a2'), '0');
SELECT cq.queue_nack('g', pg_temp.r('a1'), '0');
SELECT pg_temp.take();
SELECT cq.queue_purge('g');

-- the limit changes
TRUNCATE held;
SELECT pg_temp.send('a1', 'a2', 'a3', 'a4', 'a5', 'a6');
SELECT * FROM pg_temp.state;
SELECT cq.queue_alter('g', reset => '{group_concurrency}');
SELECT * FROM pg_temp.state;
SELECT pg_temp.receive();
SELECT cq.queue_alter('g', group_concurrency => 3);
SELECT pg_temp.receive();
SELECT cq.queue_alter('g', group_concurrency => 2);
SELECT cq.queue_ack('g', pg_temp.r('a2'));
SELECT pg_temp.receive();
SELECT cq.queue_ack('g', pg_temp.r('a1'));
SELECT pg_temp.receive();
SELECT cq.queue_alter('g', group_concurrency => 1);
SELECT cq.queue_nack('g', pg_temp.r('a4'), '0');
SELECT * FROM pg_temp.state;
SELECT pg_temp.receive();
SELECT cq.queue_ack('g', pg_temp.r('a3'));
SELECT pg_temp.take(), pg_temp.take();
SELECT pg_temp.take();
SELECT pg_temp.take();
SELECT * FROM pg_temp.state;

-- ---- keys ---------------------------------------------------------------------------
\set VERBOSITY sqlstate
SELECT cq.queue_send('g', '1', group_key => '');
SELECT cq.queue_send('g', '1', group_key => repeat('x', 1025));
SELECT cq.queue_send('g', '1', group_key => repeat('x', 1000000));
SELECT cq.queue_send('g', '1', group_key => 'a', priority => 1);
SELECT cq.queue_send_many('g', ARRAY['1', '2']::jsonb[], group_keys => ARRAY['a']);
SELECT cq.queue_send_many('g', ARRAY['1', '2']::jsonb[], group_keys => ARRAY['a', 'b', 'c']);
SELECT cq.queue_send_many('g', ARRAY['1', '2']::jsonb[], group_keys => ARRAY['a', '']);
SELECT cq.queue_send_many('g', ARRAY['1', '2']::jsonb[], group_keys => ARRAY[repeat('x', 1025), NULL]);
SELECT cq.queue_send_many('g', ARRAY['1', '2']::jsonb[], group_keys => '{}');
SELECT * FROM pg_temp.state;
\set VERBOSITY terse
SELECT count(*) FROM cq.queue_send_many('g', ARRAY['"a"', '"none"', '"a again"', '"none again"', '"b"']::jsonb[],
	group_keys => ARRAY['a', NULL, 'a', NULL, 'b']);
SELECT group_key, body FROM cq.queue_take('g', 10);
SELECT group_key, body FROM cq.queue_take('g', 10);
SELECT count(cq.queue_send('g', to_jsonb(i), group_key => key))
FROM unnest(ARRAY[repeat('x', 1024), E'it''s "a"\nkey', ' ', E'it''s "a"\nkey', 'A', 'a', 'NULL', ' ']) WITH ORDINALITY AS k (key, i);
SELECT length(group_key), body FROM cq.queue_take('g', 10);
SELECT length(group_key), body FROM cq.queue_take('g', 10);

-- the same key in two queues: two groups
SELECT cq.queue_create('g2');
SELECT pg_temp.send('a1');
SELECT cq.queue_send('g2', '"a1"', group_key => 'a') IS NOT NULL AS sent;
BEGIN;
SELECT pg_temp.take();
SELECT body FROM cq.queue_take('g2');
COMMIT;

-- ---- thousands, some of which fail and come back ---------------------------------------
CREATE TEMP TABLE log (n int GENERATED ALWAYS AS IDENTITY, group_key text, msg_id bigint);
DO $$
DECLARE
	m cq.message;
	k int := 0;
	found bool;
BEGIN
	FOR i IN 0 .. 2999 LOOP
		PERFORM cq.queue_send('g', to_jsonb(i), group_key => nullif('group ' || i * 7919 % 60, 'group 0'));
	END LOOP;
	COMMIT;
	LOOP
		found := false;
		FOR m IN SELECT * FROM cq.queue_receive('g', 23) LOOP
			found := true;
			k := k + 1;
			IF k % 7 = 0 THEN
				PERFORM cq.queue_nack('g', m.receipt, '0');
			ELSE
				INSERT INTO log (group_key, msg_id) VALUES (m.group_key, m.msg_id);
				PERFORM cq.queue_ack('g', m.receipt);
			END IF;
		END LOOP;
		EXIT WHEN NOT found;
		IF k % 5 = 0 THEN
			ROLLBACK;
		ELSE
			COMMIT;
		END IF;
	END LOOP;
END $$;
SELECT count(*), count(DISTINCT msg_id), count(DISTINCT group_key) AS groups,
	count(*) FILTER (WHERE group_key IS NOT NULL AND NOT in_order) AS "out of order"
FROM (SELECT *, lag(msg_id) OVER (PARTITION BY group_key ORDER BY n) < msg_id AS in_order FROM log) AS l;
SELECT * FROM pg_temp.state;

SELECT cq.queue_drop('g'), cq.queue_drop('g2');
SELECT cq.queue_drop('g.dead'), cq.queue_drop('g2.dead');
