-- Watching tables: the triggers that invalidate.

CREATE FUNCTION cq._watch_row() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'cq_watch_row';
COMMENT ON FUNCTION cq._watch_row() IS 'Row trigger of cq.cache_watch; its arguments are the tag templates.';

CREATE FUNCTION cq._watch_statement() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'cq_watch_statement';
COMMENT ON FUNCTION cq._watch_statement() IS 'Statement trigger of cq.cache_watch.';

CREATE FUNCTION cq._watch_truncate() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'cq_watch_truncate';
COMMENT ON FUNCTION cq._watch_truncate() IS 'TRUNCATE trigger of cq.cache_watch.';

CREATE FUNCTION cq._watch_write() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'cq_watch_write';
COMMENT ON FUNCTION cq._watch_write() IS 'Write-through trigger of cq.cache_watch; its arguments are those of cq._write_through_arguments.';

CREATE FUNCTION cq._check_templates(target regclass, templates text[]) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_check_templates';
COMMENT ON FUNCTION cq._check_templates(regclass, text[]) IS 'Raises 22023 or 42703 for templates that the table cannot render.';

CREATE FUNCTION cq._watch_templates(target regclass) RETURNS text[]
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'cq_watch_templates';
COMMENT ON FUNCTION cq._watch_templates(regclass) IS 'The tag templates of a watched table; NULL if it is not watched.';

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
    RETURN ARRAY[write_through ->> 'key', coalesce(write_through ->> 'namespace', 'default'), '', ttl]
        || ARRAY(SELECT jsonb_array_elements_text(write_through -> 'columns'));
END
$$;
COMMENT ON FUNCTION cq._write_through_fields(jsonb) IS 'The fields of cache_watch''s write_through as an array: key, namespace, (its number), ttl, columns. Raises 22023.';

CREATE FUNCTION cq._write_through_arguments(target regclass, fields text[]) RETURNS text[]
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_write_through_arguments';
COMMENT ON FUNCTION cq._write_through_arguments(regclass, text[]) IS 'Checks such fields for a table and fills in the namespace''s number: the arguments of the write-through trigger. Raises 22023, 42703, 42704, 42501 and 42P10.';

CREATE FUNCTION cq._watch_write_through(target regclass) RETURNS text[]
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'cq_watch_write_through';
COMMENT ON FUNCTION cq._watch_write_through(regclass) IS 'The arguments of a table''s write-through trigger; NULL if it has none.';

CREATE FUNCTION cq._own_write_through(target regclass) RETURNS text[]
LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT cq._watch_write_through(tgrelid) FROM pg_trigger
    WHERE tgrelid = target AND tgname = '!cachequeue_write' AND tgparentid = 0
$$;
COMMENT ON FUNCTION cq._own_write_through(regclass) IS 'The same, unless a partition has it from its parent.';

CREATE FUNCTION cq._check_write_through(target regclass) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_check_write_through';
COMMENT ON FUNCTION cq._check_write_through(regclass) IS 'Raises 2BP01 if the key of the table''s write-through does not tell rows apart any more.';

CREATE FUNCTION cq._require_preload() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_require_preload';
COMMENT ON FUNCTION cq._require_preload() IS 'Raises 55000 if the library is not preloaded.';

CREATE FUNCTION cq._relation_changed(relation oid) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_relation_changed';
COMMENT ON FUNCTION cq._relation_changed(oid) IS 'Sets the barrier for a table that DDL has changed.';

CREATE FUNCTION cq._epoch_changed() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_epoch_changed';
COMMENT ON FUNCTION cq._epoch_changed() IS 'Sets the barrier for everything dependent in the database.';

CREATE FUNCTION cq._alter_table_does(command pg_ddl_command) RETURNS text[]
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_alter_table_does';
COMMENT ON FUNCTION cq._alter_table_does(pg_ddl_command) IS 'What an ALTER TABLE does that a watch must know: join or leave a parent, switch triggers.';

CREATE FUNCTION cq._unwatch_one(target regclass) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    trigger_name name;
    found_one boolean := false;
BEGIN
    FOR trigger_name IN
        SELECT tgname FROM pg_trigger
        WHERE tgrelid = target AND tgparentid = 0
          AND tgfoid IN ('cq._watch_row()'::regprocedure,
                         'cq._watch_statement()'::regprocedure,
                         'cq._watch_truncate()'::regprocedure,
                         'cq._watch_write()'::regprocedure)
        ORDER BY tgname
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', trigger_name, target);
        found_one := true;
    END LOOP;
    RETURN found_one;
END
$$;
COMMENT ON FUNCTION cq._unwatch_one(regclass) IS 'Drops the triggers of cq.cache_watch from one table.';

CREATE FUNCTION cq._watch_one(target regclass, tags text[], write_through text[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    arguments text := coalesce((SELECT string_agg(quote_literal(tag), ', ' ORDER BY n)
                                FROM unnest(tags) WITH ORDINALITY AS t (tag, n)), '');
    write_arguments text := (SELECT string_agg(quote_literal(argument), ', ' ORDER BY n)
                             FROM unnest(write_through) WITH ORDINALITY AS t (argument, n));
BEGIN
    -- the first one tells cq._rewatch that this table is taken care of
    EXECUTE format('CREATE TRIGGER "!cachequeue_truncate" AFTER TRUNCATE ON %s '
                   'FOR EACH STATEMENT EXECUTE FUNCTION cq._watch_truncate(%s)', target, arguments);
    EXECUTE format('CREATE TRIGGER "!cachequeue_statement" BEFORE INSERT OR UPDATE OR DELETE ON %s '
                   'FOR EACH STATEMENT EXECUTE FUNCTION cq._watch_statement(%s)', target, arguments);
    IF write_arguments IS NOT NULL THEN
        EXECUTE format('CREATE TRIGGER "!cachequeue_write" AFTER INSERT OR UPDATE OR DELETE ON %s '
                       'FOR EACH ROW EXECUTE FUNCTION cq._watch_write(%s)', target, write_arguments);
    END IF;
    IF arguments <> '' OR cq._watch_write_through(target) IS NOT NULL THEN
        EXECUTE format('CREATE TRIGGER "!cachequeue_end" AFTER INSERT OR UPDATE OR DELETE ON %s '
                       'FOR EACH STATEMENT EXECUTE FUNCTION cq._watch_statement()', target);
    END IF;
    -- a partition has its row trigger from its parent
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = target AND tgname = '!cachequeue_row') THEN
        EXECUTE format('CREATE TRIGGER "!cachequeue_row" AFTER INSERT OR UPDATE OR DELETE ON %s '
                       'FOR EACH ROW EXECUTE FUNCTION cq._watch_row(%s)', target, arguments);
    END IF;
    PERFORM cq._enable_triggers(target);
END
$$;
COMMENT ON FUNCTION cq._watch_one(regclass, text[], text[]) IS 'Creates the triggers of cq.cache_watch on one table.';

CREATE FUNCTION cq._enable_triggers(target regclass) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actions text;
    some_disabled boolean;
BEGIN
    SELECT string_agg(format('ENABLE ALWAYS TRIGGER %I', tgname), ', ' ORDER BY tgname), bool_or(tgenabled = 'D')
    INTO actions, some_disabled
    FROM pg_trigger
    WHERE tgrelid = target AND tgenabled <> 'A'
      AND tgfoid IN ('cq._watch_row()'::regprocedure,
                     'cq._watch_statement()'::regprocedure,
                     'cq._watch_truncate()'::regprocedure,
                     'cq._watch_write()'::regprocedure);
    IF some_disabled THEN
        RAISE WARNING 'the triggers of cq.cache_watch on table "%" stay enabled', target
            USING HINT = 'Call cq.cache_unwatch to stop watching.';
    END IF;
    IF actions IS NOT NULL THEN
        EXECUTE format('ALTER TABLE ONLY %s %s', target, actions);
    END IF;
END
$$;
COMMENT ON FUNCTION cq._enable_triggers(regclass) IS 'Makes the triggers of cq.cache_watch fire always, for replicated changes too.';

CREATE FUNCTION cq._descendants(target regclass) RETURNS SETOF regclass
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE tree (relid, depth) AS (
        SELECT inhrelid, 1 FROM pg_inherits WHERE inhparent = target
        UNION
        SELECT i.inhrelid, tree.depth + 1 FROM pg_inherits AS i JOIN tree ON i.inhparent = tree.relid)
    SELECT c.oid::regclass FROM tree JOIN pg_class AS c ON c.oid = tree.relid
    WHERE c.relkind IN ('r', 'p')
    GROUP BY c.oid
    ORDER BY max(tree.depth), c.oid
$$;
COMMENT ON FUNCTION cq._descendants(regclass) IS 'Partitions and inheritance children of a table, and theirs, parents first.';

CREATE FUNCTION cq._watched_through_parent(target regclass) RETURNS boolean
LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM pg_inherits
                   WHERE inhrelid = target AND cq._watch_templates(inhparent) IS NOT NULL)
$$;
COMMENT ON FUNCTION cq._watched_through_parent(regclass) IS 'Is a parent of the table watched?';

CREATE FUNCTION cq._rewatch(target regclass) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation regclass;
    own text[];
    missing text[];
    write_through text[];
BEGIN
    FOR relation IN SELECT target UNION ALL SELECT cq._descendants(target) LOOP
        CONTINUE WHEN NOT cq._watched_through_parent(relation);
        own := cq._watch_templates(relation);
        missing := ARRAY(SELECT tag FROM pg_inherits, unnest(cq._watch_templates(inhparent)) AS tag
                         WHERE inhrelid = relation
                         EXCEPT SELECT unnest(own)
                         ORDER BY tag);
        CONTINUE WHEN missing = '{}'
            AND EXISTS (SELECT FROM pg_trigger WHERE tgrelid = relation AND tgname = '!cachequeue_truncate'
                          AND tgnargs = cardinality(own))
            AND (own = '{}' AND cq._watch_write_through(relation) IS NULL)
                = NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = relation AND tgname = '!cachequeue_end');
        write_through := cq._own_write_through(relation);
        PERFORM cq._unwatch_one(relation);
        PERFORM cq._watch_one(relation, own || missing, write_through);
        PERFORM cq._relation_changed(relation);
    END LOOP;
END
$$;
COMMENT ON FUNCTION cq._rewatch(regclass) IS 'Gives a table and its descendants what they lack because a parent of theirs is watched.';

CREATE FUNCTION cq.cache_watch(target regclass, tags text[] DEFAULT NULL, write_through jsonb DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    child regclass;
    before text[] := cq._watch_templates(target);
    own text[];
    write_arguments text[];
BEGIN
    IF target IS NULL THEN
        RAISE null_value_not_allowed USING MESSAGE = 'target must not be null';
    END IF;
    PERFORM cq._require_preload();
    IF NOT EXISTS (SELECT FROM pg_class WHERE oid = target AND relkind IN ('r', 'p')
                     AND relpersistence <> 't' AND relnamespace <> 'pg_catalog'::regnamespace) THEN
        RAISE wrong_object_type USING
            MESSAGE = format('cannot watch "%s"', target),
            DETAIL = 'Only ordinary and partitioned tables that are not temporary can be watched.';
    END IF;
    IF (SELECT relispartition FROM pg_class WHERE oid = target) AND cq._watched_through_parent(target) THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('table "%s" is watched through its parent', target),
            HINT = 'Call cq.cache_watch for the partitioned table.';
    END IF;
    tags := coalesce(tags, '{}');
    PERFORM cq._check_templates(target, tags);
    write_arguments := cq._write_through_arguments(target, cq._write_through_fields(write_through));

    -- writers that began before the triggers exist have to end first
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', target);
    PERFORM cq._unwatch_one(target);
    PERFORM cq._watch_one(target, tags, write_arguments);
    FOR child IN SELECT cq._descendants(target) LOOP
        -- beside what a child is watched with for its own sake
        own := ARRAY(SELECT unnest(cq._watch_templates(child))
                     EXCEPT SELECT unnest(before || tags) ORDER BY 1);
        write_arguments := cq._own_write_through(child);
        PERFORM cq._unwatch_one(child);
        PERFORM cq._watch_one(child, tags || own, write_arguments);
        PERFORM cq._relation_changed(child);
    END LOOP;
    PERFORM cq._rewatch(target);
    PERFORM cq._relation_changed(target);
    PERFORM cq._epoch_changed();
END
$$;
COMMENT ON FUNCTION cq.cache_watch(regclass, text[], jsonb) IS
'Let every change of the table invalidate its own tag (cq.cache_table_tag) and the tags that the templates name: ''user:{id}'' stands for user:17 when the row with id 17 changes. With write_through, an object with a key template and, if wanted, namespace, ttl and columns, a row that is inserted or updated is in the cache as jsonb when its transaction has committed. Watching again replaces both. The caller must own the table, and write to the namespace. Errors: 22004, 42809 (not an ordinary table), 22023 (malformed template or write_through), 42703 (unknown column), 42704 (unknown namespace), 42P10 (key does not tell rows apart), 42501, 0A000 (write-behind namespace), 55000 (watched through its parent).';

CREATE FUNCTION cq.cache_unwatch(target regclass) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    child regclass;
BEGIN
    IF target IS NULL THEN
        RAISE null_value_not_allowed USING MESSAGE = 'target must not be null';
    END IF;
    PERFORM cq._require_preload();
    IF cq._watched_through_parent(target) THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('table "%s" is watched through its parent', target),
            HINT = 'Call cq.cache_unwatch for the parent.';
    END IF;
    IF NOT cq._unwatch_one(target) THEN
        RAISE undefined_object USING MESSAGE = format('table "%s" is not watched', target);
    END IF;
    FOR child IN SELECT cq._descendants(target)
    LOOP
        PERFORM cq._unwatch_one(child);
        PERFORM cq._relation_changed(child);
    END LOOP;
    PERFORM cq._relation_changed(target);
    PERFORM cq._epoch_changed();
END
$$;
COMMENT ON FUNCTION cq.cache_unwatch(regclass) IS
'Stop watching a table; what was cached with its tags is invalidated. Errors: 22004, 42704 (not watched), 42501, 55000 (watched through its parent).';

CREATE FUNCTION cq._ddl_command_end() RETURNS event_trigger
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
        IF 'join' = ANY (does) THEN
            PERFORM cq._rewatch(relation);
        END IF;
        IF 'switch' = ANY (does) THEN
            PERFORM cq._enable_triggers(table_or_child)
            FROM (SELECT relation::regclass UNION ALL SELECT cq._descendants(relation)) AS t (table_or_child);
        END IF;
        IF 'leave' = ANY (does) AND cq._watch_templates(relation) IS NOT NULL THEN
            PERFORM cq._epoch_changed();    -- the parent that it had is not known any more
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

CREATE FUNCTION cq._sql_drop() RETURNS event_trigger
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
        SELECT o.classid, o.objid, o.object_type, o.address_names
        FROM pg_event_trigger_dropped_objects() AS o
        WHERE NOT o.is_temporary
    LOOP
        IF dropped.classid = 'pg_class'::regclass THEN
            PERFORM cq._relation_changed(dropped.objid);
        ELSIF dropped.object_type = 'trigger' AND dropped.address_names[3] ^@ '!cachequeue_' THEN
            PERFORM cq._epoch_changed();
        ELSIF dropped.object_type IN ('policy', 'cast') THEN
            PERFORM cq._epoch_changed();
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_event_trigger_dropped_objects() AS o WHERE o.object_type = 'index') THEN
        PERFORM cq._check_write_through(tgrelid) FROM pg_trigger
        WHERE tgfoid = 'cq._watch_write()'::regprocedure;
    END IF;
END
$$;
COMMENT ON FUNCTION cq._sql_drop() IS 'Event trigger: dropping a table invalidates what was cached from it.';

CREATE EVENT TRIGGER cachequeue_ddl ON ddl_command_end EXECUTE FUNCTION cq._ddl_command_end();
ALTER EVENT TRIGGER cachequeue_ddl ENABLE ALWAYS;
CREATE EVENT TRIGGER cachequeue_drop ON sql_drop EXECUTE FUNCTION cq._sql_drop();
ALTER EVENT TRIGGER cachequeue_drop ENABLE ALWAYS;

CREATE VIEW cq.cache_watches AS
SELECT t.tgrelid::pg_catalog.regclass AS target,
       cq.cache_table_tag(t.tgrelid) AS table_tag,
       cq._watch_templates(t.tgrelid) AS tags,
       CASE WHEN w.a IS NOT NULL THEN
           pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
               'key', w.a[1], 'namespace', w.a[2], 'ttl', nullif(w.a[4], ''),
               'columns', nullif(pg_catalog.to_jsonb(w.a[5:]), '[]')))
       END AS write_through,
       t.tgenabled = 'A' AS enabled
FROM pg_catalog.pg_trigger t, LATERAL (SELECT cq._watch_write_through(t.tgrelid) AS a) w
WHERE t.tgfoid = 'cq._watch_row()'::pg_catalog.regprocedure;
COMMENT ON VIEW cq.cache_watches IS 'Watched tables, partitions included: own tag, tag templates, write-through, and whether the trigger fires always.';
