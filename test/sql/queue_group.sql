-- Work queue: groups.
\set VERBOSITY terse

-- The first letter of a message says what group it is of; '-': of none.
CREATE FUNCTION pg_temp.send(VARIADIC bodies text[]) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(cq.queue_send('g', to_jsonb(b), group_key => nullif(left(b, 1), '-'))) FROM unnest(bodies) AS b;
$$;
CREATE TEMP TABLE held (body text, receipt text, attempt int);
CREATE FUNCTION pg_temp.receive(lease interval = NULL) RETURNS text LANGUAGE sql AS $$
	WITH m AS (
		INSERT INTO held SELECT body #>> '{}', receipt, attempt FROM cq.queue_receive('g', 10, lease)
		RETURNING body, attempt)
	SELECT string_agg(body || '/' || attempt, ' ') FROM m;
$$;
CREATE FUNCTION pg_temp.take(max int = 10) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg((body #>> '{}') || '/' || attempt, ' ') FROM cq.queue_take('g', max);
$$;
-- receipt of the latest delivery
CREATE FUNCTION pg_temp.r(body text) RETURNS text LANGUAGE sql AS $$
	SELECT receipt FROM held WHERE body = $1 ORDER BY attempt DESC LIMIT 1;
$$;
CREATE VIEW pg_temp.state AS SELECT ready, blocked, delayed, in_flight FROM cq.stat_queues WHERE queue = 'g';
CREATE PROCEDURE pg_temp.await(condition text) LANGUAGE plpgsql AS $$
DECLARE
	met bool;
BEGIN
	FOR i IN 1 .. 3000 LOOP
		EXECUTE 'SELECT ' || condition || ' FROM pg_temp.state' INTO met;
		EXIT WHEN met;
		COMMIT;
		PERFORM pg_sleep(0.01);
	END LOOP;
	IF NOT met THEN
		RAISE NOTICE 'never: %', condition;
	END IF;
END $$;

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
CALL pg_temp.await('delayed = 0');
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
CALL pg_temp.await('in_flight = 0');
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
CALL pg_temp.await('ready + blocked = 1');
SELECT pg_temp.take();
-- the first is in flight, the second times out behind it
SELECT cq.queue_send('g', '"a1"', ttl => '1 day', group_key => 'a') IS NOT NULL AS sent;
SELECT cq.queue_send('g', '"a2"', ttl => '50 ms', group_key => 'a') IS NOT NULL AS sent;
SELECT pg_temp.send('a3');
SELECT pg_temp.receive();
CALL pg_temp.await('blocked = 1');
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
CALL pg_temp.await('delayed = 2');
SELECT * FROM pg_temp.receive();
SELECT cq.queue_ack('g', pg_temp.r('a2'), pg_temp.r('b2'));
SELECT * FROM pg_temp.receive();
SELECT cq.queue_ack('g', pg_temp.r('a1'));
SELECT * FROM pg_temp.receive();
SELECT cq.queue_ack('g', pg_temp.r('a3'));
SELECT * FROM pg_temp.state;
SELECT cq.queue_purge('g');
SELECT pg_temp.take();

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
