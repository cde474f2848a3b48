-- What an error says: an unknown word lists the known ones.
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null NULL

SELECT cq.queue_create('h'), cq.topic_create('h'), cq.exchange_create('h', 'topic'), cq.namespace_create('h');
SELECT cq.group_create('h', 'g');
CREATE TABLE hint_row (k text PRIMARY KEY, v text);

-- options
SELECT cq.queue_alter('h', overflow => 'x');
SELECT cq.queue_alter('h', backoff => 'x');
SELECT cq.queue_alter('h', reset => '{x}');
SELECT cq.topic_alter('h', reset => '{x}');
SELECT cq.group_create('h', 'x', kind => 'x');
SELECT cq.group_create('h', 'x', assignment => 'x');
SELECT cq.cache_write_behind('h', 'hint_row', mode => 'x');
SELECT cq.cache_write_behind('h', 'hint_row', 'logged', conflict => 'x');
SELECT cq.cache_set('k', 'v'::text, condition => 'x');
SELECT cq.cache_watch('hint_row', write_through => '{"key": "r:{k}", "x": "y"}');

-- kinds, states, positions
SELECT cq.exchange_create('x', 'x');
SELECT cq.exchange_bind('h', 'x', 'h', 'k');
SELECT cq.exchange_bind('h', 'queue', 'h', 'k', match => 'x');
SELECT * FROM cq.queue_peek('h', state => 'x');
SELECT cq.topic_seek('h', 'g', 'x');
SELECT cq.topic_seek('h', 'g', '');
SELECT cq.topic_seek('h', 'g', '2020-13-01');
SELECT cq.topic_offset('h', 0, 'x');
SELECT cq.group_create('h', 'x', start => 'x');

-- privileges
SELECT cq.queue_grant('h', 'public', 'x');
SELECT cq.topic_grant('h', 'public', 'x');
SELECT cq.group_grant('h', 'g', 'public', 'publish');
SELECT cq.exchange_grant('h', 'public', 'x');
SELECT cq.namespace_grant('h', 'public', 'x');

-- one wording for NULL
SELECT cq.cache_get(NULL);
SELECT cq.queue_send(NULL, '1');
SELECT cq.queue_alter('h', reset => '{NULL}');
SELECT cq.topic_seek('h', 'g', NULL);
SELECT cq.exchange_publish('h', NULL, '1');
SELECT cq.namespace_create(NULL);
SELECT cq.cache_watch(NULL);

-- values of another type: the function that reads them; in get_many neither value nor lease
SELECT cq.cache_set('t', 'text'::text, namespace => 'h'), cq.cache_set('j', '1'::jsonb, namespace => 'h'),
	cq.cache_set('b', '\x00'::bytea, namespace => 'h');
SELECT cq.cache_incr('c', namespace => 'h');
SELECT cq.cache_get('j', 'h');
SELECT cq.cache_get('b', 'h');
SELECT cq.cache_get_jsonb('t', 'h');
SELECT cq.cache_get_jsonb('c', 'h');
SELECT key, value, lease IS NOT NULL AS leased FROM cq.cache_get_many('{t,j,none,b,c}', 'h');

DROP TABLE hint_row;
SELECT cq.queue_drop('h'), cq.queue_drop('h.dead'), cq.topic_drop('h'), cq.exchange_drop('h'), cq.namespace_drop('h');
