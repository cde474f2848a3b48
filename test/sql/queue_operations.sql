-- Work queue: looking at it, sending dead letters home, statistics.
\set VERBOSITY terse

CREATE PROCEDURE pg_temp.await(condition text) LANGUAGE plpgsql AS $$
DECLARE
	met bool;
BEGIN
	FOR i IN 1 .. 3000 LOOP
		EXECUTE 'SELECT ' || condition INTO met;
		EXIT WHEN met;
		COMMIT;
		PERFORM pg_sleep(0.01);
	END LOOP;
	IF NOT met THEN
		RAISE NOTICE 'never: %', condition;
	END IF;
END $$;
CREATE FUNCTION pg_temp.peek(queue text, state text = NULL, max int = 100) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(body #>> '{}', ' ') FROM cq.queue_peek(queue, max, state);
$$;

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

-- ---- redrive ------------------------------------------------------------------
SELECT cq.queue_create('home', lease => '1 h', max_attempts => 1);
SELECT cq.queue_create('home2', dead_letter => 'home.dead');
CREATE FUNCTION pg_temp.die(queue text, bodies jsonb[], headers jsonb[] = NULL, group_keys text[] = NULL) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM cq.queue_send_many(queue, bodies, headers, group_keys => group_keys);
$$;
CREATE FUNCTION pg_temp.reject(queue text) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(cq.queue_reject(queue, receipt, 'bad luck')) FROM cq.queue_receive(queue, 100);
$$;
CREATE VIEW pg_temp.counts AS
	SELECT queue, ready, delayed, in_flight FROM cq.stat_queues WHERE queue ~ '^home' AND queue <> 'home2.dead' ORDER BY queue;
SELECT pg_temp.die('home', ARRAY['1', '"two"', '{"n": 3}', '[4]', 'null']::jsonb[],
	ARRAY['{"h": 1}', NULL, '{"h": 3, "tenant": "a"}', '{}', NULL]::jsonb[], ARRAY[NULL, NULL, 'g', 'g2', NULL]);
SELECT pg_temp.reject('home');
SELECT pg_temp.die('home2', ARRAY['6']::jsonb[]);
SELECT pg_temp.reject('home2');
SELECT * FROM pg_temp.counts;
-- in the transaction
BEGIN;
SELECT cq.queue_redrive('home.dead');
SELECT pg_temp.peek('home', 'ready'), pg_temp.peek('home.dead', 'ready');
ROLLBACK;
SELECT * FROM pg_temp.counts;
BEGIN;
SAVEPOINT s;
SELECT cq.queue_redrive('home.dead');
ROLLBACK TO s;
COMMIT;
SELECT * FROM pg_temp.counts;
-- all: each to its own queue, with its own headers; as new
SELECT cq.queue_redrive('home.dead');
SELECT * FROM pg_temp.counts;
SELECT attempt, priority, group_key, headers, body FROM cq.queue_take('home', 10);
SELECT attempt, group_key, headers, body FROM cq.queue_take('home2', 10);
SELECT cq.queue_redrive('home.dead');
-- some
SELECT pg_temp.die('home', ARRAY['1', '2', '3', '4', '5', '6']::jsonb[]);
SELECT pg_temp.reject('home');
SELECT cq.queue_redrive('home.dead', 2);
SELECT pg_temp.peek('home'), pg_temp.peek('home.dead');
SELECT cq.queue_redrive('home.dead', max => 1000);
SELECT pg_temp.peek('home'), pg_temp.peek('home.dead');
SELECT pg_temp.reject('home');
-- those that match; the others stay, in their order
SELECT cq.queue_redrive('home.dead', filter => '{"body": 5}');
SELECT pg_temp.peek('home'), pg_temp.peek('home.dead');
SELECT cq.queue_redrive('home.dead', filter => '{"body": 5}'), cq.queue_redrive('home.dead', filter => '{"body": "1"}');
SELECT cq.queue_purge('home'), cq.queue_purge('home.dead');
SELECT pg_temp.die('home', ARRAY['{"n": 1, "tags": ["a", "b"]}', '{"n": 2}', '{"n": 1}', '"n"', '{"n": {"m": 1}}']::jsonb[],
	ARRAY['{"tenant": "a"}', '{"tenant": "a"}', '{"tenant": "b"}', NULL, '{"tenant": "b"}']::jsonb[]);
SELECT pg_temp.reject('home');
CREATE FUNCTION pg_temp.redriven(filter jsonb) RETURNS TABLE (n bigint, bodies jsonb[]) LANGUAGE plpgsql AS $$
BEGIN
	-- what it sends is seen once it has committed: count only, and undo
	n := cq.queue_redrive('home.dead', filter => redriven.filter);
	SELECT array_agg(body ORDER BY msg_id) INTO bodies FROM cq.queue_peek('home.dead', 10, 'ready');
	RETURN NEXT;
	RAISE EXCEPTION USING ERRCODE = 'CQ000';
EXCEPTION WHEN SQLSTATE 'CQ000' THEN
END $$;
SELECT filter, r.* FROM unnest(ARRAY['{}', '{"body": {"n": 1}}', '{"headers": {"tenant": "a"}}', '{"body": {"n": 1}, "headers": {"tenant": "a"}}',
	'{"body": "n"}', '{"body": {"tags": ["b"]}}', '{"body": {"n": {}}}', '{"headers": {"dead_letter": {"queue": "home"}}}',
	'{"headers": {"dead_letter": {"error": "bad luck"}}}', '{"headers": {"dead_letter": {"queue": "home2"}}}', '{"other": 1}',
	'[]', '1']::jsonb[]) WITH ORDINALITY AS f (filter, n), pg_temp.redriven(filter) AS r ORDER BY f.n;
SELECT pg_temp.peek('home.dead');
SELECT headers ->> 'tenant' AS tenant, headers #>> '{dead_letter,error}' AS error FROM cq.queue_peek('home.dead');
SELECT cq.queue_redrive('home.dead', 1, '{"headers": {"tenant": "b"}}');
SELECT headers, body FROM cq.queue_peek('home');
SELECT cq.queue_redrive('home.dead', 10, '{"headers": {"tenant": "b"}}');
SELECT headers, body FROM cq.queue_peek('home');
SELECT cq.queue_purge('home'), cq.queue_purge('home.dead');
-- more than go at once, of which few match
SELECT count(*) FROM cq.queue_send_many('home', ARRAY(SELECT to_jsonb(i) FROM generate_series(1, 2500) AS i));
SELECT count(cq.queue_reject('home', receipt)) FROM cq.queue_receive('home', 2500);
SELECT cq.queue_redrive('home.dead', filter => '{"body": 2400}');
SELECT cq.queue_redrive('home.dead', 3, '{"headers": {"dead_letter": {"queue": "nowhere"}}}');
SELECT cq.queue_redrive('home.dead', 1200);
SELECT * FROM pg_temp.counts;
SELECT count(*), max(body::int) FROM cq.queue_take('home', 2500);
SELECT body, attempt FROM cq.queue_receive('home.dead', 2);
SELECT cq.queue_purge('home.dead');
SELECT count(cq.queue_ack('home.dead', receipt)) FROM cq.queue_receive('home.dead', 2);
SELECT cq.queue_drop('home'), cq.queue_drop('home2'), cq.queue_drop('home.dead'), cq.queue_create('home', lease => '1 h', max_attempts => 1);
-- slowly: the i-th is due i/rate seconds later
SELECT pg_temp.die('home', ARRAY['1', '2', '3', '4']::jsonb[]);
SELECT pg_temp.reject('home');
SELECT cq.queue_redrive('home.dead', rate => 0.01);
SELECT * FROM pg_temp.counts;
SELECT queue_id AS id FROM cq.queue WHERE name = 'home' \gset
\set table 'cq.q' :id '_s0'
SELECT body, round(extract(epoch FROM deliver_at - enqueued_at)) AS seconds FROM :table WHERE deliver_at IS NOT NULL ORDER BY msg_id;
SELECT cq.queue_purge('home');
-- elsewhere
SELECT cq.queue_create('elsewhere');
SELECT pg_temp.die('home', ARRAY['1', '2']::jsonb[], ARRAY['{"h": 1}', NULL]::jsonb[]);
SELECT pg_temp.reject('home');
SELECT cq.queue_redrive('home.dead', 1, target => 'elsewhere');
SELECT headers, body FROM cq.queue_take('elsewhere', 10);
SELECT cq.queue_redrive('home.dead', target => 'elsewhere', filter => '{"body": 2}');
SELECT headers, body FROM cq.queue_take('elsewhere', 10);
-- a message without an origin stays, or goes where one says
SELECT cq.queue_send('home.dead', '"no headers"') IS NOT NULL AS sent;
SELECT cq.queue_send('home.dead', '"others"', '{"h": 1}') IS NOT NULL AS sent;
-- nobody can say where a message comes from
SELECT cq.queue_send('home.dead', '"strange"', '{"dead_letter": "home"}');
SELECT cq.queue_send('home.dead', '"like one"', '{"dead_letter": {"queue": "home"}, "h": 2}');
SELECT cq.queue_send_many('home.dead', '{1,2}', ARRAY['{}', '{"dead_letter": {"queue": "home"}}']::jsonb[]);
SELECT cq.queue_redrive('home.dead');
SELECT headers, body FROM cq.queue_take('home', 10);
SELECT pg_temp.peek('home.dead', 'ready');
SELECT cq.queue_redrive('home.dead', target => 'elsewhere');
SELECT headers, body FROM cq.queue_take('elsewhere', 10);
-- its queue is gone
SELECT cq.queue_create('gone', dead_letter => 'home.dead');
SELECT pg_temp.die('gone', ARRAY['1']::jsonb[]);
SELECT pg_temp.reject('gone');
SELECT cq.queue_drop('gone');
SELECT cq.queue_redrive('home.dead');
SELECT cq.queue_redrive('home.dead', target => 'elsewhere');
SELECT body FROM cq.queue_take('elsewhere', 10);
-- its queue is full
SELECT pg_temp.die('home', ARRAY['1', '2', '3']::jsonb[]);
SELECT pg_temp.reject('home');
SELECT cq.queue_alter('home', max_length => 2);
SELECT cq.queue_redrive('home.dead');
SELECT * FROM pg_temp.counts;
SELECT cq.queue_redrive('home.dead', 2);
SELECT * FROM pg_temp.counts;
SELECT cq.queue_purge('home'), cq.queue_purge('home.dead');
-- whatever limits the queue of dead letters has
SELECT cq.queue_alter('home', reset => '{max_length}');
SELECT pg_temp.die('home', ARRAY['1', '2', '3', '4', '5']::jsonb[], group_keys => ARRAY['g', 'g', 'g', NULL, 'g']);
SELECT pg_temp.reject('home');
SELECT pg_temp.reject('home');
SELECT pg_temp.peek('home'), pg_temp.peek('home.dead');
SELECT cq.queue_alter('home.dead', concurrency => 1, rate_limit => 0.001), cq.queue_pause('home.dead');
SELECT cq.queue_redrive('home.dead', filter => '{"body": 3}');
SELECT cq.queue_redrive('home.dead', 2);
SELECT cq.queue_redrive('home.dead');
SELECT pg_temp.peek('home'), pg_temp.peek('home.dead');
SELECT cq.queue_purge('home'), cq.queue_resume('home.dead'), cq.queue_alter('home.dead', reset => '{concurrency, rate_limit}');
-- any queue may be emptied that way
SELECT cq.queue_send('elsewhere', '1') IS NOT NULL AS sent;
SELECT cq.queue_redrive('elsewhere'), cq.queue_redrive('elsewhere', target => 'home');
SELECT body FROM cq.queue_take('home', 10);
-- privileges: manage here, send there
CREATE ROLE cq_test_user;
GRANT USAGE ON SCHEMA cq TO cq_test_user;
SELECT pg_temp.die('home', ARRAY['1']::jsonb[]);
SELECT pg_temp.reject('home');
SELECT cq.queue_grant('home.dead', 'cq_test_user', 'consume'), cq.queue_grant('home.dead', 'cq_test_user', 'send');
SET ROLE cq_test_user;
SELECT pg_temp.peek('home.dead');
SELECT cq.queue_redrive('home.dead');
RESET ROLE;
SELECT cq.queue_revoke('home.dead', 'cq_test_user', 'consume'), cq.queue_revoke('home.dead', 'cq_test_user', 'send');
SELECT cq.queue_grant('home.dead', 'cq_test_user', 'manage');
SET ROLE cq_test_user;
SELECT pg_temp.peek('home.dead');
SELECT cq.queue_redrive('home.dead');
SELECT cq.queue_redrive('home.dead', target => 'elsewhere');
RESET ROLE;
SELECT cq.queue_grant('home', 'cq_test_user', 'send');
SET ROLE cq_test_user;
SELECT * FROM cq.queue_peek('home');
SELECT cq.queue_redrive('home.dead');
SELECT queue FROM cq.stat_queues ORDER BY queue;
SELECT queue FROM cq.stat_queue_consumers ORDER BY queue;
SELECT DISTINCT queue FROM cq.queue_segments ORDER BY queue;
RESET ROLE;
SELECT cq.queue_purge('home');
REVOKE ALL ON SCHEMA cq FROM cq_test_user;
SELECT cq.queue_revoke('home', 'cq_test_user', 'send'), cq.queue_revoke('home.dead', 'cq_test_user', 'manage');
DROP ROLE cq_test_user;
\set VERBOSITY sqlstate
SELECT cq.queue_redrive('nowhere');
SELECT cq.queue_redrive(NULL);
SELECT cq.queue_redrive('home.dead', 0);
SELECT cq.queue_redrive('home.dead', -1);
SELECT cq.queue_redrive('home.dead', rate => 0);
SELECT cq.queue_redrive('home.dead', rate => -1);
SELECT cq.queue_redrive('home.dead', rate => 'NaN');
SELECT cq.queue_redrive('home.dead', rate => 'Infinity');
SELECT cq.queue_redrive('home.dead', target => 'nowhere');
SELECT cq.queue_redrive('home.dead', target => '');
SELECT cq.queue_redrive('home.dead', target => 'home.dead');
BEGIN READ ONLY;
SELECT cq.queue_redrive('home.dead');
ROLLBACK;
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
