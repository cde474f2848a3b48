-- Watching tables: the triggers that invalidate.

-- These four may be called by everybody, or else the owner of a watched table could
-- neither attach a partition nor restore it.  They look into cq.watch for what they
-- have to do; their arguments mean nothing.

CREATE FUNCTION cq._watch_row() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'cq_watch_row';
COMMENT ON FUNCTION cq._watch_row() IS 'Row trigger of cq.cache_watch. Raises 42501 for a table that is not watched, 55000 if the library is not preloaded.';

CREATE FUNCTION cq._watch_statement() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'cq_watch_statement';
COMMENT ON FUNCTION cq._watch_statement() IS 'Statement trigger of cq.cache_watch. Raises as cq._watch_row().';

CREATE FUNCTION cq._watch_truncate() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'cq_watch_truncate';
COMMENT ON FUNCTION cq._watch_truncate() IS 'TRUNCATE trigger of cq.cache_watch. Raises as cq._watch_row().';

CREATE FUNCTION cq._watch_write() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'cq_watch_write';
COMMENT ON FUNCTION cq._watch_write() IS 'Write-through trigger of cq.cache_watch. Raises as cq._watch_row(), and 42501 without write_through.';

CREATE FUNCTION cq._write_through_fields(write_through jsonb) RETURNS text[]
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET IntervalStyle = postgres
AS $$
DECLARE
    hint CONSTANT text := 'The fields are key, namespace and ttl, which are strings, and columns, an array of strings; only key is needed.';
    field text;
    value jsonb;
    ttl text := '';
BEGIN
    IF jsonb_typeof(write_through) <> 'object' OR NOT write_through ? 'key' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'write_through must be a JSON object with a key', HINT = hint;
    END IF;
    FOR field, value IN SELECT * FROM jsonb_each(write_through) LOOP
        IF field NOT IN ('key', 'namespace', 'ttl', 'columns') THEN
            RAISE invalid_parameter_value USING
                MESSAGE = format('unknown field "%s" of write_through', field), HINT = hint;
        END IF;
        IF jsonb_typeof(value) <> (CASE field WHEN 'columns' THEN 'array' ELSE 'string' END) THEN
            RAISE invalid_parameter_value USING
                MESSAGE = format('field "%s" of write_through is of the wrong type', field), HINT = hint;
        END IF;
    END LOOP;
    IF write_through -> 'columns' = '[]'
       OR EXISTS (SELECT FROM jsonb_array_elements(write_through -> 'columns') AS name (name)
                  GROUP BY name.name HAVING jsonb_typeof(name.name) <> 'string' OR count(*) > 1) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'the columns of write_through must be names, each of them once', HINT = hint;
    END IF;
    IF write_through ? 'ttl' THEN
        BEGIN
            ttl := (write_through ->> 'ttl')::interval::text;
        EXCEPTION WHEN data_exception THEN
            RAISE invalid_parameter_value USING
                MESSAGE = format('the ttl of write_through is not an interval: "%s"', write_through ->> 'ttl');
        END;
    END IF;
    RETURN ARRAY[write_through ->> 'key', coalesce(write_through ->> 'namespace', 'default'), ttl]
        || ARRAY(SELECT jsonb_array_elements_text(write_through -> 'columns'));
END
$$;
COMMENT ON FUNCTION cq._write_through_fields(jsonb) IS 'The fields of cache_watch''s write_through as an array: key, namespace, ttl, columns. Raises 22023.';

CREATE FUNCTION cq._epoch_changed() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_epoch_changed';
COMMENT ON FUNCTION cq._epoch_changed() IS 'Sets the barrier for everything dependent in the database.';

CREATE FUNCTION cq._rewatch(relation oid) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_rewatch';
COMMENT ON FUNCTION cq._rewatch(oid) IS 'Gives a table that has got or lost a parent, and its descendants, the triggers that their watches ask for.';

CREATE FUNCTION cq.cache_watch(target regclass, tags text[] DEFAULT NULL, write_through jsonb DEFAULT NULL) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_cache_watch';
COMMENT ON FUNCTION cq.cache_watch(regclass, text[], jsonb) IS
'Let every change of the table invalidate its own tag (cq.cache_table_tag) and the tags that the templates name: ''user:{id}'' stands for user:17 when the row with id 17 changes. With write_through, an object with a key template and, if wanted, namespace, ttl and columns, a row that is inserted or updated is in the cache as jsonb when its transaction has committed. Watching again replaces both. The caller must own the table, and write to the namespace; so must the table''s owner whenever a row is put. Errors: 22004, 42809 (not an ordinary table), 22023 (malformed template or write_through), 42703 (unknown column), 42704 (unknown namespace), 42P10 (key does not tell rows apart), 42501 (not the owner of the table and of what is below it; no right to write the namespace), 0A000 (write-behind namespace, virtual generated column), 55000 (watched through its parent).';

CREATE FUNCTION cq.cache_unwatch(target regclass) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_cache_unwatch';
COMMENT ON FUNCTION cq.cache_unwatch(regclass) IS
'Stop watching a table; what was cached with its tags is invalidated. Errors: 22004, 42704 (not watched), 42501, 55000 (watched through its parent).';

CREATE FUNCTION cq._ddl_command_end() RETURNS event_trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'cq_event_ddl';
COMMENT ON FUNCTION cq._ddl_command_end() IS 'Event trigger: DDL invalidates what was cached from what it changes, and must not leave changes unwatched.';

CREATE FUNCTION cq._sql_drop() RETURNS event_trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'cq_event_drop';
COMMENT ON FUNCTION cq._sql_drop() IS 'Event trigger: a watched table must not lose what its watch needs; the watch of a dropped table is forgotten.';

CREATE EVENT TRIGGER cachequeue_ddl ON ddl_command_end EXECUTE FUNCTION cq._ddl_command_end();
ALTER EVENT TRIGGER cachequeue_ddl ENABLE ALWAYS;
CREATE EVENT TRIGGER cachequeue_drop ON sql_drop EXECUTE FUNCTION cq._sql_drop();
ALTER EVENT TRIGGER cachequeue_drop ENABLE ALWAYS;

CREATE VIEW cq.cache_watches WITH (security_barrier) AS
WITH RECURSIVE covered (target, source, depth, writes) AS (
    SELECT w.target::oid, w.target::oid, 0, true FROM cq.watch AS w
    UNION
    SELECT i.inhrelid, p.source, p.depth + 1, p.writes AND c.relispartition
    FROM covered AS p
    JOIN pg_catalog.pg_inherits AS i ON i.inhparent = p.target
    JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid AND c.relkind IN ('r', 'p')
)
SELECT c.oid::pg_catalog.regclass AS target,
       cq.cache_table_tag(c.oid) AS table_tag,
       ARRAY(SELECT u.tag
             FROM (SELECT t.tag, p.depth, t.n,
                          pg_catalog.row_number() OVER (PARTITION BY t.tag ORDER BY p.depth, t.n) AS nth
                   FROM covered AS p
                   JOIN cq.watch AS w ON w.target = p.source,
                   pg_catalog.unnest(w.tags) WITH ORDINALITY AS t (tag, n)
                   WHERE p.target = c.oid) AS u
             WHERE u.nth = 1
             ORDER BY u.depth, u.n) AS tags,
       (SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
                   'key', w.key, 'namespace', w.namespace, 'ttl', w.ttl, 'columns', w.columns))
        FROM covered AS p
        JOIN cq.watch AS w ON w.target = p.source
        WHERE p.target = c.oid AND p.writes AND w.key IS NOT NULL
        ORDER BY p.depth LIMIT 1) AS write_through,
       EXISTS (SELECT FROM pg_catalog.pg_trigger AS t
               WHERE t.tgrelid = c.oid AND t.tgname = '!cachequeue_row' AND t.tgenabled = 'A'
                 AND t.tgfoid = 'cq._watch_row()'::pg_catalog.regprocedure) AS enabled
FROM pg_catalog.pg_class AS c
WHERE c.oid IN (SELECT p.target FROM covered AS p)
  AND (pg_catalog.pg_has_role(c.relowner, 'USAGE')
       OR pg_catalog.has_table_privilege(c.oid, 'SELECT')
       OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT')
       OR pg_catalog.pg_has_role('pg_monitor', 'USAGE'));
COMMENT ON VIEW cq.cache_watches IS 'Watched tables, partitions included, that the reader owns or may select from, all of them for pg_monitor: own tag, tag templates, write-through, and whether the row trigger fires always.';
