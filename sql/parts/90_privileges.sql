-- Who may do what.
--
-- The gate is USAGE on the schema cq, which nobody has by default: grant it to
-- the roles that are to use the cache and the queues.  Functions that are open
-- behind it ask for privileges themselves: on the namespace, queue, topic, group
-- or exchange; cache_watch needs ownership of the table.  Creating any of these has
-- to be granted.  test/security/functions.txt lists who may execute what.

REVOKE ALL ON SCHEMA cq FROM PUBLIC;
REVOKE ALL ON cq.namespace, cq.namespace_0 FROM PUBLIC;
REVOKE ALL ON cq.watch, cq.cache_function FROM PUBLIC;
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
          AND p.proname OPERATOR(pg_catalog.!~)
              '^(_?(queue|topic|group|exchange|channel)_|stat_get_(queue|topic|group)|(grant|revoke)_on_all$)' -- see parts 39 to 60
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', routine.signature);
        IF routine.proname OPERATOR(pg_catalog.~) '^(cache|namespace)_'
           AND routine.proname OPERATOR(pg_catalog.!~) '^(namespace_create|cache_function_(un)?declare)$' THEN
            EXECUTE pg_catalog.format('GRANT EXECUTE ON ROUTINE %s TO PUBLIC', routine.signature);
        END IF;
    END LOOP;
END
$$;

-- trigger functions of watched tables: their owners attach partitions, and restore
-- them from dumps; they do what stands in cq.watch, whoever calls them
GRANT EXECUTE ON FUNCTION cq._watch_row(), cq._watch_statement(), cq._watch_truncate(), cq._watch_write()
TO PUBLIC;

GRANT SELECT ON cq.cache_watches, cq.cache_functions TO PUBLIC;
GRANT SELECT ON cq.stat_cache, cq.stat_cache_namespaces, cq.cache_entries, cq.cache_hot_keys TO pg_monitor;
GRANT EXECUTE ON FUNCTION cq.stat_get_cache(), cq.stat_get_cache_namespaces(int[]), cq.stat_get_cache_entries(),
    cq.stat_get_cache_hot_keys()
TO pg_monitor;
-- these show a reader his own namespaces only.  More than SELECT on a view would let
-- anybody lock what is below it.
REVOKE ALL ON cq.cache_dead_letters FROM PUBLIC;
GRANT SELECT ON cq.cache_pending, cq.stat_write_behind, cq.cache_dead_letters TO PUBLIC;
