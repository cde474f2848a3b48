-- Statistics of the cache.

CREATE FUNCTION cq._stat_cache(
    OUT hits bigint, OUT misses_absent bigint, OUT misses_expired bigint,
    OUT misses_invalidated bigint, OUT misses_snapshot bigint, OUT misses_bypass bigint,
    OUT sets bigint, OUT sets_refused bigint, OUT sets_no_memory bigint,
    OUT deletes bigint, OUT marks bigint, OUT loads bigint,
    OUT load_waits bigint, OUT load_timeouts bigint, OUT stale_served bigint, OUT refreshes bigint,
    OUT entries bigint, OUT evictions bigint, OUT expirations bigint,
    OUT used_bytes bigint, OUT arena_bytes bigint)
LANGUAGE c VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cq_stat_cache';
COMMENT ON FUNCTION cq._stat_cache() IS 'Row of the view cq.stat_cache.';

CREATE VIEW cq.stat_cache AS SELECT * FROM cq._stat_cache();
COMMENT ON VIEW cq.stat_cache IS 'Counters of the cache since the server started, all databases together: hits, misses by reason, sets, memory in bytes.';
