-- Topics: retention and compaction.
\pset format unaligned
\pset tuples_only on
\pset null NULL
\getenv input PG_ABS_SRCDIR
\i :input/sql/include/await.sql
SET statement_timeout = '30 s';

-- small segments
ALTER SYSTEM SET cachequeue.segment_rows = 16;
SELECT pg_reload_conf();
-- it is read between statements, a thousand if need be
\set ECHO none
SELECT $$DO 'BEGIN IF current_setting(''cachequeue.segment_rows'') <> ''16'' THEN PERFORM pg_sleep(0.01); END IF; END'$$
FROM generate_series(1, 1000) \gexec
\set ECHO all
SHOW cachequeue.segment_rows;

-- publish in segments of their own
CREATE PROCEDURE fill(topic text, VARIADIC keys text[]) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM cq.topic_publish(topic, to_jsonb(i), keys[1 + i % cardinality(keys)]) FROM generate_series(1, 16) AS i;
	COMMIT;
END $$;
CREATE FUNCTION contents(topic text, partition int = 0) RETURNS text LANGUAGE sql AS
'SELECT count(*) || '' records, '' || min(record_offset) || '' to '' || max(record_offset) FROM cq.topic_read($1, $2, 0, 10000)';

-- by size: the oldest segments go, the current one stays
SELECT cq.topic_create('size', retain => NULL);
CALL cq.topic_maintain();
CALL fill('size', NULL);
CALL cq.topic_maintain();
CALL fill('size', NULL);
CALL cq.topic_maintain();
CALL fill('size', NULL);
CALL cq.topic_maintain();
CALL fill('size', NULL);
CALL cq.topic_maintain();
SELECT contents('size');
SELECT segments >= 4 FROM cq.stat_topics WHERE topic = 'size';
SELECT cq.group_join('size', 'g', 'm') > 0;
SELECT max(record_offset) FROM cq.topic_poll('size', 'g', 'm', 5);
SELECT cq.topic_commit('size', 'g', 'm', 0, 4);
SELECT cq.topic_alter('size', retain_bytes => 1);
CALL cq.topic_maintain();
SELECT contents('size');
SELECT start_offset, end_offset FROM cq.stat_topics WHERE topic = 'size';
SELECT cq.topic_offset('size', 0, 'earliest'), cq.topic_offset('size', 0, 'yesterday');
-- who was in the midst of it goes on with what is left
SELECT min(record_offset), count(*) FROM cq.topic_poll('size', 'g', 'm', 5);
SELECT polled, committed, lag FROM cq.stat_groups WHERE group_name = 'g';
SELECT cq.topic_seek('size', 'g', 'earliest');
SELECT min(record_offset) FROM cq.topic_poll('size', 'g', 'm', 1);
-- offsets go on
SELECT record_offset FROM cq.topic_publish('size', '1');
-- without limit nothing goes
SELECT cq.topic_alter('size', reset => '{retain_bytes}');
CALL fill('size', NULL);
CALL cq.topic_maintain();
CALL fill('size', NULL);
CALL cq.topic_maintain();
SELECT contents('size');

-- by time
SELECT cq.topic_create('time', retain => '1 hour');
CALL cq.topic_maintain();
CALL fill('time', NULL);
CALL cq.topic_maintain();
CALL fill('time', NULL);
CALL cq.topic_maintain();
CALL fill('time', NULL);
CALL cq.topic_maintain();
SELECT contents('time');
SELECT cq.topic_alter('time', retain => '1 ms');
-- the worker does it
CALL pg_temp.await($$NOT EXISTS (SELECT FROM cq.topic_read('time', 0))$$);
SELECT start_offset, end_offset FROM cq.stat_topics WHERE topic = 'time';
SELECT cq.topic_offset('time', 0, 'earliest'), cq.topic_offset('time', 0, 'latest'), cq.topic_offset('time', 0, 'yesterday');
SELECT record_offset FROM cq.topic_publish('time', '1');
SELECT cq.topic_drop('time'), cq.topic_drop('size');

-- compaction: what is left of each key is its last record
SELECT cq.topic_create('compact', 2, retain => NULL, compact => true, tombstone_retain => '1 hour');
CREATE TABLE published (partition int, record_offset bigint, key text, headers jsonb, body jsonb);
CREATE PROCEDURE publish(keys int, value text) LANGUAGE plpgsql AS $$
BEGIN
	WITH p AS (SELECT k, r.* FROM generate_series(1, keys) AS k,
		cq.topic_publish('compact', to_jsonb(value), 'key' || k, jsonb_build_object('k', k)) AS r)
	INSERT INTO published SELECT partition, record_offset, 'key' || k, jsonb_build_object('k', k), to_jsonb(value) FROM p;
	COMMIT;
END $$;
CREATE VIEW records AS SELECT r.* FROM generate_series(0, 1) AS p, cq.topic_read('compact', p, 0, 10000) AS r;
-- what must be there at least, and what is there that was never published
CREATE VIEW missing AS SELECT DISTINCT ON (partition, key) * FROM published ORDER BY partition, key, record_offset DESC;
CREATE PROCEDURE judge() LANGUAGE plpgsql AS $$
BEGIN
	RAISE INFO 'last ones missing: %, not published: %, out of order: %',
		(SELECT count(*) FROM missing AS m WHERE NOT EXISTS (SELECT FROM records AS r
			WHERE (r.partition, r.record_offset, r.key, r.headers) = (m.partition, m.record_offset, m.key, m.headers)
				AND r.body IS NOT DISTINCT FROM m.body)),
		(SELECT count(*) FROM records AS r WHERE NOT EXISTS (SELECT FROM published AS p
			WHERE (r.partition, r.record_offset, r.key, r.headers) = (p.partition, p.record_offset, p.key, p.headers)
				AND r.body IS NOT DISTINCT FROM p.body)),
		(SELECT count(*) FROM (SELECT record_offset, lag(record_offset, 1, -1::bigint) OVER (PARTITION BY partition) AS before
			FROM records) AS s WHERE record_offset <= before);
END $$;
CALL cq.topic_maintain();
CALL publish(20, 'first');
CALL cq.topic_maintain();
CALL publish(20, 'second');
CALL cq.topic_maintain();
CALL publish(10, 'third');
CALL cq.topic_maintain();
CALL judge();
-- the segments that are closed were compacted: less is left than was published
SELECT count(*) < (SELECT count(*) FROM published) FROM records;
CALL publish(20, 'fourth');
CALL cq.topic_maintain();
CALL publish(5, 'fifth');
CALL cq.topic_maintain();
CALL judge();
-- a reader that begins, one that goes on, one that looks back: all see the last ones
SELECT cq.group_join('compact', 'g', 'm') > 0;
SELECT count(DISTINCT key) FROM cq.topic_poll('compact', 'g', 'm', 10000);
SELECT count(*) = count(DISTINCT key) FROM records WHERE record_offset < (SELECT min(record_offset) FROM published WHERE body = '"fifth"');

-- a tombstone is the last record of its key while it is kept
WITH p AS (SELECT k, r.* FROM generate_series(1, 20, 2) AS k,
	cq.topic_publish('compact', NULL, 'key' || k, jsonb_build_object('k', k)) AS r)
INSERT INTO published SELECT partition, record_offset, 'key' || k, jsonb_build_object('k', k), NULL FROM p;
CALL cq.topic_maintain();
CALL publish(0, '');
-- other keys, so that the segment of the tombstones is closed
WITH p AS (SELECT k, r.* FROM generate_series(101, 140) AS k,
	cq.topic_publish('compact', '"other"', 'key' || k, jsonb_build_object('k', k)) AS r)
INSERT INTO published SELECT partition, record_offset, 'key' || k, jsonb_build_object('k', k), '"other"' FROM p;
CALL cq.topic_maintain();
CALL judge();
SELECT count(*), bool_and(body IS NULL) FROM records AS r WHERE substr(key, 4)::int % 2 = 1 AND substr(key, 4)::int < 100
	AND NOT EXISTS (SELECT FROM records AS l WHERE (l.partition, l.key) = (r.partition, r.key) AND l.record_offset > r.record_offset);
-- then it goes, and all that it deleted has gone before
SELECT cq.topic_alter('compact', tombstone_retain => '0');
CREATE PROCEDURE more(number int) LANGUAGE plpgsql AS $$
BEGIN
	WITH p AS (SELECT k, r.* FROM generate_series(101, 140) AS k,
		cq.topic_publish('compact', to_jsonb('more ' || number), 'key' || k, jsonb_build_object('k', k)) AS r)
	INSERT INTO published SELECT partition, record_offset, 'key' || k, jsonb_build_object('k', k), to_jsonb('more ' || number) FROM p;
	COMMIT;
END $$;
CALL more(1);
CALL cq.topic_maintain();
CALL more(2);
CALL cq.topic_maintain();
CALL more(3);
CALL cq.topic_maintain();
CALL more(4);
CALL cq.topic_maintain();
SELECT count(*) FROM records WHERE substr(key, 4)::int % 2 = 1 AND substr(key, 4)::int < 100;
DELETE FROM published WHERE substr(key, 4)::int % 2 = 1 AND substr(key, 4)::int < 100;
CALL judge();
SELECT string_agg(key || ' ' || (body #>> '{}'), ', ' ORDER BY substr(key, 4)::int) FROM records WHERE substr(key, 4)::int < 100;

-- rolled back records count for nothing
BEGIN;
SELECT count(cq.topic_publish('compact', '"undone"', 'key' || k)) FROM generate_series(1, 140) AS k;
ROLLBACK;
CALL more(5);
CALL cq.topic_maintain();
CALL more(6);
CALL cq.topic_maintain();
CALL judge();

-- a topic that becomes compacted keeps what has no key
SELECT cq.topic_create('becomes', retain => NULL);
CALL cq.topic_maintain();
CALL fill('becomes', NULL, 'k');
CALL cq.topic_maintain();
CALL fill('becomes', 'k', 'l');
CALL cq.topic_maintain();
CALL fill('becomes', 'm');
CALL cq.topic_maintain();
SELECT cq.topic_alter('becomes', compact => true);
CALL cq.topic_maintain();
SELECT coalesce(key, 'none'), count(*), max(record_offset) FROM cq.topic_read('becomes', 0) WHERE record_offset < 32 GROUP BY key ORDER BY key COLLATE "C";

-- both: compacted, and bounded by time
SELECT cq.topic_create('both', retain => '1 hour', compact => true);
CALL cq.topic_maintain();
CALL fill('both', 'a', 'b');
CALL cq.topic_maintain();
CALL fill('both', 'a', 'b');
CALL cq.topic_maintain();
CALL fill('both', 'c');
CALL cq.topic_maintain();
SELECT key, count(*) FROM cq.topic_read('both', 0) WHERE record_offset < 32 GROUP BY key ORDER BY key;
SELECT cq.topic_alter('both', retain => '1 ms');
CALL pg_temp.await($$NOT EXISTS (SELECT FROM cq.topic_read('both', 0))$$);

-- what was committed long ago stays committed, however often
SELECT cq.topic_create('offsets', retain => NULL);
SELECT count(cq.topic_publish('offsets', '1')) FROM generate_series(1, 30);
SELECT cq.group_create('offsets', 'idle', start => '7');
SELECT cq.group_join('offsets', 'busy', 'm') > 0;
DO $$ BEGIN
	FOR i IN 1..2000 LOOP
		PERFORM cq.topic_seek('offsets', 'busy', (i % 30)::text);
		COMMIT;
	END LOOP;
END $$;
CALL cq.topic_maintain();
SELECT group_name, committed FROM cq.stat_groups WHERE topic = 'offsets' ORDER BY group_name;

ALTER SYSTEM RESET cachequeue.segment_rows;
SELECT pg_reload_conf();
SELECT cq.topic_drop(name) FROM cq.topic ORDER BY name;
DROP VIEW records, missing CASCADE;
DROP TABLE published;
DROP PROCEDURE fill, publish, judge, more;
DROP FUNCTION contents;
