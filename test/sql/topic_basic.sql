-- Topics: publishing and reading.
\pset format unaligned
\pset tuples_only on
\pset null NULL

SELECT cq.topic_create('one');
SELECT partitions, retain, retain_bytes, compact, tombstone_retain, owner = current_user::regrole
FROM cq.topics WHERE topic = 'one';

-- offsets are from 0, ascending
SELECT * FROM cq.topic_publish('one', '"a"');
SELECT * FROM cq.topic_publish('one', '{"b": [1, null]}', 'key', '{"h": "x"}');
SELECT * FROM cq.topic_publish('one', NULL, 'key');
SELECT * FROM cq.topic_publish('one', 'null', '');
SELECT * FROM cq.topic_publish('one', '"e"', headers => '{}', partition => 0);
SELECT topic, partition, record_offset, key, headers, body FROM cq.topic_read('one', 0);
SELECT topic, partition, record_offset, key, headers, body FROM cq.topic_read('one', 0, 2);
SELECT topic, partition, record_offset, key, headers, body FROM cq.topic_read('one', 0, 1, 2);
SELECT * FROM cq.topic_read('one', 0, 5);
SELECT * FROM cq.topic_read('one', 0, 9223372036854775807);
SELECT record_offset FROM cq.topic_read('one', 0, -1, 1);

-- published_at never falls
SELECT bool_and(published_at >= before) FROM (SELECT published_at,
	lag(published_at, 1, published_at) OVER (ORDER BY record_offset) AS before
	FROM cq.topic_read('one', 0)) AS s;
SELECT bool_and(published_at BETWEEN now() - interval '1 min' AND now()) FROM cq.topic_read('one', 0);

-- many
SELECT * FROM cq.topic_publish_many('one', ARRAY['1', '2', NULL, '4']::jsonb[],
	ARRAY[NULL, 'k2', 'k3', ''], ARRAY[NULL, '{"n": 2}', '{}', NULL]::jsonb[]);
SELECT record_offset, key, headers, body FROM cq.topic_read('one', 0, 5);
SELECT * FROM cq.topic_publish_many('one', '{}');
SELECT * FROM cq.topic_publish_many('one', ARRAY['10', '11']::jsonb[]);
SELECT count(*), min(record_offset), max(record_offset), count(DISTINCT record_offset)
FROM cq.topic_publish_many('one', array_fill('"bulk"'::jsonb, ARRAY[3000]));
SELECT count(*), min(record_offset), max(record_offset) FROM cq.topic_read('one', 0, 11, 10000)
WHERE body = '"bulk"';
-- large bodies
SELECT record_offset FROM cq.topic_publish('one', to_jsonb(repeat('long ', 100000)));
SELECT record_offset, length(body::text), md5(body #>> '{}') = md5(repeat('long ', 100000))
FROM cq.topic_read('one', 0, 3011);

-- partitions: as Kafka's DefaultPartitioner, whose test vectors these are
SELECT cq.topic_create('seven', 7), cq.topic_create('many', 1000);
CREATE TABLE vector (key text, hash int);
INSERT INTO vector VALUES ('21', -973932308), ('foobar', -790332482),
	('a-little-bit-long-string', -985981536), ('a-little-bit-longer-string', -1486304829),
	('lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971), ('abc', 479470107);
SELECT key, p.partition, p.partition = (hash & 2147483647) % 7 AS as_in_kafka
FROM vector, cq.topic_publish('seven', '1', key) AS p ORDER BY key COLLATE "C";
SELECT key, p.partition, p.partition = (hash & 2147483647) % 1000 AS as_in_kafka
FROM vector, cq.topic_publish_many('many', ARRAY['1']::jsonb[], ARRAY[key]) AS p ORDER BY key COLLATE "C";
DROP TABLE vector;
-- the key is bytes; the same one is always in the same partition, '' is one
SELECT count(DISTINCT partition) FROM generate_series(1, 20) AS i, cq.topic_publish('seven', to_jsonb(i), 'grüße');
SELECT count(DISTINCT partition) FROM generate_series(1, 20) AS i, cq.topic_publish('seven', to_jsonb(i), '');
SELECT count(DISTINCT partition) FROM generate_series(1, 200) AS i, cq.topic_publish('seven', '1', 'k' || i);
-- who names the partition decides
SELECT partition FROM cq.topic_publish('seven', '1', 'foobar', partition => 0);
SELECT DISTINCT partition FROM cq.topic_publish_many('seven', ARRAY['1', '2', '3']::jsonb[], ARRAY['a', 'b', NULL], partition => 6);
-- without key: one partition in a transaction, the next one in the next
BEGIN;
SELECT count(DISTINCT partition) FROM generate_series(1, 50) AS i, cq.topic_publish('seven', to_jsonb(i));
SELECT partition AS sticky FROM cq.topic_publish('seven', '1') \gset
SELECT partition = :sticky FROM cq.topic_publish_many('seven', ARRAY['1']::jsonb[]);
COMMIT;
SELECT partition = (:sticky + 1) % 7 FROM cq.topic_publish('seven', '1');
SELECT partition = (:sticky + 2) % 7 FROM cq.topic_publish('seven', '1');

-- offsets of a partition are its own
SELECT cq.topic_create('two', 2);
SELECT * FROM cq.topic_publish('two', '"a"', partition => 0);
SELECT * FROM cq.topic_publish('two', '"b"', partition => 1);
SELECT * FROM cq.topic_publish('two', '"c"', partition => 0);
SELECT partition, record_offset, body FROM cq.topic_read('two', 0);
SELECT partition, record_offset, body FROM cq.topic_read('two', 1);

-- a rollback leaves a gap, and so does one to a savepoint
BEGIN;
SELECT * FROM cq.topic_publish('two', '"undone"', partition => 0);
-- not even its own transaction sees it before the commit
SELECT record_offset, body FROM cq.topic_read('two', 0);
ROLLBACK;
SELECT * FROM cq.topic_publish('two', '"d"', partition => 0);
BEGIN;
SELECT * FROM cq.topic_publish('two', '"e"', partition => 0);
SAVEPOINT s;
SELECT * FROM cq.topic_publish('two', '"undone"', partition => 0);
SELECT * FROM cq.topic_publish('two', '"undone"', partition => 1);
ROLLBACK TO s;
SELECT * FROM cq.topic_publish('two', '"f"', partition => 0);
SAVEPOINT s;
SELECT * FROM cq.topic_publish('two', '"g"', partition => 1);
RELEASE s;
COMMIT;
SELECT record_offset, body FROM cq.topic_read('two', 0);
SELECT record_offset, body FROM cq.topic_read('two', 1);
SELECT record_offset, body FROM cq.topic_read('two', 0, 3);
SELECT partition, start_offset, end_offset, stable_offset, open_transactions
FROM cq.stat_topics WHERE topic = 'two' ORDER BY partition;
SELECT start_offset, end_offset, published FROM cq.stat_topics WHERE topic = 'one';

-- an error in the middle undoes the statement's records
SELECT p.* FROM generate_series(1, 5) AS i,
	cq.topic_publish('two', to_jsonb(1 / (i - 3)), partition => 0) AS p;
SELECT body, count(*) FROM cq.topic_read('two', 0) GROUP BY body ORDER BY body;

-- positions
SELECT cq.topic_offset('two', 0, 'earliest'), cq.topic_offset('two', 0, 'latest') > 7,
	cq.topic_offset('two', 0, '4'), cq.topic_offset('two', 0, '-infinity'),
	cq.topic_offset('two', 0, 'infinity') = cq.topic_offset('two', 0, 'latest');
SELECT count(*), bool_and(cq.topic_offset('two', 0, published_at::text) = record_offset)
FROM (SELECT DISTINCT ON (published_at) * FROM cq.topic_read('two', 0) ORDER BY published_at, record_offset) AS r;
SELECT bool_and(cq.topic_offset('two', 0, (published_at + interval '1 us')::text) > record_offset)
FROM cq.topic_read('two', 0);

BEGIN READ ONLY;
SELECT count(*) FROM cq.topic_read('one', 0, 0, 1);
ROLLBACK;

-- options can be changed, partitions added
SELECT cq.topic_alter('two', partitions => 3, retain => '1 hour', retain_bytes => 1000000, compact => false, tombstone_retain => '2 days');
SELECT partitions, retain, retain_bytes, compact, tombstone_retain FROM cq.topic WHERE name = 'two';
SELECT * FROM cq.topic_publish('two', '"new"', partition => 2);
SELECT cq.topic_alter('two');
SELECT cq.topic_alter('two', reset => '{retain, retain_bytes}');
SELECT partitions, retain, retain_bytes, compact, tombstone_retain FROM cq.topic WHERE name = 'two';
BEGIN;
SELECT cq.topic_alter('two', partitions => 4);
ROLLBACK;
SELECT count(*) FROM cq.stat_topics WHERE topic = 'two';
SELECT cq.topic_create('for ever', retain => NULL, retain_bytes => NULL, compact => true);
SELECT retain, compact FROM cq.topic WHERE name = 'for ever';

-- creation and drop are transactional
BEGIN;
SELECT cq.topic_create('brief');
SELECT * FROM cq.topic_publish('brief', '1');
SELECT count(*) FROM cq.topic_read('brief', 0);
ROLLBACK;
\set VERBOSITY sqlstate
SELECT * FROM cq.topic_publish('brief', '1');
BEGIN;
SELECT cq.topic_drop('two');
SELECT * FROM cq.topic_read('two', 0);
ROLLBACK;
SELECT count(*) FROM cq.topic_read('two', 2);
BEGIN;
SELECT cq.topic_drop('two');
SELECT cq.topic_create('two');
SELECT * FROM cq.topic_publish('two', '"another"');
COMMIT;
SELECT record_offset, body FROM cq.topic_read('two', 0);

SELECT cq.topic_drop(name) FROM cq.topic ORDER BY name;
SELECT count(*) FROM cq.stat_topics;
SELECT relname FROM pg_class WHERE relname ~ '^t\d+_' AND relnamespace = 'cq'::regnamespace;
SELECT count(*) FROM cq.topic_segment;
