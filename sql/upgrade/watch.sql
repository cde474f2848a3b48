-- From 1.0: watches become rows of cq.watch.  A section of the upgrade script; it reads
-- cq.namespace and cq.namespace_grant as 1.0 has them.
--
-- In 1.0 a watch is what the arguments of its triggers say.  They stay as they are: the
-- functions do not look at their arguments any more.

-- what they call is not there meanwhile
ALTER EVENT TRIGGER cachequeue_ddl DISABLE;
ALTER EVENT TRIGGER cachequeue_drop DISABLE;

CREATE TABLE cq.watch (
    target regclass CONSTRAINT watch_pkey PRIMARY KEY,
    tags text[] NOT NULL,
    key text,
    namespace text,
    namespace_id int,
    ttl text,
    columns text[]
);
COMMENT ON TABLE cq.watch IS 'What was asked of cq.cache_watch; changed by cq.cache_watch and cq.cache_unwatch only. Partitions and children need no row: that of their parent holds for them.';
COMMENT ON COLUMN cq.watch.target IS 'A row whose table is gone means nothing.';
COMMENT ON COLUMN cq.watch.key IS 'The template of write-through; NULL, as all that follows: none.';
COMMENT ON COLUMN cq.watch.namespace IS 'Its name when the watch was made; rows are put while the namespace of this number has it.';

SELECT pg_catalog.pg_extension_config_dump('cq.watch',
    'WHERE EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid OPERATOR(pg_catalog.=) target)');

CREATE FUNCTION cq._watch_changed() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'cq_watch_changed';
COMMENT ON FUNCTION cq._watch_changed() IS 'Trigger function: makes all sessions read the watches again.';

CREATE TRIGGER watch_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cq.watch
    FOR EACH STATEMENT EXECUTE FUNCTION cq._watch_changed();
ALTER TABLE cq.watch ENABLE ALWAYS TRIGGER watch_changed;

-- A trigger's arguments are strings that end with a zero byte.  Clones of a parent's
-- trigger stand for the parent's watch.  Anybody may have made such triggers by hand:
-- what cq.cache_watch would not have let the table's owner do is left out.
INSERT INTO cq.watch
WITH RECURSIVE bytes (relid, foid, n, argument, rest) AS (
    SELECT t.tgrelid, t.tgfoid, 0, NULL::bytea, t.tgargs
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
    WHERE t.tgparentid = 0 AND t.tgenabled = 'A' AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
      AND (t.tgname, t.tgfoid) IN (('!cachequeue_row', 'cq._watch_row()'::pg_catalog.regprocedure),
                                   ('!cachequeue_write', 'cq._watch_write()'::pg_catalog.regprocedure))
    UNION ALL
    SELECT b.relid, b.foid, b.n + 1,
           pg_catalog.substring(b.rest, 1, pg_catalog.position(b.rest, '\x00'::bytea) - 1),
           pg_catalog.substring(b.rest, pg_catalog.position(b.rest, '\x00'::bytea) + 1)
    FROM bytes AS b
    WHERE pg_catalog.length(b.rest) > 0
), triggers AS (
    SELECT b.relid, b.foid,
           coalesce(pg_catalog.array_agg(pg_catalog.convert_from(b.argument, pg_catalog.getdatabaseencoding())
                                         ORDER BY b.n) FILTER (WHERE b.n > 0), '{}') AS arguments
    FROM bytes AS b
    GROUP BY b.relid, b.foid
), ancestors (relid, ancestor) AS (
    SELECT i.inhrelid, i.inhparent FROM pg_catalog.pg_inherits AS i
    UNION
    SELECT a.relid, i.inhparent FROM ancestors AS a JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = a.ancestor
), writes AS (
    SELECT t.relid, t.arguments[1] AS key, t.arguments[2] AS namespace, t.arguments[3]::int AS namespace_id,
           nullif(t.arguments[4], '') AS ttl, nullif(t.arguments[5:], '{}') AS columns
    FROM triggers AS t
    JOIN pg_catalog.pg_class AS c ON c.oid = t.relid
    WHERE t.foid = 'cq._watch_write()'::pg_catalog.regprocedure
      AND CASE WHEN t.arguments[1] ~ '^(\{\{|\}\}|\{[^{}][^}]*\}|[^{}])+$' AND t.arguments[3] ~ '^\d{1,9}$'
                    AND pg_catalog.cardinality(t.arguments) >= 4 THEN
              t.arguments[2] = 'default' AND t.arguments[3]::int = 0
              OR EXISTS (SELECT FROM cq.namespace AS n
                         WHERE n.namespace_id = t.arguments[3]::int AND n.name = t.arguments[2]
                           AND (pg_catalog.pg_has_role(c.relowner, n.owner, 'USAGE')
                                OR EXISTS (SELECT FROM cq.namespace_grant AS g
                                           WHERE g.namespace_id = n.namespace_id AND g.access & 2 <> 0
                                             AND CASE WHEN g.grantee = 0::pg_catalog.oid THEN true
                                                      ELSE pg_catalog.pg_has_role(c.relowner, g.grantee, 'USAGE') END)))
          END
), watches AS (
    -- a child's trigger has its parents' templates as well
    SELECT t.relid,
           ARRAY(SELECT u.tag FROM pg_catalog.unnest(t.arguments) WITH ORDINALITY AS u (tag, n)
                 WHERE u.tag ~ '^(\{\{|\}\}|\{[^{}][^}]*\}|[^{}])+$'
                   AND NOT EXISTS (SELECT FROM ancestors AS a
                                   JOIN triggers AS above ON above.relid = a.ancestor AND above.foid = t.foid
                                   WHERE a.relid = t.relid AND u.tag = ANY (above.arguments))
                 ORDER BY u.n) AS tags,
           EXISTS (SELECT FROM ancestors AS a
                   JOIN triggers AS above ON above.relid = a.ancestor AND above.foid = t.foid
                   WHERE a.relid = t.relid) AS inherited
    FROM triggers AS t
    WHERE t.foid = 'cq._watch_row()'::pg_catalog.regprocedure
)
SELECT w.relid, w.tags, p.key, p.namespace, p.namespace_id, p.ttl, p.columns
FROM watches AS w
LEFT JOIN writes AS p ON p.relid = w.relid
WHERE NOT w.inherited OR w.tags <> '{}' OR p.relid IS NOT NULL;

COMMENT ON FUNCTION cq._watch_row() IS 'Row trigger of cq.cache_watch. Raises 42501 for a table that is not watched, 55000 if the library is not preloaded.';
COMMENT ON FUNCTION cq._watch_statement() IS 'Statement trigger of cq.cache_watch. Raises as cq._watch_row().';
COMMENT ON FUNCTION cq._watch_truncate() IS 'TRUNCATE trigger of cq.cache_watch. Raises as cq._watch_row().';
COMMENT ON FUNCTION cq._watch_write() IS 'Write-through trigger of cq.cache_watch. Raises as cq._watch_row(), and 42501 without write_through.';

CREATE OR REPLACE FUNCTION cq._write_through_fields(write_through jsonb) RETURNS text[]
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

COMMENT ON FUNCTION cq._relation_changed(oid) IS 'Sets the barrier for a table that DDL has changed. Raises 2BP01 if its watch has lost a column.';

CREATE FUNCTION cq._relation_dropped(relation oid) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_relation_dropped';
COMMENT ON FUNCTION cq._relation_dropped(oid) IS 'Sets the barrier for a table that is gone, and forgets its watch.';

CREATE FUNCTION cq._rewatch(relation oid) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_rewatch';
COMMENT ON FUNCTION cq._rewatch(oid) IS 'Gives a table that has got or lost a parent, and its descendants, the triggers that their watches ask for.';

CREATE FUNCTION cq._rewatch_detached() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_rewatch_detached';
COMMENT ON FUNCTION cq._rewatch_detached() IS 'The same for partitions that the transaction has detached.';

CREATE FUNCTION cq._enable_triggers(relation oid) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_enable_triggers';
COMMENT ON FUNCTION cq._enable_triggers(oid) IS 'Makes the triggers of cq.cache_watch on a table and its descendants fire always, for replicated changes too.';

CREATE OR REPLACE FUNCTION cq.cache_watch(target regclass, tags text[] DEFAULT NULL, write_through jsonb DEFAULT NULL) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_cache_watch';
COMMENT ON FUNCTION cq.cache_watch(regclass, text[], jsonb) IS
'Let every change of the table invalidate its own tag (cq.cache_table_tag) and the tags that the templates name: ''user:{id}'' stands for user:17 when the row with id 17 changes. With write_through, an object with a key template and, if wanted, namespace, ttl and columns, a row that is inserted or updated is in the cache as jsonb when its transaction has committed. Watching again replaces both. The caller must own the table, and write to the namespace; so must the table''s owner whenever a row is put. Errors: 22004, 42809 (not an ordinary table), 22023 (malformed template or write_through), 42703 (unknown column), 42704 (unknown namespace), 42P10 (key does not tell rows apart), 42501 (not the owner of the table and of what is below it; no right to write the namespace), 0A000 (write-behind namespace), 55000 (watched through its parent).';

CREATE OR REPLACE FUNCTION cq.cache_unwatch(target regclass) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_cache_unwatch';
COMMENT ON FUNCTION cq.cache_unwatch(regclass) IS
'Stop watching a table; what was cached with its tags is invalidated. Errors: 22004, 42704 (not watched), 42501, 55000 (watched through its parent).';

CREATE OR REPLACE FUNCTION cq._ddl_command_end() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation oid;
    does text[];
BEGIN
    -- results of queries, and texts of values, may have come from what these were before
    IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() AS command
               WHERE (command.classid = 'pg_proc'::regclass
                      OR command.command_tag ~ '^(ALTER (TYPE|DOMAIN|TEXT SEARCH .*)|CREATE CAST)$')
                 AND command.schema_name IS DISTINCT FROM 'pg_temp') THEN
        PERFORM cq._epoch_changed();
    END IF;
    FOR relation, does IN
        SELECT CASE command.classid
                   WHEN 'pg_class'::regclass THEN command.objid
                   WHEN 'pg_policy'::regclass THEN (SELECT polrelid FROM pg_policy WHERE oid = command.objid)
                   WHEN 'pg_trigger'::regclass THEN (SELECT tgrelid FROM pg_trigger WHERE oid = command.objid)
                   WHEN 'pg_rewrite'::regclass THEN (SELECT ev_class FROM pg_rewrite WHERE oid = command.objid)
               END,
               CASE command.command_tag
                   WHEN 'CREATE TABLE' THEN '{join}'
                   WHEN 'ALTER TABLE' THEN cq._alter_table_does(command.command)
               END
        FROM pg_event_trigger_ddl_commands() AS command
        WHERE command.schema_name IS DISTINCT FROM 'pg_temp'
    LOOP
        CONTINUE WHEN relation IS NULL;
        -- a dump restores each of our triggers by itself: only these commands call for more
        IF does && '{join,leave}' THEN
            PERFORM cq._rewatch(relation);
        END IF;
        IF 'leave' = ANY (does) THEN
            PERFORM cq._rewatch_detached();
        END IF;
        IF 'switch' = ANY (does) THEN
            PERFORM cq._enable_triggers(relation);
        END IF;
        -- its rows are values elsewhere
        IF EXISTS (SELECT FROM pg_type AS t
                   JOIN pg_depend AS d ON d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray)
                   WHERE t.typrelid = relation AND d.deptype = 'n') THEN
            PERFORM cq._epoch_changed();
        END IF;
        PERFORM cq._relation_changed(relation);
    END LOOP;
END
$$;
COMMENT ON FUNCTION cq._ddl_command_end() IS 'Event trigger: DDL on a table invalidates what was cached from it, and must not leave changes unwatched.';

CREATE OR REPLACE FUNCTION cq._sql_drop() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    dropped record;
BEGIN
    -- nothing of ours is left to call when the extension itself goes
    IF EXISTS (SELECT FROM pg_event_trigger_dropped_objects() AS o
               WHERE o.classid = 'pg_extension'::regclass AND o.object_name = 'cachequeue') THEN
        RETURN;
    END IF;
    FOR dropped IN
        SELECT o.classid, o.objid, o.objsubid, o.object_type, o.address_names
        FROM pg_event_trigger_dropped_objects() AS o
        WHERE NOT o.is_temporary
    LOOP
        IF dropped.classid = 'pg_class'::regclass AND dropped.objsubid = 0 THEN
            PERFORM cq._relation_dropped(dropped.objid);
        ELSIF dropped.classid = 'pg_class'::regclass THEN
            PERFORM cq._relation_changed(dropped.objid);    -- a column
        ELSIF dropped.object_type = 'trigger' AND dropped.address_names[3] ^@ '!cachequeue_' THEN
            PERFORM cq._epoch_changed();
        ELSIF dropped.object_type IN ('policy', 'cast') THEN
            PERFORM cq._epoch_changed();
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_event_trigger_dropped_objects() AS o WHERE o.object_type = 'index') THEN
        PERFORM cq._check_write_through(target) FROM cq.watch WHERE key IS NOT NULL;
    END IF;
END
$$;
COMMENT ON FUNCTION cq._sql_drop() IS 'Event trigger: dropping a table invalidates what was cached from it.';

CREATE OR REPLACE VIEW cq.cache_watches WITH (security_barrier) AS
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

REVOKE ALL ON cq.watch FROM PUBLIC;
REVOKE ALL ON FUNCTION cq._watch_changed(), cq._write_through_fields(jsonb), cq._check_write_through(regclass),
    cq._relation_changed(oid), cq._relation_dropped(oid), cq._epoch_changed(),
    cq._alter_table_does(pg_ddl_command), cq._rewatch(oid), cq._rewatch_detached(), cq._enable_triggers(oid),
    cq._ddl_command_end(), cq._sql_drop()
FROM PUBLIC;

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

SELECT cq._epoch_changed();

ALTER EVENT TRIGGER cachequeue_ddl ENABLE ALWAYS;
ALTER EVENT TRIGGER cachequeue_drop ENABLE ALWAYS;
