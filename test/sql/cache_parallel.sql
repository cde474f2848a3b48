-- Parallel plans: the leader asks the cache, since it knows the transaction; what
-- takes a transaction id prevents them.
CREATE SCHEMA cache_test;
SET search_path = cache_test;
\pset format unaligned
\pset tuples_only on

CREATE TABLE big (id int PRIMARY KEY, n int);
INSERT INTO big SELECT i, i % 10 FROM generate_series(1, 20000) AS i;
ALTER TABLE big SET (parallel_workers = 2);
ANALYZE big;
SELECT cq.cache_watch('big', ARRAY['big:{id}']);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET enable_indexscan = off;
SET enable_bitmapscan = off;

-- fill, and ask, above the Gather
BEGIN;
EXPLAIN (COSTS OFF, VERBOSE) SELECT cq.cache_get('big:' || id) FROM big WHERE n = 7;
SELECT count(cq.cache_get('big:' || id)) FROM big WHERE n = 7;
EXPLAIN (COSTS OFF) SELECT count(*) FILTER (WHERE cq.cache_set('big:' || id, n::text, tags => ARRAY['big:' || id])) FROM big WHERE n = 7;
SELECT count(*) FILTER (WHERE cq.cache_set('big:' || id, n::text, tags => ARRAY['big:' || id])) FROM big WHERE n = 7;
COMMIT;
SELECT count(*), count(cq.cache_get('big:' || id)), bool_and(cq.cache_get('big:' || id) = n::text) FROM big WHERE n = 7;
EXPLAIN (COSTS OFF) SELECT count(*) FROM big WHERE n = 7 AND cq.cache_get('big:' || id) IS NOT NULL;
SELECT count(*) FROM big WHERE n = 7 AND cq.cache_get('big:' || id) IS NOT NULL;

-- own changes are bypassed there as elsewhere
BEGIN;
UPDATE big SET n = 7 WHERE id <= 1000 AND n = 7;
SELECT count(*), count(cq.cache_get('big:' || id)) > 1800 FROM big WHERE n = 7 AND id > 1000;
SELECT count(*), count(cq.cache_get('big:' || id)) FROM big WHERE n = 7 AND id <= 1000;
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*), count(cq.cache_get('big:' || id)) FROM big WHERE n = 7;
COMMIT;

-- a query that runs in parallel may be cached
SELECT loads AS before FROM cq.stat_cache \gset
SELECT cq.cache_fetch('count', 'SELECT count(*) FROM big WHERE n = 7'), cq.cache_fetch('count', 'SELECT count(*) FROM big WHERE n = 7');
UPDATE big SET n = 8 WHERE id = 7;
SELECT cq.cache_fetch('count', 'SELECT count(*) FROM big WHERE n = 7');
SELECT loads - :before FROM cq.stat_cache;

-- a transaction id cannot be had in a parallel plan
EXPLAIN (COSTS OFF) SELECT cq.cache_delete('big:' || id) FROM big WHERE n = 7;
EXPLAIN (COSTS OFF) SELECT cq.cache_invalidate('big:' || id) FROM big WHERE n = 7;
SELECT count(cq.cache_delete('big:' || id)) FROM big WHERE n = 7;
SELECT count(cq.cache_get('big:' || id)) FROM big WHERE n = 7;

-- no function that asks the cache is one for workers
SELECT proname FROM pg_proc
WHERE pronamespace = 'cq'::regnamespace AND proparallel = 's' AND proname ~ '^cache_' ORDER BY 1;

SET client_min_messages = warning;
DROP SCHEMA cache_test CASCADE;
