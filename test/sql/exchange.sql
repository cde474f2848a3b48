-- Exchanges: kinds, routing, publishing.
\pset format unaligned
\pset tuples_only on
\pset null NULL
SET client_min_messages = warning;
\set VERBOSITY terse

DO $$ BEGIN
	FOR i IN 1 .. 5 LOOP PERFORM cq.queue_create('q' || i); END LOOP;
	PERFORM cq.exchange_create(k, k) FROM unnest('{direct,fanout,topic,headers}'::text[]) AS k;
END $$;
CREATE FUNCTION route(exchange text, routing_key text, headers jsonb = NULL) RETURNS text LANGUAGE sql AS
$$ SELECT coalesce(string_agg(target, ' ' ORDER BY target_kind, target), '-') FROM cq.exchange_route(exchange, routing_key, headers) $$;

-- direct
SELECT cq.exchange_bind('direct', 'queue', 'q1', 'red');
SELECT cq.exchange_bind('direct', 'queue', 'q1', 'red');
SELECT cq.exchange_bind('direct', 'queue', 'q1', 'blue');
SELECT cq.exchange_bind('direct', 'queue', 'q2', 'red');
SELECT cq.exchange_bind('direct', 'queue', 'q3');
SELECT cq.exchange_bind('direct', 'queue', 'q4', '#');
SELECT k, route('direct', k) FROM unnest('{red,blue,green,"",#,red.blue}'::text[]) AS k;
SELECT cq.exchange_publish('direct', 'red', '{"n": 1}'), cq.exchange_publish('direct', 'green', '2');
SELECT queue, msg_id, attempt, priority, group_key, headers, body FROM cq.queue_take('q1', 10);
SELECT queue, headers, body FROM cq.queue_take('q2', 10);
SELECT queue, headers, body FROM cq.queue_take('q3', 10);

-- fanout: whatever the key
SELECT cq.exchange_bind('fanout', 'queue', q) FROM unnest('{q1,q2}'::text[]) AS q;
SELECT cq.exchange_bind('fanout', 'queue', 'q1', 'another binding, one copy');
SELECT route('fanout', 'x'), route('fanout', '');
SELECT cq.exchange_publish('fanout', 'x', '[]', '{"trace": {"id": 1}, "cq_exchange": "mine"}', key => 'k1');
SELECT queue, group_key, headers, body FROM cq.queue_take('q1', 10);
SELECT queue, group_key, headers, body FROM cq.queue_take('q2', 10);

-- topic
SELECT cq.exchange_bind('topic', 'queue', q, p) FROM (VALUES
	('q1', '*.orange.*'), ('q2', '*.*.rabbit'), ('q2', 'lazy.#'), ('q3', 'logs.#'), ('q4', '#'), ('q5', 'a.#.b.#.c')) AS v (q, p);
SELECT k, route('topic', k) FROM unnest(ARRAY['quick.orange.rabbit', 'lazy.orange.elephant', 'quick.orange.fox',
	'lazy.brown.fox', 'lazy.pink.rabbit', 'quick.brown.fox', 'orange', 'quick.orange.new.rabbit',
	'lazy.orange.new.rabbit', 'lazy', 'logs', 'logs.', 'logs.a', 'logsa', '', '.', '.orange.', 'a.b.c', 'a.x.b.y.z.c',
	'a.c', 'a.b.b.c.c', '*', '#', 'LAZY']) AS k;
SELECT cq.exchange_publish('topic', 'lazy.pink.rabbit', '1');
SELECT queue, headers FROM cq.queue_take('q2', 10);
SELECT queue, headers FROM cq.queue_take('q4', 10);

-- headers
SELECT cq.exchange_bind('headers', 'queue', q, headers => h::jsonb, match => m) FROM (VALUES
	('q1', '{"type": "pdf", "pages": 1}', 'all'), ('q2', '{"type": "pdf", "pages": 1}', 'any'),
	('q3', '{"urgent": null}', 'all'), ('q4', NULL, 'all'), ('q5', '{}', 'any')) AS v (q, h, m);
SELECT cq.exchange_bind('headers', 'queue', 'q3', headers => '{"list": [1, {"a": true}], "x-b": false}');
SELECT h, route('headers', '', h::jsonb) FROM unnest(ARRAY['{"type": "pdf", "pages": 1}', '{"pages": 1.0, "type": "pdf", "more": 0}',
	'{"type": "pdf"}', '{"pages": "1"}', '{"type": null}', '{"type": ["pdf"]}', '{"urgent": false}', '{"urgent": null}', '{}', NULL,
	'{"list": [1, {"a": true}], "x-b": false}', '{"list": [1, {"a": true}]}', '{"list": [{"a": true}, 1], "x-b": false}']) AS h;

-- the same rule in SQL, on random headers
SELECT setseed(0.5);
CREATE TABLE sample AS SELECT i, (SELECT coalesce(jsonb_object_agg(k, v), '{}') FROM
	(SELECT 'h' || (random() * 3)::int AS k, (ARRAY['1', '1.0', '"1"', 'null', 'true', '[1]', '[]', '{"a": 1}']::jsonb[])[1 + (random() * 7)::int] AS v
	FROM generate_series(1, (random() * 3 + i * 0)::int)) AS h) AS headers, random() < 0.5 AS whole FROM generate_series(1, 400) AS i;
DO $$ BEGIN
	PERFORM cq.exchange_create('r' || i, 'headers'), cq.exchange_bind('r' || i, 'queue', 'q1', headers => headers, match => CASE WHEN whole THEN 'all' ELSE 'any' END)
	FROM sample WHERE i <= 40;
END $$;
WITH c AS (
	SELECT b.headers AS wanted, b.whole, m.headers AS given,
		EXISTS (SELECT FROM cq.exchange_route('r' || b.i, '', m.headers)) AS ours,
		(SELECT CASE WHEN b.whole THEN coalesce(bool_and(ok), true) ELSE coalesce(bool_or(ok), false) END
		FROM jsonb_each(b.headers) AS h (k, v), LATERAL (SELECT m.headers ? k AND (v = 'null' OR v = m.headers -> k)) AS x (ok)) AS expected
	FROM sample AS b, sample AS m WHERE b.i <= 40 AND m.i > 40)
SELECT count(*) FILTER (WHERE ours) > 1000 AS match, count(*) FILTER (WHERE NOT ours) > 1000 AS no_match, count(*) FILTER (WHERE ours <> expected) AS wrong FROM c;
DO $$ BEGIN PERFORM cq.exchange_drop('r' || i) FROM sample WHERE i <= 40; END $$;
DROP TABLE sample;

-- a topic as the target
DO $$ BEGIN PERFORM cq.topic_create('events'); END $$;
SELECT cq.exchange_bind('direct', 'topic', 'events', 'red'), cq.exchange_bind('direct', 'topic', 'events', 'red');
SELECT target_kind, target FROM cq.exchange_route('direct', 'red') ORDER BY 1, 2;
SELECT cq.exchange_publish('direct', 'red', '{"n": 3}', '{"a": 1}', key => 'k');
SELECT record_offset, key, headers, body FROM cq.topic_read('events', 0);
SELECT cq.exchange_unbind('direct', 'topic', 'events', 'red'), cq.exchange_unbind('direct', 'topic', 'events', 'red');
SELECT cq.exchange_bind('direct', 'topic', 'events', 'red');
DO $$ BEGIN PERFORM cq.topic_drop('events'); END $$;
SELECT target_kind, target FROM cq.exchange_route('direct', 'red') ORDER BY 1, 2;

-- an exchange as the target: each of them once, each queue once
SELECT cq.exchange_create('in', 'fanout'), cq.exchange_create('left', 'direct'), cq.exchange_create('right', 'topic'), cq.exchange_create('out', 'fanout');
SELECT cq.exchange_bind('in', 'exchange', 'left'), cq.exchange_bind('in', 'exchange', 'right'), cq.exchange_bind('in', 'queue', 'q1');
SELECT cq.exchange_bind('left', 'exchange', 'out', 'a'), cq.exchange_bind('right', 'exchange', 'out', 'a.#'), cq.exchange_bind('right', 'queue', 'q1', '*');
SELECT cq.exchange_bind('out', 'queue', 'q1'), cq.exchange_bind('out', 'queue', 'q2');
SELECT k, route('in', k) FROM unnest('{a,a.b,b,b.c}'::text[]) AS k;
SELECT cq.queue_purge('q1') >= 0, cq.queue_purge('q2') >= 0;
SELECT cq.exchange_publish('in', 'a', '1');
SELECT queue, headers FROM cq.queue_take('q1', 10);

-- the alternate gets what matches nothing
SELECT cq.exchange_create('rest', 'fanout');
SELECT cq.exchange_bind('rest', 'queue', 'q5');
SELECT cq.exchange_create('choosy', 'direct', alternate => 'rest');
SELECT cq.exchange_bind('choosy', 'queue', 'q1', 'a'), cq.exchange_bind('choosy', 'exchange', 'left', 'b');
SELECT k, route('choosy', k) FROM unnest('{a,b,c}'::text[]) AS k;
SELECT cq.exchange_publish('choosy', 'c', '1', mandatory => true);
-- of an exchange behind another, too; and in a chain
SELECT cq.exchange_alter('left', 'choosy');
SELECT cq.exchange_alter('left', 'rest');
SELECT cq.exchange_create('outer', 'direct', 'choosy');
SELECT route('choosy', 'b'), route('outer', 'a'), route('outer', 'z');
SELECT cq.exchange_alter('choosy', NULL);
SELECT route('choosy', 'c'), route('outer', 'z');

-- mandatory
SELECT cq.exchange_publish('choosy', 'c', '1');
\set VERBOSITY default
SELECT cq.exchange_publish('choosy', 'c', '1', mandatory => true);
\set VERBOSITY terse
DO $$ BEGIN
	PERFORM cq.exchange_publish('choosy', 'c', '1', mandatory => true);
EXCEPTION WHEN no_data_found THEN
	RAISE WARNING 'nobody wants it: %', SQLSTATE;
END $$;

-- no cycles
SELECT cq.exchange_bind('out', 'exchange', 'out');
SELECT cq.exchange_bind('out', 'exchange', 'in');
SELECT cq.exchange_bind('right', 'exchange', 'in', 'x');
SELECT cq.exchange_alter('out', 'in');
SELECT cq.exchange_alter('out', 'out');
SELECT cq.exchange_alter('choosy', 'outer');
SELECT cq.exchange_bind('rest', 'exchange', 'outer');
-- one that is gone may be turned
SELECT cq.exchange_unbind('in', 'exchange', 'left');
SELECT cq.exchange_bind('left', 'exchange', 'in', 'z');

-- the transaction's own changes, and their rollback
BEGIN;
SELECT cq.exchange_bind('rest', 'queue', 'q4');
SELECT route('rest', '');
SAVEPOINT s;
SELECT cq.exchange_unbind('rest', 'queue', 'q5');
SELECT route('rest', '');
ROLLBACK TO s;
SELECT route('rest', '');
SELECT cq.exchange_publish('rest', 'k', '1');
ROLLBACK;
SELECT route('rest', '');
SELECT count(*) FROM cq.queue_peek('q4', 10) WHERE headers @> '{"cq_exchange": "rest"}';

-- a queue's options hold
SELECT cq.queue_alter('q5', max_length => 3, message_ttl => '1 day');
SELECT cq.queue_purge('q5') >= 0;
SELECT cq.exchange_publish('rest', 'k', to_jsonb(i)) FROM generate_series(1, 4) AS i;
SELECT cq.queue_alter('q5', reset => '{max_length}');

-- a queue takes its bindings along; one that gets its name has none
SELECT cq.queue_drop('q1');
SELECT cq.queue_create('q1');
SELECT route('direct', 'red'), route('fanout', ''), route('in', 'a');
SELECT cq.queue_drop('q1');

-- what there is
SELECT * FROM cq.exchange_bindings WHERE exchange IN ('in', 'left', 'right', 'headers', 'choosy') ORDER BY exchange, target_kind, target, routing_key, headers, match;

-- unbinding asks for the very same
SELECT cq.exchange_unbind('headers', 'queue', 'q2', headers => '{"pages": 1, "type": "pdf"}');
SELECT cq.exchange_unbind('headers', 'queue', 'q2', headers => '{"pages": 1.0, "type": "pdf"}', match => 'any');
SELECT cq.exchange_unbind('topic', 'queue', 'q2', 'lazy.*'), cq.exchange_unbind('topic', 'queue', 'q2', 'lazy.#');
SELECT route('topic', 'lazy.brown.fox');

-- dropping
SELECT cq.exchange_drop('in');
SELECT cq.exchange_drop('choosy');
SELECT cq.exchange_drop('rest');
SELECT cq.exchange_drop('outer');
SELECT cq.exchange_drop('choosy'), cq.exchange_drop('left'), cq.exchange_drop('rest'), cq.exchange_drop('in'), cq.exchange_drop('right'), cq.exchange_drop('out');
SELECT cq.exchange_drop(k) FROM unnest('{direct,fanout,topic,headers}'::text[]) AS k;
SELECT count(*) FROM cq.exchange UNION ALL SELECT count(*) FROM cq.exchange_binding;
DO $$ BEGIN
	FOR i IN 2 .. 5 LOOP PERFORM cq.queue_drop('q' || i), cq.queue_drop('q' || i || '.dead'); END LOOP;
	PERFORM cq.queue_drop('q1.dead');
END $$;
DROP FUNCTION route;
