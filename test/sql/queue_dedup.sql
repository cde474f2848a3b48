-- Work queue: deduplication keys, and work that is done once.
\set VERBOSITY terse
\getenv input PG_ABS_SRCDIR
\i :input/sql/include/await.sql

-- ---- in one transaction, committed, rolled back ---------------------------
SELECT cq.queue_create('d');
BEGIN;
SELECT cq.queue_send('d', '1', dedup_key => 'a') AS first \gset
SELECT cq.queue_send('d', '2', dedup_key => 'a') = :first AS same;
SELECT cq.queue_send('d', '3', dedup_key => 'b') > :first AS another;
COMMIT;
SELECT cq.queue_send('d', '4', dedup_key => 'a') = :first AS same;
SELECT cq.queue_send('d', '5') > :first AS another;
SELECT cq.queue_send('d', '6', dedup_key => NULL) > :first AS another;
SELECT body, msg_id = :first AS first FROM cq.queue_take('d', 10);
-- consumed, but still remembered
SELECT cq.queue_send('d', '7', dedup_key => 'a') = :first AS same;
SELECT body FROM cq.queue_take('d', 10);
SELECT sent, duplicates FROM cq.stat_queues WHERE queue = 'd';

-- rolled back: the key is free
BEGIN;
SELECT cq.queue_send('d', '1', dedup_key => 'c') AS rolled_back \gset
ROLLBACK;
SELECT cq.queue_send('d', '2', dedup_key => 'c') <> :rolled_back AS another;
SELECT body FROM cq.queue_take('d', 10);
BEGIN;
SAVEPOINT s;
SELECT cq.queue_send('d', '1', dedup_key => 'd') AS rolled_back \gset
ROLLBACK TO s;
SELECT cq.queue_send('d', '2', dedup_key => 'd') AS first \gset
SELECT :first <> :rolled_back AS another;
SAVEPOINT s2;
SELECT cq.queue_send('d', '3', dedup_key => 'd') = :first AS same;
SELECT cq.queue_send('d', '4', dedup_key => 'e') > :first AS another;
ROLLBACK TO s2;
SAVEPOINT s3;
SELECT cq.queue_send('d', '5', dedup_key => 'e') AS second \gset
RELEASE s3;
SELECT cq.queue_send('d', '6', dedup_key => 'e') = :second AS same;
COMMIT;
SELECT cq.queue_send('d', '7', dedup_key => 'd') = :first AS same, cq.queue_send('d', '7', dedup_key => 'e') = :second AS same;
SELECT body FROM cq.queue_take('d', 10);
-- an error that is caught is a rollback, too
DO $$ BEGIN
	PERFORM cq.queue_send('d', '1', dedup_key => 'f');
	RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN
	PERFORM cq.queue_send('d', '2', dedup_key => 'f');
END $$;
SELECT body FROM cq.queue_take('d', 10);
-- at every isolation level
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT cq.queue_send('d', '1', dedup_key => 'f') > 0 AS sent;
SELECT cq.queue_send('d', '2', dedup_key => 'g') > 0 AS sent;
SELECT cq.queue_send('d', '3', dedup_key => 'g') > 0 AS sent;
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT cq.queue_send('d', '4', dedup_key => 'g') > 0 AS sent;
SELECT cq.queue_send('d', '5', dedup_key => 'h') > 0 AS sent;
COMMIT;
SELECT body FROM cq.queue_take('d', 10);
-- a prepared transaction keeps it
BEGIN;
SELECT cq.queue_send('d', '1', dedup_key => 'p') AS first \gset
PREPARE TRANSACTION 'cq_dedup';
SET lock_timeout = '20 ms';
SELECT cq.queue_send('d', '2', dedup_key => 'p');
SELECT cq.queue_send('d', '3', dedup_key => 'q') > 0 AS sent;
RESET lock_timeout;
COMMIT PREPARED 'cq_dedup';
SELECT cq.queue_send('d', '2', dedup_key => 'p') = :first AS same;
BEGIN;
SELECT cq.queue_send('d', '4', dedup_key => 'r') AS rolled_back \gset
PREPARE TRANSACTION 'cq_dedup';
ROLLBACK PREPARED 'cq_dedup';
SELECT cq.queue_send('d', '5', dedup_key => 'r') <> :rolled_back AS another;
CALL pg_temp.await($$(SELECT ready = 3 FROM cq.stat_queues WHERE queue = 'd')$$);
SELECT body FROM cq.queue_take('d', 10);

-- ---- many at a time ---------------------------------------------------------
CREATE FUNCTION pg_temp.send_many(keys text[]) RETURNS TABLE (body int, number bigint) LANGUAGE sql AS $$
	-- numbers are given in the order of the first of each
	SELECT o, dense_rank() OVER (ORDER BY n)
	FROM cq.queue_send_many('d', ARRAY(SELECT to_jsonb(i) FROM generate_series(1, cardinality(keys)) i), dedup_keys => keys)
		WITH ORDINALITY AS s (n, o) ORDER BY o;
$$;
SELECT * FROM pg_temp.send_many('{m1, m2, m1, m3, m2, m1}');
SELECT body FROM cq.queue_take('d', 10);
-- (numbers of messages sent before are lower)
SELECT * FROM pg_temp.send_many('{m4, m1, m5, m2, NULL, m4, NULL, m3}');
SELECT body FROM cq.queue_take('d', 10);
SELECT * FROM pg_temp.send_many('{NULL, m6, NULL, m7}');
SELECT body FROM cq.queue_take('d', 10);
SELECT * FROM pg_temp.send_many('{m1, m2, m3}');
SELECT body FROM cq.queue_take('d', 10);
SELECT * FROM pg_temp.send_many('{}');
-- with groups, delays and headers, and more than one goes at once
SELECT count(*), count(DISTINCT n) FROM cq.queue_send_many('d', array_fill('1'::jsonb, ARRAY[5000]),
	dedup_keys => ARRAY(SELECT 'many ' || i % 2500 FROM generate_series(1, 5000) i)) AS n;
SELECT count(*) FROM cq.queue_take('d', 5000);
SELECT count(*), count(DISTINCT n) FROM cq.queue_send_many('d', ARRAY['1', '2', '3']::jsonb[], ARRAY['{"h": 1}', NULL, '{"h": 3}']::jsonb[],
	group_keys => ARRAY['g', 'g', NULL], dedup_keys => ARRAY['n1', 'n2', 'n1']) AS n;
SELECT body, headers, group_key FROM cq.queue_take('d', 10);
SELECT body, headers, group_key FROM cq.queue_take('d', 10);

-- ---- a key belongs to its queue, and to nothing else -------------------------
SELECT cq.queue_create('d2');
SELECT cq.queue_send('d2', '1', dedup_key => 'a') IS NOT NULL AS sent;
SELECT body FROM cq.queue_take('d2');
SELECT cq.queue_send('d', '1', dedup_key => E'it''s "a"\nkey') IS NOT NULL AS sent;
SELECT cq.queue_send('d', '2', dedup_key => E'it''s "a"\nkey') IS NOT NULL AS sent;
SELECT cq.queue_send('d', '3', dedup_key => E'it''s "a"\nkey ') IS NOT NULL AS sent;
SELECT cq.queue_send('d', '4', dedup_key => 'A') IS NOT NULL AS sent;
SELECT cq.queue_send('d', '5', dedup_key => repeat('x', 1024)) IS NOT NULL AS sent;
SELECT cq.queue_send('d', '6', dedup_key => repeat('x', 1024)) IS NOT NULL AS sent;
SELECT cq.queue_send('d', '7', dedup_key => repeat('x', 1023)) IS NOT NULL AS sent;
SELECT body FROM cq.queue_take('d', 10);
-- no dead letter, and nothing that is sent home, is a duplicate
SELECT cq.queue_send('d', '1', dedup_key => 'dead') IS NOT NULL AS sent;
SELECT cq.queue_reject('d', receipt) FROM cq.queue_receive('d');
SELECT cq.queue_redrive('d.dead');
SELECT body FROM cq.queue_take('d', 10);
SELECT cq.queue_send('d', '2', dedup_key => 'dead') IS NOT NULL AS sent;
SELECT body FROM cq.queue_take('d', 10);

-- ---- the window ------------------------------------------------------------------
SELECT cq.queue_create('w', dedup_window => '300 ms');
SELECT cq.queue_send('w', '1', dedup_key => 'a') AS first \gset
CALL pg_temp.await(format($$cq.queue_send('w', '2', dedup_key => 'a') <> %s$$, :first));
SELECT body FROM cq.queue_take('w', 10);
-- a longer one holds for keys from then on
SELECT cq.queue_alter('w', dedup_window => '1 h');
SELECT cq.queue_send('w', '3', dedup_key => 'b') AS first \gset
-- keys that are still in their window stay, however often old ones go
SELECT cq.queue_alter('w', dedup_window => '1 ms');
DO $$ BEGIN
	FOR i IN 1 .. 5 LOOP
		FOR j IN 1 .. 100 LOOP
			PERFORM cq.queue_send('w', '0', dedup_key => 'short ' || j);
		END LOOP;
		COMMIT;
		PERFORM pg_sleep(0.3);
		CALL cq.queue_maintain();
	END LOOP;
END $$;
SELECT cq.queue_send('w', '4', dedup_key => 'b') = :first AS same;
SELECT count(*) FROM cq.queue_take('w', 1000);
-- and those that are not go
CALL pg_temp.await($$(SELECT pg_relation_size(format('cq.q%s_k0', queue_id)::regclass) + pg_relation_size(format('cq.q%s_k1', queue_id)::regclass) = 8192 FROM cq.queue WHERE name = 'w')$$);
SELECT cq.queue_send('w', '5', dedup_key => 'b') = :first AS same;

-- ---- once ------------------------------------------------------------------------
SELECT cq.queue_create('o', lease => '1 h');
SELECT cq.queue_send('o', '1') AS m1 \gset
SELECT cq.queue_send('o', '2') AS m2 \gset
SELECT cq.queue_once('mailer', 'o', :m1);
SELECT cq.queue_once('mailer', 'o', :m1);
SELECT cq.queue_once('mailer', 'o', :m2);
SELECT cq.queue_once('printer', 'o', :m1);
SELECT cq.queue_once('mailer', 'o', :m1), cq.queue_once('mailer', 'o', :m2), cq.queue_once('printer', 'o', :m1);
-- as the transaction goes
BEGIN;
SELECT cq.queue_once('printer', 'o', :m2);
SELECT cq.queue_once('printer', 'o', :m2);
ROLLBACK;
BEGIN;
SAVEPOINT s;
SELECT cq.queue_once('printer', 'o', :m2);
ROLLBACK TO s;
SELECT cq.queue_once('printer', 'o', :m2);
COMMIT;
SELECT cq.queue_once('printer', 'o', :m2);
-- the message is delivered again: still false
SELECT cq.queue_nack('o', receipt, '0') FROM cq.queue_receive('o');
SELECT cq.queue_once('mailer', 'o', msg_id) FROM cq.queue_receive('o', 2);
-- (also when it came while nobody knew)
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT cq.queue_once('mailer', 'o', :m1), cq.queue_once('third', 'o', :m1), cq.queue_once('third', 'o', :m1);
COMMIT;
-- a deduplication key of that name is something else; so is the queue of another
SELECT cq.queue_send('o', '3', dedup_key => 'fourth') IS NOT NULL AS sent;
SELECT cq.queue_once('fourth', 'o', :m1);
SELECT cq.queue_once('mailer', 'd', :m1);
SELECT cq.queue_once(repeat('x', 1024), 'o', :m1), cq.queue_once(repeat('x', 1024), 'o', :m1),
	cq.queue_once(E'it''s "a"\nconsumer', 'o', :m1), cq.queue_once(E'it''s "a"\nconsumer', 'o', :m1);
-- any number will do
SELECT n, cq.queue_once('any', 'o', n) AS first, cq.queue_once('any', 'o', n) AS second
FROM unnest(ARRAY[1000000, 9223372036854775807]) AS n;
-- it is remembered until the message is settled, but not for ever
SELECT cq.queue_alter('o', dedup_window => '1 ms');
SELECT cq.queue_purge('o');
SELECT cq.queue_send('o', '4') AS m4 \gset
SELECT count(*) FROM generate_series(1, 1000) AS n WHERE cq.queue_once('counter', 'o', n);
SELECT cq.queue_once('mailer', 'o', :m4);
CALL pg_temp.await($$(SELECT pg_relation_size(format('cq.q%s_k0', queue_id)::regclass) + pg_relation_size(format('cq.q%s_k1', queue_id)::regclass) = 8192 FROM cq.queue WHERE name = 'o')$$);
SELECT cq.queue_once('mailer', 'o', :m4);
SELECT cq.queue_ack('o', receipt) FROM cq.queue_receive('o');

-- ---- what is refused -----------------------------------------------------------------
CREATE ROLE cq_test_user;
GRANT USAGE ON SCHEMA cq TO cq_test_user;
SELECT cq.queue_grant('o', 'cq_test_user', 'send'), cq.queue_grant('o', 'cq_test_user', 'manage');
\set VERBOSITY sqlstate
SELECT cq.queue_send('d', '1', dedup_key => '');
SELECT cq.queue_send('d', '1', dedup_key => repeat('x', 1025));
SELECT cq.queue_send_many('d', ARRAY['1', '2']::jsonb[], dedup_keys => ARRAY['z1']);
SELECT cq.queue_send_many('d', ARRAY['1', '2']::jsonb[], dedup_keys => ARRAY['z1', '']);
SELECT cq.queue_send_many('d', ARRAY['1', '2']::jsonb[], dedup_keys => ARRAY['z1', repeat('x', 1025)]);
SELECT cq.queue_send_many('d', ARRAY['1', '2']::jsonb[], dedup_keys => '{}');
SELECT cq.queue_send_many('d', ARRAY['1', NULL]::jsonb[], dedup_keys => ARRAY['z1', 'z2']);
SELECT cq.queue_once(NULL, 'o', 1);
SELECT cq.queue_once('', 'o', 1);
SELECT cq.queue_once(repeat('x', 1025), 'o', 1);
SELECT cq.queue_once('c', NULL, 1);
SELECT cq.queue_once('c', '', 1);
SELECT cq.queue_once('c', 'nowhere', 1);
SELECT cq.queue_once('c', 'o', NULL);
SELECT cq.queue_once('c', 'o', 0);
SELECT cq.queue_once('c', 'o', -9223372036854775808);
BEGIN READ ONLY;
SELECT cq.queue_once('c', 'o', 1);
ROLLBACK;
BEGIN READ ONLY;
SELECT cq.queue_send('d', '1', dedup_key => 'z1');
ROLLBACK;
SET ROLE cq_test_user;
SELECT cq.queue_once('c', 'o', 1);
RESET ROLE;
SELECT cq.queue_grant('o', 'cq_test_user', 'consume') \gset
SET ROLE cq_test_user;
SELECT cq.queue_once('c', 'o', 1);
RESET ROLE;
\set VERBOSITY terse
-- nothing of that has taken a key
SELECT body FROM cq.queue_take('d');
SELECT cq.queue_send('d', '1', dedup_key => 'z1') IS NOT NULL AS sent;
SELECT body FROM cq.queue_take('d');

-- no dead rows, no updates, no deletes
SELECT pg_stat_force_next_flush();
SELECT relname, n_tup_upd, n_tup_del FROM pg_stat_user_tables
WHERE relname ~ '^q\d+_' AND (n_tup_upd > 0 OR n_tup_del > 0);

SELECT cq.queue_drop('d'), cq.queue_drop('d2'), cq.queue_drop('w'), cq.queue_drop('o');
SELECT cq.queue_drop('d.dead'), cq.queue_drop('d2.dead'), cq.queue_drop('w.dead'), cq.queue_drop('o.dead');
REVOKE ALL ON SCHEMA cq FROM cq_test_user;
DROP ROLE cq_test_user;
