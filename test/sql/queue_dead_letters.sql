-- Work queue: sending dead letters home.
\set VERBOSITY terse
\getenv input PG_ABS_SRCDIR
\i :input/sql/include/await.sql
\i :input/sql/include/queue.sql

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
-- no sender can say where a message comes from
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

SELECT count(cq.queue_drop(name)) FROM (SELECT name FROM cq.queue WHERE name NOT LIKE '%.dead' ORDER BY name) AS q;
SELECT count(cq.queue_drop(name)) FROM (SELECT name FROM cq.queue ORDER BY name) AS q;
