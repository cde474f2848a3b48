-- From 1.0 to 1.1: what has to be done at the end.

DO $$
DECLARE
    granted record;
BEGIN
    FOR granted IN
        SELECT p.oid::pg_catalog.regprocedure AS signature, pg_catalog.pg_get_userbyid((a.item ->> 1)::oid) AS role,
               (a.item ->> 2)::boolean AS grantable
        FROM pg_catalog.jsonb_array_elements(pg_catalog.current_setting('cq_upgrade.grants')::jsonb) AS a (item)
            JOIN pg_catalog.pg_proc AS p ON p.proname = (a.item ->> 0) AND p.pronamespace = 'cq'::pg_catalog.regnamespace
        WHERE EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.oid = (a.item ->> 1)::oid)
    LOOP
        EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO %I%s', granted.signature, granted.role,
                                  CASE WHEN granted.grantable THEN ' WITH GRANT OPTION' ELSE '' END);
    END LOOP;
END
$$;

DROP FUNCTION cq._queue_cron_job(text);
DROP FUNCTION cq._check_templates(regclass, text[]);
DROP FUNCTION cq._watch_templates(regclass);
DROP FUNCTION cq._write_through_arguments(regclass, text[]);
DROP FUNCTION cq._watch_write_through(regclass);
DROP FUNCTION cq._own_write_through(regclass);
DROP FUNCTION cq._require_preload();
DROP FUNCTION cq._unwatch_one(regclass);
DROP FUNCTION cq._watch_one(regclass, text[], text[]);
DROP FUNCTION cq._enable_triggers(regclass);
DROP FUNCTION cq._descendants(regclass);
DROP FUNCTION cq._watched_through_parent(regclass);
DROP FUNCTION cq._rewatch(regclass);
DROP FUNCTION cq._relation_changed(oid);
DROP FUNCTION cq._alter_table_does(pg_ddl_command);
DROP FUNCTION cq._check_write_through(regclass);

-- Triggers that no row asks for would raise: those that partitions kept when they were
-- detached, and those made by hand.
DO $$
DECLARE
    relation pg_catalog.oid;
BEGIN
    FOR relation IN
        SELECT DISTINCT t.tgrelid
        FROM pg_catalog.pg_trigger AS t
        JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
        WHERE t.tgparentid = 0 AND c.relpersistence <> 't'
          AND t.tgfoid IN ('cq._watch_row()'::pg_catalog.regprocedure, 'cq._watch_statement()'::pg_catalog.regprocedure,
                           'cq._watch_truncate()'::pg_catalog.regprocedure, 'cq._watch_write()'::pg_catalog.regprocedure)
          AND (NOT EXISTS (SELECT FROM cq.cache_watches AS w WHERE w.target = t.tgrelid)
               OR t.tgfoid = 'cq._watch_write()'::pg_catalog.regprocedure
                  AND NOT EXISTS (SELECT FROM cq.cache_watches AS w WHERE w.target = t.tgrelid AND w.write_through IS NOT NULL))
        ORDER BY 1
    LOOP
        RAISE WARNING 'dropping triggers of the cache that no watch asks for from table "%"', relation::pg_catalog.regclass
            USING HINT = 'Call cq.cache_watch for the table if it is to be watched.';
        PERFORM cq._rewatch(relation);
    END LOOP;
END
$$;
