-- Statistics of the cache: reasons, namespaces, entries, hot keys, reset.
\set VERBOSITY sqlstate
\pset null '(null)'
\pset format unaligned
\pset tuples_only on

SELECT cq.cache_clear() > 0;
SELECT cq.stat_reset();
SELECT stats_reset BETWEEN now() - interval '1 min' AND clock_timestamp(), hits, sets, sets_refused, marks, evictions, verified
FROM cq.stat_cache;
SELECT namespace, hits, misses_absent, hit_ratio, sets, sets_refused, deletes, memory_quota FROM cq.stat_cache_namespaces;

SELECT cq.namespace_create('shop', '1 h', 1000000);
SELECT cq.namespace_create('quiet');
SELECT name, memory_quota FROM cq.namespace ORDER BY name;

-- by namespace: hits, misses by reason, sets, deletes
SELECT cq.cache_get('a', 'shop'), cq.cache_get('a');
SELECT cq.cache_set('a', '12345', namespace => 'shop'), cq.cache_set('a', '12345', '200 ms');
SELECT cq.cache_get('a', 'shop') FROM generate_series(1, 3);
DO $$ BEGIN
    WHILE EXISTS (SELECT FROM cq.cache_entries WHERE namespace = 'default' AND key = 'a') LOOP
        PERFORM pg_sleep(0.001);
    END LOOP;
END $$;
SELECT cq.cache_set('gone', 'v', namespace => 'shop');
SELECT cq.cache_delete('gone', 'shop');
BEGIN;
SELECT cq.cache_get('t', 'shop');
SELECT cq.cache_set('t', 'v', tags => '{x, y}', namespace => 'shop');
COMMIT;
SELECT cq.cache_get('t', 'shop');
SELECT cq.cache_invalidate('x');
SELECT cq.cache_get('t', 'shop');
SELECT namespace, hits, misses_absent, misses_invalidated, misses_snapshot, misses_bypass, round(hit_ratio::numeric, 2) AS ratio,
       sets, sets_refused, deletes, CASE WHEN namespace <> 'default' THEN entries END AS entries, memory_quota
FROM cq.stat_cache_namespaces ORDER BY namespace;
-- the server's counters are their sum
SELECT s.hits = n.hits, s.sets = n.sets, s.deletes = n.deletes
FROM cq.stat_cache s, (SELECT sum(hits) AS hits, sum(sets) AS sets, sum(deletes) AS deletes FROM cq.stat_cache_namespaces) n;

-- why sets are refused: own change
BEGIN;
SELECT cq.cache_get('r', 'shop');
SELECT cq.cache_invalidate('x');
SELECT cq.cache_set('r', 'v', tags => '{x}', namespace => 'shop');
COMMIT;
-- a lease of another server
SELECT cq.cache_set('r', 'v', lease => 12345, namespace => 'shop');
-- a key that was deleted since
SELECT lease AS l FROM cq.cache_get_or_lease('r', 'shop') \gset
SELECT cq.cache_delete('r', 'shop');
SELECT cq.cache_set('r', 'v', lease => :l, namespace => 'shop');
-- a namespace that was cleared since
SELECT lease AS l FROM cq.cache_get_or_lease('q', 'quiet') \gset
SELECT cq.cache_clear('quiet') > 0;
SELECT cq.cache_set('q', 'v', lease => :l, namespace => 'quiet');
-- SERIALIZABLE
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT cq.cache_get('r', 'shop');
SELECT cq.cache_set('r', 'v', tags => '{x}', namespace => 'shop');
COMMIT;
SELECT sets_refused, refused_own_change, refused_lease, refused_changed, refused_epoch, refused_bypass FROM cq.stat_cache;
SELECT namespace, sets_refused FROM cq.stat_cache_namespaces ORDER BY namespace;

-- what is there
CREATE TABLE cq_test_stat (n int);
INSERT INTO cq_test_stat VALUES (1), (2);
SELECT cq.cache_watch('cq_test_stat');
SELECT cq.cache_fetch('sum', 'SELECT sum(n) FROM cq_test_stat WHERE n > $1', '{0}');
SELECT * FROM cq.cache_query('SELECT n FROM cq_test_stat ORDER BY n') AS t (n int);
SELECT cq.cache_set(E'odd "key''s\n', '\x00ff'::bytea, namespace => 'shop');
SELECT cq.cache_set('j', '{"a": 1}'::jsonb), cq.cache_incr('n');
SELECT namespace, key, kind, type, bytes > 0 AS bytes, dependent, tags, expires_in > '59 min' AS expires, version > 0 AS version
FROM cq.cache_entries WHERE namespace IS NOT NULL ORDER BY namespace, key, kind;
SELECT (SELECT count(*) FROM cq.cache_entries WHERE namespace = 'shop') = entries,
       (SELECT sum(bytes) FROM cq.cache_entries WHERE namespace = 'shop') < bytes
FROM cq.stat_cache_namespaces WHERE namespace = 'shop';
-- no longer than it can be read
SELECT cq.cache_clear('shop') > 0;
SELECT count(*) FROM cq.cache_entries WHERE namespace = 'shop';
-- but counted until it is removed
SELECT entries > 0 AND bytes > 0 FROM cq.stat_cache_namespaces WHERE namespace = 'shop';

-- what is read most
SELECT cq.cache_set('hot', 'v', namespace => 'shop');
SELECT count(cq.cache_get('hot', 'shop')) FROM generate_series(1, 20000);
SELECT count(cq.cache_get('n')) FROM generate_series(1, 5000);
SELECT count(cq.cache_fetch('sum', 'SELECT sum(n) FROM cq_test_stat WHERE n > $1', '{0}')) FROM generate_series(1, 5000);
SELECT namespace, key, kind, hits BETWEEN 15000 AND 25000 AS hot, error FROM cq.cache_hot_keys ORDER BY hits DESC LIMIT 1;
SELECT namespace, key, kind FROM cq.cache_hot_keys WHERE hits > 2000 ORDER BY key COLLATE "C";
-- more keys than the table has rows: the hot one stays, errors are told
SELECT count(cq.cache_set('cold' || i, 'v', namespace => 'quiet')) FROM generate_series(1, 1000) AS i;
SELECT count(cq.cache_get('cold' || i % 1000 + 1, 'quiet')) FROM generate_series(1, 40000) AS i;
SELECT count(*) BETWEEN 100 AND 128, max(error) > 0, bool_and(error < hits) FROM cq.cache_hot_keys;
SELECT key FROM cq.cache_hot_keys ORDER BY hits - error DESC LIMIT 1;

-- quotas
SELECT cq.namespace_create('bad', memory_quota => 0);
SELECT cq.namespace_create('bad', memory_quota => -1);
SELECT cq.namespace_create('bad', memory_quota => 65535);
SELECT cq.namespace_alter('quiet', NULL, 65535);
SELECT cq.namespace_alter('quiet', NULL, 65536);
SELECT cq.namespace_alter('shop', NULL);
BEGIN;
SELECT cq.namespace_alter('quiet', NULL, 9223372036854775807);
SELECT cq.cache_set('k', 'v', namespace => 'quiet');
ROLLBACK;
SELECT namespace, memory_quota FROM cq.stat_cache_namespaces ORDER BY namespace;

-- privileges
CREATE ROLE cq_test_stat_user;
GRANT USAGE ON SCHEMA cq TO cq_test_stat_user;
SET ROLE cq_test_stat_user;
SELECT cq.stat_reset();
SELECT count(*) FROM cq.stat_cache_namespaces;
SELECT count(*) FROM cq.cache_entries;
SELECT count(*) FROM cq.cache_hot_keys;
SELECT count(*) FROM cq.stat_get_cache_entries();
SELECT count(*) FROM cq.stat_get_cache_hot_keys();
SELECT count(*) FROM cq.stat_get_cache_namespaces('{0}');
RESET ROLE;
GRANT pg_monitor TO cq_test_stat_user;
SET ROLE cq_test_stat_user;
SELECT count(*) > 0 FROM cq.stat_cache_namespaces;
SELECT count(*) > 0 FROM cq.cache_entries;
SELECT count(*) > 0 FROM cq.cache_hot_keys;
SELECT count(*) FROM cq._namespaces;
SELECT cq.stat_reset();
RESET ROLE;
GRANT EXECUTE ON FUNCTION cq.stat_reset() TO cq_test_stat_user;
SET ROLE cq_test_stat_user;
SELECT cq.stat_reset();
SELECT hits, sets, sets_refused FROM cq.stat_cache;
SELECT count(*) FROM cq.cache_hot_keys;
RESET ROLE;

-- a namespace that comes after one that was dropped starts from zero
SELECT cq.cache_get('k', 'quiet');
BEGIN;
SELECT cq.namespace_drop('quiet');
ROLLBACK;
SELECT namespace, misses_absent FROM cq.stat_cache_namespaces WHERE namespace = 'quiet';
SELECT misses_absent FROM cq.stat_cache;
SELECT cq.namespace_drop('quiet');
SELECT cq.namespace_create('quiet');
SELECT cq.cache_get('k', 'quiet');
SELECT namespace, misses_absent FROM cq.stat_cache_namespaces WHERE namespace = 'quiet';
SELECT misses_absent FROM cq.stat_cache;

-- more namespaces than a session has counters of its own for
SELECT cq.namespace_create('many' || i) FROM generate_series(1, 12) AS i;
SELECT count(cq.cache_get('k', 'many' || i)) FROM generate_series(1, 12) AS i;
SELECT count(cq.cache_get('k', 'many' || i)) FROM generate_series(1, 12) AS i;
SELECT count(*), sum(misses_absent), min(misses_absent), max(misses_absent) FROM cq.stat_cache_namespaces WHERE namespace ~ '^many';
SELECT cq.namespace_drop('many' || i) FROM generate_series(1, 12) AS i;
SELECT misses_absent FROM cq.stat_cache;

SELECT cq.namespace_drop('shop');
SELECT cq.namespace_drop('quiet');
SELECT cq.cache_clear() > 0;
DROP TABLE cq_test_stat;
DROP OWNED BY cq_test_stat_user;
DROP ROLE cq_test_stat_user;
