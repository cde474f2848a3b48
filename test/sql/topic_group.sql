-- Consumer groups.
\pset format unaligned
\pset tuples_only on
\pset null NULL
\getenv input PG_ABS_SRCDIR
\i :input/sql/include/await.sql
SET statement_timeout = '20 s';

-- what a member gets, as partition:offset
CREATE FUNCTION polled(topic text, group_name text, member text, max int = 100, auto_commit boolean = false)
RETURNS text LANGUAGE sql AS
'SELECT string_agg(partition || '':'' || record_offset, '' '' ORDER BY partition, record_offset)
	FROM cq.topic_poll($1, $2, $3, $4, auto_commit => $5)';
-- who owns what
CREATE FUNCTION owners(wanted text) RETURNS text LANGUAGE sql AS
'SELECT string_agg(member || partitions::text, '' '' ORDER BY member) FROM cq.stat_group_members WHERE group_name = $1';
CREATE FUNCTION progress(wanted_topic text, wanted text) RETURNS text LANGUAGE sql AS
'SELECT string_agg(format(''%s: %s/%s'', partition, coalesce(polled::text, ''-''), committed), '', '' ORDER BY partition)
	FROM cq.stat_groups WHERE topic = $1 AND group_name = $2';

SELECT cq.topic_create('t', 2);
SELECT cq.topic_publish('t', to_jsonb(i), partition => i % 2) FROM generate_series(0, 9) AS i;

-- joining creates the group; a new member starts from the beginning
SELECT cq.group_join('t', 'g', 'a') > 0;
SELECT kind, assignment, session_timeout, owner = current_user::regrole FROM cq.groups WHERE group_name = 'g';
SELECT polled('t', 'g', 'a', 3);
SELECT polled('t', 'g', 'a', 4);
SELECT polled('t', 'g', 'a');
SELECT polled('t', 'g', 'a') IS NULL;
SELECT partition, member, polled, committed, end_offset, lag, lag_time > '0', committed_at
FROM cq.stat_groups WHERE group_name = 'g' ORDER BY partition;

-- commit: up to what was polled, not below what is committed
SELECT cq.topic_commit('t', 'g', 'a', 0, 1);
SELECT cq.topic_commit('t', 'g', 'a', 0, 0);
SELECT cq.topic_commit('t', 'g', 'a', 0, 1);
SELECT cq.topic_commit('t', 'g', 'a', 0, 4);
SELECT cq.topic_commit('t', 'g', 'a', 0, 5);
SELECT cq.topic_commit('t', 'g', 'a', 1, -1);
SELECT cq.topic_commit('t', 'g', 'nobody', 1, 1);
SELECT partition, polled, committed, lag, lag_time > '0', committed_at IS NOT NULL
FROM cq.stat_groups WHERE group_name = 'g' ORDER BY partition;
-- with the transaction
BEGIN;
SELECT cq.topic_commit('t', 'g', 'a', 1, 2);
SELECT progress('t', 'g');
ROLLBACK;
SELECT progress('t', 'g');
BEGIN;
SELECT cq.topic_commit('t', 'g', 'a', 1, 0);
SAVEPOINT s;
SELECT cq.topic_commit('t', 'g', 'a', 1, 2);
ROLLBACK TO s;
SELECT cq.topic_commit('t', 'g', 'a', 1, 1);
COMMIT;
SELECT progress('t', 'g');
BEGIN;
SELECT cq.topic_commit('t', 'g', 'a', 1, 3);
SELECT cq.topic_commit('t', 'g', 'a', 1, 2);
COMMIT;
SELECT progress('t', 'g');

-- polling moves the position, a rollback moves it back
SELECT cq.topic_publish('t', to_jsonb(i), partition => 0) FROM generate_series(5, 9) AS i;
BEGIN;
SELECT polled('t', 'g', 'a', 2);
SELECT polled('t', 'g', 'a', 1);
ROLLBACK;
SELECT progress('t', 'g');
BEGIN;
SELECT polled('t', 'g', 'a', 2);
SAVEPOINT s;
SELECT polled('t', 'g', 'a', 2);
ROLLBACK TO s;
SELECT polled('t', 'g', 'a', 1);
SAVEPOINT s;
SELECT polled('t', 'g', 'a', 1);
RELEASE s;
COMMIT;
SELECT progress('t', 'g');
BEGIN;
SAVEPOINT s;
SELECT polled('t', 'g', 'a', 1);
ROLLBACK TO s;
SELECT progress('t', 'g');
COMMIT;
SELECT polled('t', 'g', 'a');

-- auto_commit
SELECT cq.topic_publish('t', '1', partition => 1) FROM generate_series(1, 3);
BEGIN;
SELECT polled('t', 'g', 'a', auto_commit => true);
SELECT progress('t', 'g');
ROLLBACK;
SELECT progress('t', 'g');
SELECT polled('t', 'g', 'a', 2, true);
SELECT progress('t', 'g');
BEGIN;
SAVEPOINT s;
SELECT polled('t', 'g', 'a', auto_commit => true);
ROLLBACK TO s;
COMMIT;
SELECT progress('t', 'g');
SELECT polled('t', 'g', 'a', auto_commit => true);
SELECT progress('t', 'g');

-- joining again: a new generation, which starts from what is committed
SELECT cq.group_join('t', 'g', 'a') AS first \gset
SELECT cq.group_join('t', 'g', 'a') AS second \gset
SELECT :second > :first;
SELECT progress('t', 'g');
\set VERBOSITY sqlstate
SELECT * FROM cq.topic_poll('t', 'g', 'a', generation => :first);
\set VERBOSITY terse
SELECT cq.topic_commit('t', 'g', 'a', 0, 0, :first), cq.group_heartbeat('t', 'g', 'a', :first),
	cq.group_leave('t', 'g', 'a', :first), cq.group_heartbeat('t', 'g', 'a', 0);
-- what has not been polled cannot be committed
SELECT cq.topic_commit('t', 'g', 'a', 0, 7, :second);
SELECT string_agg(partition || ':' || record_offset, ' ' ORDER BY partition, record_offset)
FROM cq.topic_poll('t', 'g', 'a', generation => :second);
SELECT cq.topic_commit('t', 'g', 'a', 0, 7, :second), cq.group_heartbeat('t', 'g', 'a', :second),
	cq.group_heartbeat('t', 'g', 'a'), cq.group_heartbeat('t', 'g', 'nobody');
SELECT member, generation = :second, joined_at <= now(), heartbeat_until > now() + '30 s', heartbeat_until < now() + '46 s', pid, partitions
FROM cq.stat_group_members;
-- leaving
BEGIN;
SELECT cq.group_leave('t', 'g', 'a', :second);
ROLLBACK;
SELECT owners('g');
SELECT cq.group_leave('t', 'g', 'a', :second);
SELECT cq.group_leave('t', 'g', 'a'), cq.group_heartbeat('t', 'g', 'a');
\set VERBOSITY sqlstate
SELECT * FROM cq.topic_poll('t', 'g', 'a');
CALL cq.topic_wait('t', 'g', 'a', '0');
\set VERBOSITY terse
SELECT progress('t', 'g');
-- bound to the session
SELECT cq.group_join('t', 'g', 'bound', true) > 0;
SELECT member, pid = pg_backend_pid() FROM cq.stat_group_members;
\c -
\pset format unaligned
\pset tuples_only on
\pset null NULL
\i :input/sql/include/await.sql
-- the old session may take a moment
CALL pg_temp.await($$NOT EXISTS (SELECT FROM cq.stat_group_members)$$);
SELECT cq.group_heartbeat('t', 'g', 'bound');

-- waiting
SELECT cq.group_create('t', 'wait', start => 'latest');
SELECT cq.group_join('t', 'wait', 'a') > 0;
CALL cq.topic_wait('t', 'wait', 'a', '0');
CALL cq.topic_wait('t', 'wait', 'a', '1 ms');
SELECT record_offset > 0 FROM cq.topic_publish('t', '1', partition => 0);
CALL cq.topic_wait('t', 'wait', 'a', '1 min');
SELECT polled('t', 'wait', 'a') = '0:10';
CALL cq.topic_wait('t', 'wait', 'a', '0', generation => NULL);
SELECT cq.group_drop('t', 'wait');

-- where groups start
SELECT cq.topic_create('s', 2);
SELECT cq.topic_publish('s', to_jsonb(i), partition => i % 2) FROM generate_series(0, 9) AS i;
SELECT published_at AS at FROM cq.topic_read('s', 1) WHERE record_offset = 3 \gset
SELECT cq.group_create('s', 'earliest'), cq.group_create('s', 'latest', start => 'latest'),
	cq.group_create('s', 'offset', start => '3'), cq.group_create('s', 'beyond', start => '7'),
	cq.group_create('s', 'time', start => :'at'), cq.group_create('s', 'future', start => 'tomorrow');
SELECT group_name, string_agg(committed::text, ' ' ORDER BY partition) FROM cq.stat_groups WHERE topic = 's' AND group_name NOT IN ('time')
GROUP BY group_name ORDER BY group_name;
SELECT committed FROM cq.stat_groups WHERE group_name = 'time' ORDER BY partition;
SELECT count(cq.group_join('s', name, 'a')) FROM cq.topic_group WHERE topic_id = (SELECT topic_id FROM cq.topic WHERE name = 's');
SELECT cq.topic_publish('s', '10', partition => 0);
SELECT polled('s', 'earliest', 'a');
SELECT polled('s', 'latest', 'a');
SELECT polled('s', 'offset', 'a');
SELECT polled('s', 'beyond', 'a');
SELECT polled('s', 'time', 'a');
SELECT cq.topic_publish('s', to_jsonb(i), partition => 0) FROM generate_series(6, 8) AS i;
SELECT polled('s', 'beyond', 'a');
-- groups know nothing of each other
SELECT polled('s', 'latest', 'a', auto_commit => true);
SELECT progress('s', 'latest'), progress('s', 'earliest');

-- seek
SELECT cq.topic_seek('s', 'earliest', 'latest');
SELECT polled('s', 'earliest', 'a') IS NULL;
SELECT cq.topic_seek('s', 'earliest', 'earliest');
SELECT polled('s', 'earliest', 'a', 2);
SELECT cq.topic_seek('s', 'earliest', '7', 0);
SELECT progress('s', 'earliest');
SELECT polled('s', 'earliest', 'a');
SELECT cq.topic_seek('s', 'earliest', '2', 1);
SELECT polled('s', 'earliest', 'a');
SELECT cq.topic_seek('s', 'earliest', :'at', 1);
SELECT polled('s', 'earliest', 'a');
SELECT cq.topic_seek('s', 'earliest', 'yesterday');
SELECT polled('s', 'earliest', 'a', auto_commit => true);
-- back, behind what is committed: and commits go on from there
SELECT progress('s', 'earliest');
SELECT cq.topic_seek('s', 'earliest', '1');
SELECT progress('s', 'earliest');
SELECT polled('s', 'earliest', 'a', 2), cq.topic_commit('s', 'earliest', 'a', 1, 1), cq.topic_commit('s', 'earliest', 'a', 0, 1);
SELECT cq.topic_commit('s', 'earliest', 'a', 1, 1);
SELECT progress('s', 'earliest');
-- it takes effect at commit
BEGIN;
SELECT cq.topic_seek('s', 'latest', 'earliest');
SELECT progress('s', 'latest');
ROLLBACK;
SELECT progress('s', 'latest');
BEGIN;
SAVEPOINT s;
SELECT cq.topic_seek('s', 'latest', 'earliest');
ROLLBACK TO s;
SELECT cq.topic_seek('s', 'latest', '4', 1);
COMMIT;
SELECT progress('s', 'latest');
-- to where there is nothing yet
SELECT cq.topic_seek('s', 'latest', '1000', 0);
SELECT polled('s', 'latest', 'a');
SELECT lag FROM cq.stat_groups WHERE group_name = 'latest' AND partition = 0;

-- assignment
CREATE PROCEDURE assignments(kind text, partitions int) LANGUAGE plpgsql AS $$
DECLARE
	who text;
BEGIN
	PERFORM cq.topic_create('assign', partitions);
	PERFORM cq.group_create('assign', 'x', assignment => kind);
	COMMIT;
	FOREACH who IN ARRAY '{c,a,b,d}'::text[] LOOP
		PERFORM cq.group_join('assign', 'x', who);
		COMMIT;
		RAISE INFO '% joins: %', who, owners('x');
	END LOOP;
	FOREACH who IN ARRAY '{a,d,c,b}'::text[] LOOP
		PERFORM cq.group_leave('assign', 'x', who);
		COMMIT;
		RAISE INFO '% leaves: %', who, coalesce(owners('x'), 'nobody is left');
	END LOOP;
	PERFORM cq.topic_drop('assign');
END $$;
CALL assignments('range', 7);
CALL assignments('range', 3);
CALL assignments('sticky', 7);
CALL assignments('sticky', 3);
CALL assignments('sticky', 1);

-- partitions that are added are given to members
SELECT cq.topic_create('grow', 1);
SELECT cq.topic_publish('grow', '0');
SELECT cq.group_create('grow', 'sticky'), cq.group_create('grow', 'range', assignment => 'range'), cq.group_create('grow', 'late', start => 'latest');
SELECT cq.group_join('grow', g, m) > 0 FROM unnest(ARRAY['sticky', 'range', 'late']) AS g, unnest(ARRAY['a', 'b']) AS m;
SELECT cq.topic_alter('grow', partitions => 4);
SELECT owners('sticky'), owners('range');
SELECT cq.topic_publish('grow', '1', partition => p) FROM generate_series(0, 3) AS p;
SELECT polled('grow', 'sticky', 'a', auto_commit => true), polled('grow', 'sticky', 'b', auto_commit => true);
SELECT polled('grow', 'range', 'a'), polled('grow', 'range', 'b');
SELECT polled('grow', 'late', 'a'), polled('grow', 'late', 'b');
SELECT progress('grow', 'sticky'), progress('grow', 'range');

-- a member has all partitions of its turn: none starves
SELECT cq.topic_create('fair', 3);
SELECT cq.topic_publish('fair', '1', partition => p) FROM generate_series(0, 2) AS p, generate_series(1, 6);
SELECT cq.group_join('fair', 'f', 'a') > 0;
SELECT polled('fair', 'f', 'a', 2) FROM generate_series(1, 3);

-- shared groups are queues
SELECT cq.topic_create('sh', 2);
SELECT cq.topic_publish('sh', '"before"', 'k', '{"mine": {"deep": [1]}, "cq_topic": "forged"}', partition => 0);
SELECT cq.group_create('sh', 'workers', kind => 'shared');
SELECT cq.topic_publish('sh', '"after"', partition => 0);
SELECT cq.topic_publish('sh', NULL, 'k', partition => 1);
CALL cq.topic_maintain();
SELECT body, headers FROM cq.queue_peek('sh.workers') ORDER BY headers ->> 'cq_partition', msg_id;
SELECT kind, partition, member, committed, lag FROM cq.stat_groups WHERE group_name = 'workers' ORDER BY partition;
CALL cq.topic_maintain();
SELECT count(*) FROM cq.queue_take('sh.workers', 100);
-- exactly once, in the order of each partition
SELECT count(cq.topic_publish('sh', to_jsonb(i), partition => i % 2)) FROM generate_series(1, 3000) AS i;
CALL pg_temp.await($$(SELECT sum(lag) = 0 FROM cq.stat_groups WHERE group_name = 'workers')$$);
SELECT count(*), count(DISTINCT body), bool_and(body > before) FROM (SELECT body,
	lag(body, 1, '0') OVER (PARTITION BY headers ->> 'cq_partition' ORDER BY msg_id) AS before
	FROM cq.queue_take('sh.workers', 10000)) AS s;
-- seek moves the feed
SELECT cq.topic_seek('sh', 'workers', '0', 1);
SELECT cq.topic_seek('sh', 'workers', 'latest', 0);
CALL cq.topic_maintain();
CALL pg_temp.await($$(SELECT sum(lag) = 0 FROM cq.stat_groups WHERE group_name = 'workers')$$);
SELECT headers ->> 'cq_partition', count(*), min((headers ->> 'cq_offset')::int) FROM cq.queue_take('sh.workers', 10000) GROUP BY 1;
SELECT cq.group_create('sh', 'new ones', kind => 'shared', start => 'latest');
CALL cq.topic_maintain();
SELECT count(*) FROM cq.queue_peek('sh.new ones');
\set VERBOSITY sqlstate
SELECT cq.group_join('sh', 'workers', 'a');
\set VERBOSITY terse
SELECT cq.group_drop('sh', 'workers');
SELECT name FROM cq.queue WHERE name LIKE 'sh.%' ORDER BY 1;
SELECT cq.topic_drop('sh');
SELECT name FROM cq.queue WHERE name LIKE 'sh.%' ORDER BY 1;

-- transactional creation and drop
BEGIN;
SELECT cq.group_join('t', 'brief', 'a') > 0;
SELECT polled('t', 'brief', 'a', 1);
ROLLBACK;
SELECT count(*) FROM cq.topic_group WHERE name = 'brief';
SELECT count(*) FROM cq.stat_group_members WHERE group_name = 'brief';
SELECT cq.group_join('t', 'g', 'a') > 0;
SELECT progress('t', 'g');
BEGIN;
SELECT cq.group_drop('t', 'g');
ROLLBACK;
SELECT owners('g'), progress('t', 'g');
BEGIN;
SELECT cq.group_drop('t', 'g');
SELECT cq.group_create('t', 'g', start => '2');
COMMIT;
SELECT owners('g'), progress('t', 'g');
SELECT cq.group_drop('t', 'g');
\set VERBOSITY sqlstate
SELECT * FROM cq.topic_poll('t', 'g', 'a');
SELECT cq.topic_drop(name) FROM cq.topic ORDER BY name;
SELECT count(*) FROM cq.topic_group;
SELECT count(*) FROM cq.stat_groups;
DROP FUNCTION polled, owners, progress;
DROP PROCEDURE assignments;
