-- Statistics of the cache.

CREATE FUNCTION cq.stat_get_cache(
    OUT hits bigint, OUT misses_absent bigint, OUT misses_expired bigint,
    OUT misses_invalidated bigint, OUT misses_snapshot bigint, OUT misses_bypass bigint,
    OUT sets bigint, OUT sets_refused bigint, OUT deletes bigint, OUT sets_no_memory bigint,
    OUT refused_changed bigint, OUT refused_epoch bigint, OUT refused_own_change bigint,
    OUT refused_lease bigint, OUT refused_bypass bigint,
    OUT marks bigint, OUT loads bigint,
    OUT load_waits bigint, OUT load_timeouts bigint, OUT stale_served bigint, OUT refreshes bigint,
    OUT verified bigint, OUT verify_mismatches bigint,
    OUT evictions bigint, OUT expirations bigint,
    OUT entries bigint, OUT used_bytes bigint, OUT arena_bytes bigint,
    OUT tag_slots_marked float8, OUT key_slots_marked float8,
    OUT stats_reset timestamptz)
LANGUAGE c VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cq_stat_cache';
COMMENT ON FUNCTION cq.stat_get_cache() IS 'Row of the view cq.stat_cache.';

CREATE VIEW cq.stat_cache AS SELECT * FROM cq.stat_get_cache();
COMMENT ON VIEW cq.stat_cache IS 'Counters of the cache since the server started or cq.stat_reset was called, all databases together: hits, misses by reason, sets and why they were refused, memory in bytes.';

CREATE FUNCTION cq.stat_get_cache_namespaces(ids int[],
    OUT namespace_id int,
    OUT hits bigint, OUT misses_absent bigint, OUT misses_expired bigint,
    OUT misses_invalidated bigint, OUT misses_snapshot bigint, OUT misses_bypass bigint,
    OUT sets bigint, OUT sets_refused bigint, OUT deletes bigint,
    OUT entries bigint, OUT bytes bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cq_stat_namespaces';
COMMENT ON FUNCTION cq.stat_get_cache_namespaces(int[]) IS 'Counters of these namespaces, which must be given in ascending order.';

CREATE VIEW cq._namespaces AS
    SELECT 0 AS namespace_id, 'default' COLLATE "C" AS name, NULL::bigint AS memory_quota
    UNION ALL
    SELECT n.namespace_id, n.name, n.memory_quota FROM cq.namespace n;
COMMENT ON VIEW cq._namespaces IS 'All namespaces of the database, default included.';

CREATE VIEW cq.stat_cache_namespaces AS
    SELECT n.name AS namespace, s.hits, s.misses_absent, s.misses_expired, s.misses_invalidated,
           s.misses_snapshot, s.misses_bypass,
           s.hits::float8 OPERATOR(pg_catalog./) NULLIF(s.hits OPERATOR(pg_catalog.+) s.misses_absent
               OPERATOR(pg_catalog.+) s.misses_expired OPERATOR(pg_catalog.+) s.misses_invalidated
               OPERATOR(pg_catalog.+) s.misses_snapshot OPERATOR(pg_catalog.+) s.misses_bypass, 0)::float8 AS hit_ratio,
           s.sets, s.sets_refused, s.deletes, s.entries, s.bytes, n.memory_quota
    FROM cq.stat_get_cache_namespaces(ARRAY(SELECT i.namespace_id FROM cq._namespaces i ORDER BY i.namespace_id)) s
    JOIN cq._namespaces n ON n.namespace_id OPERATOR(pg_catalog.=) s.namespace_id;
COMMENT ON VIEW cq.stat_cache_namespaces IS 'Counters of this database''s namespaces since the server started or cq.stat_reset was called, with what their entries take now.';

CREATE FUNCTION cq.stat_get_cache_entries(
    OUT namespace_id int, OUT key text, OUT kind text, OUT type text, OUT bytes bigint,
    OUT dependent boolean, OUT tags int, OUT expires_in interval, OUT version bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cq_cache_entries';
COMMENT ON FUNCTION cq.stat_get_cache_entries() IS 'Rows of the view cq.cache_entries.';

CREATE VIEW cq.cache_entries AS
    SELECT n.name AS namespace, e.key, e.kind, e.type, e.bytes, e.dependent, e.tags, e.expires_in, e.version
    FROM cq.stat_get_cache_entries() e
    LEFT JOIN cq._namespaces n ON n.namespace_id OPERATOR(pg_catalog.=) e.namespace_id;
COMMENT ON VIEW cq.cache_entries IS 'What this database has in the cache: keys and sizes, not values. For diagnosis: it visits every entry of the cache.';

CREATE FUNCTION cq.stat_get_cache_hot_keys(
    OUT namespace_id int, OUT key text, OUT kind text, OUT hits bigint, OUT error bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cq_cache_hot_keys';
COMMENT ON FUNCTION cq.stat_get_cache_hot_keys() IS 'Rows of the view cq.cache_hot_keys.';

CREATE VIEW cq.cache_hot_keys AS
    SELECT n.name AS namespace, h.key, h.kind, h.hits, h.error
    FROM cq.stat_get_cache_hot_keys() h
    LEFT JOIN cq._namespaces n ON n.namespace_id OPERATOR(pg_catalog.=) h.namespace_id;
COMMENT ON VIEW cq.cache_hot_keys IS 'The keys of this database that are read most, estimated from a sample of the hits.';

CREATE FUNCTION cq.stat_reset() RETURNS void
LANGUAGE c VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cq_stat_reset';
COMMENT ON FUNCTION cq.stat_reset() IS 'Set the counters of the cache to zero, those of all databases and namespaces, and forget the hot keys. Error: 42501 (has to be granted).';
