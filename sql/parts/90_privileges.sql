-- Who may do what.
--
-- The gate is USAGE on the schema cq, which nobody has by default: grant it to
-- the roles that are to use the cache and the queues.  Functions that are open
-- behind it check what they must themselves: the namespace default belongs to
-- all who may enter, the others to their owners; cache_watch needs ownership of
-- the table.  Creating namespaces has to be granted.

REVOKE ALL ON SCHEMA cq FROM PUBLIC;
REVOKE ALL ON cq.namespace, cq.namespace_0 FROM PUBLIC;
REVOKE ALL ON cq.watch FROM PUBLIC;
REVOKE ALL ON cq.write_behind, cq.write_behind_log, cq.write_behind_memory,
    cq.write_behind_dead, cq.write_behind_stat FROM PUBLIC;

-- internal functions are called by others of ours, as the extension's owner or
-- from the functions below
DO $$
DECLARE
    routine record;
BEGIN
    FOR routine IN
        SELECT p.oid::pg_catalog.regprocedure AS signature, p.proname
        FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = 'cq'::pg_catalog.regnamespace
          AND p.proname OPERATOR(pg_catalog.!~) '^_?(queue|topic|group|exchange|channel)_' -- see parts 39 to 59
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', routine.signature);
        IF routine.proname OPERATOR(pg_catalog.~) '^(cache|namespace)_'
           AND routine.proname <> 'namespace_create' THEN
            EXECUTE pg_catalog.format('GRANT EXECUTE ON ROUTINE %s TO PUBLIC', routine.signature);
        END IF;
    END LOOP;
END
$$;

-- trigger functions of watched tables: their owners attach partitions, and restore
-- them from dumps; they do what stands in cq.watch, whoever calls them
GRANT EXECUTE ON FUNCTION cq._watch_row(), cq._watch_statement(), cq._watch_truncate(), cq._watch_write()
TO PUBLIC;

GRANT SELECT ON cq.cache_watches TO PUBLIC;
GRANT SELECT ON cq.stat_cache, cq.stat_cache_namespaces, cq.cache_entries, cq.cache_hot_keys TO pg_monitor;
GRANT EXECUTE ON FUNCTION cq._stat_cache(), cq._stat_namespaces(int[]), cq._cache_entries(),
    cq._cache_hot_keys()
TO pg_monitor;
-- these show a reader his own namespaces only
GRANT SELECT ON cq.cache_pending, cq.stat_write_behind TO PUBLIC;
GRANT SELECT, DELETE ON cq.cache_dead_letters TO PUBLIC;
