-- Exchanges: what is refused, and how.
\set VERBOSITY sqlstate
\pset format unaligned
\pset tuples_only on

SELECT cq.queue_create('q');
SELECT cq.exchange_create('e', 'direct'), cq.exchange_create('h', 'headers'), cq.exchange_create('t', 'topic');

-- names and kinds
SELECT cq.exchange_create('e', 'direct');
SELECT cq.exchange_create(NULL, 'direct');
SELECT cq.exchange_create('', 'direct');
SELECT cq.exchange_create(repeat('x', 201), 'direct');
SELECT cq.exchange_create('x', NULL);
SELECT cq.exchange_create('x', '');
SELECT cq.exchange_create('x', 'Direct');
SELECT cq.exchange_create('x', 'direct', 'nowhere');
SELECT cq.exchange_create('x', 'direct', 'x');
SELECT cq.exchange_create('x', 'direct', '');
SELECT cq.exchange_alter('nowhere', NULL);
SELECT cq.exchange_alter('e', 'nowhere');
SELECT cq.exchange_alter(NULL, 'e');
SELECT cq.exchange_drop('nowhere');
SELECT cq.exchange_drop('');
SELECT cq.exchange_drop(NULL);

-- any other name is fine
SELECT cq.exchange_create(repeat('x', 200), 'fanout');
SELECT cq.exchange_drop(repeat('x', 200));
SELECT cq.exchange_create(E'it''s "a"\n\\exchange; DROP', 'fanout');
SELECT cq.queue_create(E'it''s "a"\n\\queue; DROP');
SELECT cq.exchange_bind(E'it''s "a"\n\\exchange; DROP', 'queue', E'it''s "a"\n\\queue; DROP', E'it''s "a"\n\\key');
SELECT cq.exchange_publish(E'it''s "a"\n\\exchange; DROP', E'it''s "a"\n\\key', '1');
SELECT headers, headers ->> 'cq_exchange' = E'it''s "a"\n\\exchange; DROP', headers ->> 'cq_routing_key' = E'it''s "a"\n\\key'
FROM cq.queue_take(E'it''s "a"\n\\queue; DROP');
SELECT cq.exchange_drop(E'it''s "a"\n\\exchange; DROP');
SELECT cq.queue_drop(E'it''s "a"\n\\queue; DROP'), cq.queue_drop(E'it''s "a"\n\\queue; DROP.dead');

-- binding
SELECT cq.exchange_bind('nowhere', 'queue', 'q');
SELECT cq.exchange_bind(NULL, 'queue', 'q');
SELECT cq.exchange_bind('e', 'table', 'q');
SELECT cq.exchange_bind('e', NULL, 'q');
SELECT cq.exchange_bind('e', 'queue', NULL);
SELECT cq.exchange_bind('e', 'queue', 'nowhere');
SELECT cq.exchange_bind('e', 'queue', '');
SELECT cq.exchange_bind('e', 'queue', repeat('x', 100000));
SELECT cq.exchange_bind('e', 'topic', 'nowhere');
SELECT cq.exchange_bind('e', 'topic', '');
SELECT cq.exchange_bind('e', 'exchange', 'nowhere');
SELECT cq.exchange_bind('e', 'exchange', '');
SELECT cq.exchange_bind('e', 'exchange', repeat('x', 100000));
SELECT cq.exchange_bind('e', 'exchange', 'e');
SELECT cq.exchange_bind('e', 'queue', 'q', NULL);
SELECT cq.exchange_bind('e', 'queue', 'q', repeat('x', 1025));
SELECT cq.exchange_bind('e', 'queue', 'q', match => NULL);
SELECT cq.exchange_bind('e', 'queue', 'q', match => 'some');
SELECT cq.exchange_bind('e', 'queue', 'q', headers => '{}');
SELECT cq.exchange_bind('h', 'queue', 'q', headers => '[]');
SELECT cq.exchange_bind('h', 'queue', 'q', headers => 'null');
SELECT cq.exchange_unbind('nowhere', 'queue', 'q');
SELECT cq.exchange_unbind('e', 'queue', 'nowhere');
SELECT cq.exchange_unbind('e', 'exchange', 'nowhere');
SELECT cq.exchange_unbind('e', 'queue', 'q', headers => '{}');
SELECT cq.exchange_unbind('e', 'queue', 'q');

-- the largest
SELECT cq.exchange_bind('e', 'queue', 'q', repeat('x', 1024));
SELECT cq.exchange_publish('e', repeat('x', 1024), '1');
SELECT cq.exchange_bind('t', 'queue', 'q', repeat('#.', 511) || '#');
SELECT cq.exchange_publish('t', repeat('.', 1024), '1');
SELECT cq.exchange_unbind('t', 'queue', 'q', repeat('#.', 511) || '#');
SELECT cq.exchange_bind('t', 'queue', 'q', repeat('#.*.', 255) || '#.a');
SELECT cq.exchange_publish('t', repeat('a.', 511) || 'a', '1'), cq.exchange_publish('t', repeat('a.', 511) || 'b', '1');
SELECT cq.exchange_bind('h', 'queue', 'q', headers => (SELECT jsonb_object_agg('h' || i, repeat(md5(i::text), 100)) FROM generate_series(1, 200) i));
SELECT cq.exchange_bind('h', 'queue', 'q', headers => (SELECT jsonb_object_agg('h' || i, repeat(md5(i::text), 100)) FROM generate_series(1, 200) i));
SELECT count(*) FROM cq.exchange_route('h', '', (SELECT jsonb_object_agg('h' || i, repeat(md5(i::text), 100)) FROM generate_series(0, 200) i));
SELECT count(*) FROM cq.exchange_route('h', '', (SELECT jsonb_object_agg('h' || i, repeat(md5(i::text), 100)) FROM generate_series(0, 199) i));

-- publishing
SELECT cq.exchange_publish('nowhere', '', '1');
SELECT cq.exchange_publish(NULL, '', '1');
SELECT cq.exchange_publish('', '', '1');
SELECT cq.exchange_publish('e', NULL, '1');
SELECT cq.exchange_publish('e', repeat('x', 1025), '1');
SELECT cq.exchange_publish('e', '', NULL);
SELECT cq.exchange_publish('e', '', 'null');
SELECT cq.exchange_publish('e', '', '1', '[]');
SELECT cq.exchange_publish('e', '', '1', mandatory => NULL);
SELECT cq.exchange_publish('e', '', '1', mandatory => true);
SELECT cq.exchange_publish('e', '', '1', key => '');
SELECT cq.exchange_publish('e', '', '1', key => repeat('x', 1025));
SELECT cq.exchange_route('nowhere', '');
SELECT cq.exchange_route('e', NULL);
SELECT cq.exchange_route(NULL, '');
SELECT cq.exchange_route('e', '', '1');

-- where nothing may be written
BEGIN READ ONLY;
SELECT count(*) FROM cq.exchange_route('e', '');
SAVEPOINT s;
SELECT cq.exchange_publish('e', '', '1');
ROLLBACK TO s;
SELECT cq.exchange_create('x', 'direct');
ROLLBACK TO s;
SELECT cq.exchange_bind('e', 'queue', 'q');
ROLLBACK TO s;
SELECT cq.exchange_unbind('e', 'queue', 'q');
ROLLBACK TO s;
SELECT cq.exchange_drop('e');
ROLLBACK;

-- grants
SELECT cq.exchange_grant('e', NULL, 'publish');
SELECT cq.exchange_grant('e', 'public', NULL);
SELECT cq.exchange_grant('e', 'public', '');
SELECT cq.exchange_grant('e', 'public', 'publish,');
SELECT cq.exchange_grant('e', 'public', 'eat');
SELECT cq.exchange_grant('e', 'cq_test_nobody', 'publish');
SELECT cq.exchange_grant('nowhere', 'public', 'publish');

-- somebody meddled with the tables: a cycle has an end
SELECT cq.exchange_create('a', 'fanout'), cq.exchange_create('b', 'fanout');
SELECT cq.exchange_bind('a', 'exchange', 'b'), cq.exchange_bind('b', 'queue', 'q');
INSERT INTO cq.exchange_binding (exchange_id, target_id, routing_key, match)
SELECT b.exchange_id, a.exchange_id, '', 'all' FROM cq.exchange a, cq.exchange b WHERE a.name = 'a' AND b.name = 'b';
SELECT * FROM cq.exchange_route('a', '');
DELETE FROM cq.exchange_binding WHERE exchange_id = (SELECT exchange_id FROM cq.exchange WHERE name = 'b');
INSERT INTO cq.exchange_binding (exchange_id, routing_key, match) SELECT exchange_id, '', 'all' FROM cq.exchange;
SELECT cq.exchange_drop('a'), cq.exchange_drop('b');

SELECT cq.exchange_drop('e'), cq.exchange_drop('h'), cq.exchange_drop('t');
SELECT cq.queue_drop('q');
SELECT cq.queue_drop('q.dead');
