\echo Use "CREATE EXTENSION cachequeue" to load this file. \quit

CREATE SCHEMA cq;

COMMENT ON SCHEMA cq IS 'cachequeue: transactional cache and message queue';
-- The cache: get, set and their like.

CREATE FUNCTION cq.cache_get(key text, namespace text DEFAULT 'default')
RETURNS text
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cq_cache_get_text';
COMMENT ON FUNCTION cq.cache_get(text, text) IS
'The cached text, or NULL on a miss. Errors: 22004 (NULL key), 22023 (empty key), 54000 (key over 1 kB), 42809 (value of another type), 42704 (unknown namespace), 42501 (no right to read it).';

CREATE FUNCTION cq.cache_get_bytea(key text, namespace text DEFAULT 'default')
RETURNS bytea
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cq_cache_get_bytea';
COMMENT ON FUNCTION cq.cache_get_bytea(text, text) IS
'The cached bytea, or NULL on a miss. Errors as cq.cache_get.';

CREATE FUNCTION cq.cache_get_jsonb(key text, namespace text DEFAULT 'default')
RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cq_cache_get_jsonb';
COMMENT ON FUNCTION cq.cache_get_jsonb(text, text) IS
'The cached jsonb, or NULL on a miss. Errors as cq.cache_get.';

CREATE FUNCTION cq.cache_get_or_lease(key text, namespace text DEFAULT 'default',
    OUT value text, OUT found boolean, OUT lease bigint)
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cq_cache_get_or_lease';
COMMENT ON FUNCTION cq.cache_get_or_lease(text, text) IS
'The cached text with found = true, or a lease to be passed to cq.cache_set, which may then run in a later transaction or on another connection. Errors as cq.cache_get.';

CREATE FUNCTION cq.cache_set(key text, value text, ttl interval DEFAULT NULL,
    tags text[] DEFAULT '{}', namespace text DEFAULT 'default',
    condition text DEFAULT NULL, version bigint DEFAULT NULL,
    lease bigint DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cq_cache_set_text';
COMMENT ON FUNCTION cq.cache_set(text, text, interval, text[], text, text, bigint, bigint) IS
'Store a text at commit; with condition (''absent'', ''present'') or version at once. False: refused, the value may be out of date, or the condition did not hold. ttl NULL: that of the namespace, or no expiry. Errors: 22004, 22023 (empty key or tag, ttl, condition), 54000 (key, value, tags too large), 55000 (tags without a miss or a lease), 42704, 42501, 0A000 (tags, lease, condition or version in a write-behind namespace).';

CREATE FUNCTION cq.cache_set(key text, value bytea, ttl interval DEFAULT NULL,
    tags text[] DEFAULT '{}', namespace text DEFAULT 'default',
    condition text DEFAULT NULL, version bigint DEFAULT NULL,
    lease bigint DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cq_cache_set_bytea';
COMMENT ON FUNCTION cq.cache_set(text, bytea, interval, text[], text, text, bigint, bigint) IS
'Store a bytea; as cq.cache_set for text.';

CREATE FUNCTION cq.cache_set(key text, value jsonb, ttl interval DEFAULT NULL,
    tags text[] DEFAULT '{}', namespace text DEFAULT 'default',
    condition text DEFAULT NULL, version bigint DEFAULT NULL,
    lease bigint DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cq_cache_set_jsonb';
COMMENT ON FUNCTION cq.cache_set(text, jsonb, interval, text[], text, text, bigint, bigint) IS
'Store a jsonb; as cq.cache_set for text.';

CREATE FUNCTION cq.cache_get_many(keys text[], namespace text DEFAULT 'default')
RETURNS TABLE (key text, value text, lease bigint)
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cq_cache_get_many';
COMMENT ON FUNCTION cq.cache_get_many(text[], text) IS
'One row per key, in their order: the cached text, or NULL and a lease, as from cq.cache_get_or_lease. The lease is the same for all. Errors as cq.cache_get; 2202E for a matrix.';

CREATE FUNCTION cq.cache_set_many(keys text[], "values" text[], ttl interval DEFAULT NULL,
    tags text[] DEFAULT '{}', namespace text DEFAULT 'default', lease bigint DEFAULT NULL)
RETURNS bigint
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cq_cache_set_many';
COMMENT ON FUNCTION cq.cache_set_many(text[], text[], interval, text[], text, bigint) IS
'Store the values under the keys, all with the same ttl, tags and lease; returns how many were not refused. Errors as cq.cache_set; 22023 when there are not as many values as keys; 2202E for a matrix.';

CREATE FUNCTION cq.cache_delete(key text, namespace text DEFAULT 'default')
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_cache_delete_key';
COMMENT ON FUNCTION cq.cache_delete(text, text) IS
'Remove a key when the transaction commits. True if there was an entry. Errors as cq.cache_get, but 42809; 42501 without the right to write.';

CREATE FUNCTION cq.cache_touch(key text, ttl interval, namespace text DEFAULT 'default')
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cq_cache_touch';
COMMENT ON FUNCTION cq.cache_touch(text, interval, text) IS
'Give an entry a new time to live, at once (not transactional); ttl NULL: that of the namespace, or no expiry. False on a miss. Errors: 22004, 22023 (empty key, ttl), 54000, 42704, 42501.';

CREATE FUNCTION cq.cache_ttl(key text, namespace text DEFAULT 'default')
RETURNS interval
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cq_cache_ttl';
COMMENT ON FUNCTION cq.cache_ttl(text, text) IS
'Time left until the entry expires; NULL on a miss and for an entry without expiry. Errors as cq.cache_get, but 42809.';

CREATE FUNCTION cq.cache_version(key text, namespace text DEFAULT 'default')
RETURNS bigint
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cq_cache_version';
COMMENT ON FUNCTION cq.cache_version(text, text) IS
'Version of the entry for compare-and-set (cq.cache_set with version); NULL on a miss and for what this transaction has set itself. Errors as cq.cache_get, but 42809.';

CREATE FUNCTION cq.cache_incr(key text, by bigint DEFAULT 1, ttl interval DEFAULT NULL,
    namespace text DEFAULT 'default')
RETURNS bigint
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cq_cache_incr';
COMMENT ON FUNCTION cq.cache_incr(text, bigint, interval, text) IS
'Add to a counter at once (not transactional) and return the sum; an absent key counts from 0. ttl NULL leaves the expiry as it is. Errors: 22004, 22023 (empty key, ttl), 22P02 (not a number), 22003 (out of range), 42809 (not text, or dependent), 55000 (key set by this transaction), 53200 (no memory), 0A000 (write-behind), 54000, 42704, 42501.';

CREATE FUNCTION cq.cache_invalidate(VARIADIC tags text[])
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_cache_invalidate';
COMMENT ON FUNCTION cq.cache_invalidate(text[]) IS
'Invalidate all entries of this database that carry one of the tags, when the transaction commits; costs the same for one entry as for a million. Errors: 22004, 22023 (empty tag), 54000 (tag over 1 kB).';

CREATE FUNCTION cq.cache_table_tag(target regclass)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN 'table:' || (target::pg_catalog.oid)::pg_catalog.text;
COMMENT ON FUNCTION cq.cache_table_tag(regclass) IS
'The own tag of a table, which every change of the table invalidates while it is watched.';
-- Namespaces of the cache.

CREATE TABLE cq.namespace (
    namespace_id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL CONSTRAINT namespace_name_key UNIQUE,
    default_ttl interval,
    owner regrole NOT NULL,
    memory_quota bigint
);
COMMENT ON TABLE cq.namespace IS 'Namespaces of the cache besides default; changed by the functions cq.namespace_* only.';

CREATE TABLE cq.namespace_grant (
    namespace_id int NOT NULL,
    grantee regrole NOT NULL,
    access int NOT NULL,
    CONSTRAINT namespace_grant_pkey PRIMARY KEY (namespace_id, grantee)
);
COMMENT ON TABLE cq.namespace_grant IS 'Privileges on namespaces: 1 read, 2 write; grantee - is PUBLIC.';

SELECT pg_catalog.pg_extension_config_dump('cq.namespace', '');
SELECT pg_catalog.pg_extension_config_dump('cq.namespace_namespace_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('cq.namespace_grant', '');

CREATE FUNCTION cq._namespace_changed() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'cq_namespace_changed';
COMMENT ON FUNCTION cq._namespace_changed() IS 'Trigger function: makes all sessions read the namespaces again.';

CREATE TRIGGER namespace_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cq.namespace
    FOR EACH STATEMENT EXECUTE FUNCTION cq._namespace_changed();
ALTER TABLE cq.namespace ENABLE ALWAYS TRIGGER namespace_changed;
CREATE TRIGGER namespace_grant_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cq.namespace_grant
    FOR EACH STATEMENT EXECUTE FUNCTION cq._namespace_changed();
ALTER TABLE cq.namespace_grant ENABLE ALWAYS TRIGGER namespace_grant_changed;

CREATE FUNCTION cq.namespace_create(namespace text, default_ttl interval DEFAULT NULL,
    memory_quota bigint DEFAULT NULL) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_namespace_create';
COMMENT ON FUNCTION cq.namespace_create(text, interval, bigint) IS
'Create a namespace of the cache, owned by the caller; default_ttl applies where no ttl is given, memory_quota is the number of bytes that its entries may take. Errors: 22004, 22023 (name, ttl, quota), 42710, 42501.';

CREATE FUNCTION cq.namespace_alter(namespace text, default_ttl interval,
    memory_quota bigint DEFAULT NULL) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_namespace_alter';
COMMENT ON FUNCTION cq.namespace_alter(text, interval, bigint) IS
'Change the default TTL, for what is stored from then on, and the memory quota; NULL: none. Errors: 22004, 22023, 42704, 42501 (not the owner).';

CREATE FUNCTION cq.namespace_drop(namespace text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_namespace_drop';
COMMENT ON FUNCTION cq.namespace_drop(text) IS
'Drop a namespace; its entries can no longer be reached and go with time. Errors: 22004, 42704, 42501 (not the owner), 55000 (write-behind has something pending).';

CREATE FUNCTION cq.namespace_grant(namespace text, role text, privilege text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_namespace_grant';
COMMENT ON FUNCTION cq.namespace_grant(text, text, text) IS
'Let a role, or public, read or write a namespace. Errors: 22004, 22023 (privilege), 42704 (namespace, role), 42501 (not the owner).';

CREATE FUNCTION cq.namespace_revoke(namespace text, role text, privilege text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_namespace_revoke';
COMMENT ON FUNCTION cq.namespace_revoke(text, text, text) IS
'Take back what cq.namespace_grant gave. Errors as there.';

CREATE FUNCTION cq.cache_clear(namespace text DEFAULT 'default') RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_cache_clear_namespace';
COMMENT ON FUNCTION cq.cache_clear(text) IS
'Make everything in a namespace a miss when the transaction commits, at a cost that does not depend on how much that is; what the transaction sets in it is not kept. Returns how often it has been cleared since the server started. Errors: 22004, 42704, 42501.';
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
-- Statistics of the cache.

CREATE FUNCTION cq._stat_cache(
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
COMMENT ON FUNCTION cq._stat_cache() IS 'Row of the view cq.stat_cache.';

CREATE VIEW cq.stat_cache AS SELECT * FROM cq._stat_cache();
COMMENT ON VIEW cq.stat_cache IS 'Counters of the cache since the server started or cq.stat_reset was called, all databases together: hits, misses by reason, sets and why they were refused, memory in bytes.';

CREATE FUNCTION cq._stat_namespaces(ids int[],
    OUT namespace_id int,
    OUT hits bigint, OUT misses_absent bigint, OUT misses_expired bigint,
    OUT misses_invalidated bigint, OUT misses_snapshot bigint, OUT misses_bypass bigint,
    OUT sets bigint, OUT sets_refused bigint, OUT deletes bigint,
    OUT entries bigint, OUT bytes bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cq_stat_namespaces';
COMMENT ON FUNCTION cq._stat_namespaces(int[]) IS 'Counters of these namespaces, which must be given in ascending order.';

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
    FROM cq._stat_namespaces(ARRAY(SELECT i.namespace_id FROM cq._namespaces i ORDER BY i.namespace_id)) s
    JOIN cq._namespaces n ON n.namespace_id OPERATOR(pg_catalog.=) s.namespace_id;
COMMENT ON VIEW cq.stat_cache_namespaces IS 'Counters of this database''s namespaces since the server started or cq.stat_reset was called, with what their entries take now.';

CREATE FUNCTION cq._cache_entries(
    OUT namespace_id int, OUT key text, OUT kind text, OUT type text, OUT bytes bigint,
    OUT dependent boolean, OUT tags int, OUT expires_in interval, OUT version bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cq_cache_entries';
COMMENT ON FUNCTION cq._cache_entries() IS 'Rows of the view cq.cache_entries.';

CREATE VIEW cq.cache_entries AS
    SELECT n.name AS namespace, e.key, e.kind, e.type, e.bytes, e.dependent, e.tags, e.expires_in, e.version
    FROM cq._cache_entries() e
    LEFT JOIN cq._namespaces n ON n.namespace_id OPERATOR(pg_catalog.=) e.namespace_id;
COMMENT ON VIEW cq.cache_entries IS 'What this database has in the cache: keys and sizes, not values. For diagnosis: it visits every entry of the cache.';

CREATE FUNCTION cq._cache_hot_keys(
    OUT namespace_id int, OUT key text, OUT kind text, OUT hits bigint, OUT error bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cq_cache_hot_keys';
COMMENT ON FUNCTION cq._cache_hot_keys() IS 'Rows of the view cq.cache_hot_keys.';

CREATE VIEW cq.cache_hot_keys AS
    SELECT n.name AS namespace, h.key, h.kind, h.hits, h.error
    FROM cq._cache_hot_keys() h
    LEFT JOIN cq._namespaces n ON n.namespace_id OPERATOR(pg_catalog.=) h.namespace_id;
COMMENT ON VIEW cq.cache_hot_keys IS 'The keys of this database that are read most, estimated from a sample of the hits.';

CREATE FUNCTION cq.stat_reset() RETURNS void
LANGUAGE c VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cq_stat_reset';
COMMENT ON FUNCTION cq.stat_reset() IS 'Set the counters of the cache to zero, those of all databases and namespaces, and forget the hot keys. Error: 42501 (has to be granted).';
-- Read-through.

CREATE FUNCTION cq.cache_fetch(key text, query text, args text[] DEFAULT '{}',
    ttl interval DEFAULT NULL, tags text[] DEFAULT NULL, namespace text DEFAULT 'default',
    stale_for interval DEFAULT NULL, negative_ttl interval DEFAULT NULL)
RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_cache_fetch';
COMMENT ON FUNCTION cq.cache_fetch(text, text, text[], interval, text[], text, interval, interval) IS
'The cached result of the query, or its result now, cached: one column, at most one row, as jsonb; NULL for no row. args are given as text and take the types that the query gives $1, $2, …. tags NULL: the tables of the query, which must be watched unless a ttl is given. stale_for: accept a result that is out of date by so much while another session computes it. negative_ttl: the ttl of no row and of NULL. Errors: 22004, 22023 (wrong number of args, bad interval), 21000 (more than one column or row), 42601 (several statements), 0A000 (must not be cached), 55000 (table not watched), 42501, 42704, and those of the query.';

CREATE FUNCTION cq.cache_query(query text, args text[] DEFAULT '{}',
    ttl interval DEFAULT NULL, tags text[] DEFAULT NULL, namespace text DEFAULT 'default')
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_cache_query';
COMMENT ON FUNCTION cq.cache_query(text, text[], interval, text[], text) IS
'The cached rows of the query, or its rows now, cached; the caller gives the columns: FROM cq.cache_query(''…'') AS t (id int, name text). What is too large is returned and not cached. Errors: 42804 (other columns than the query''s) and as cq.cache_fetch.';
-- Write-behind: a table follows a namespace.

CREATE TABLE cq.write_behind (
    namespace_id int CONSTRAINT write_behind_pkey PRIMARY KEY,
    mode "char" NOT NULL,
    value_kind "char" NOT NULL,
    delay_ms bigint NOT NULL,
    batch_size int NOT NULL,
    conflict text NOT NULL,
    target regclass NOT NULL,
    key_column name NOT NULL,
    value_column name,
    columns name[]
);
COMMENT ON TABLE cq.write_behind IS 'Rules of write-behind; changed by cq.cache_write_behind and cq.cache_write_behind_drop only.';
COMMENT ON COLUMN cq.write_behind.mode IS 'l logged, m memory: in which of the two tables operations wait.';
COMMENT ON COLUMN cq.write_behind.value_kind IS 'r a jsonb object for the whole row, b bytea, t anything that has a text form.';

-- What waits.  Both have the same columns; rows are written before a commit, by
-- src/sql/write_behind_log.c, and deleted together with the change of the table.
CREATE TABLE cq.write_behind_log (
    namespace_id int NOT NULL,
    id bigint NOT NULL,
    operation "char" NOT NULL,
    type smallint NOT NULL,
    queued_at timestamptz NOT NULL,
    expires_at timestamptz,
    key text COLLATE "C" NOT NULL,
    value bytea
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0, vacuum_truncate = false);
COMMENT ON TABLE cq.write_behind_log IS 'Operations of write-behind in mode logged that wait for the table; see cq.cache_pending.';
COMMENT ON COLUMN cq.write_behind_log.id IS 'Ascends in the order of the commits for each key.';
COMMENT ON COLUMN cq.write_behind_log.operation IS 's set, d delete.';
ALTER TABLE cq.write_behind_log ADD CONSTRAINT write_behind_log_key_idx PRIMARY KEY (namespace_id, key, id);
CREATE INDEX write_behind_log_id_idx ON cq.write_behind_log (namespace_id, id);
CREATE SEQUENCE cq.write_behind_log_id_seq;

CREATE UNLOGGED TABLE cq.write_behind_memory (LIKE cq.write_behind_log)
WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
      autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000,
      autovacuum_vacuum_cost_delay = 0, vacuum_truncate = false);
COMMENT ON TABLE cq.write_behind_memory IS 'The same in mode memory: not logged, empty after a crash.';
ALTER TABLE cq.write_behind_memory ADD CONSTRAINT write_behind_memory_key_idx PRIMARY KEY (namespace_id, key, id);
CREATE INDEX write_behind_memory_id_idx ON cq.write_behind_memory (namespace_id, id);
CREATE UNLOGGED SEQUENCE cq.write_behind_memory_id_seq;

CREATE TABLE cq.write_behind_dead (
    dead_id bigint GENERATED BY DEFAULT AS IDENTITY CONSTRAINT write_behind_dead_pkey PRIMARY KEY,
    namespace_id int NOT NULL,
    key text COLLATE "C" NOT NULL,
    operation text NOT NULL,
    type text,
    value text,
    sqlstate text NOT NULL,
    error text NOT NULL,
    failed_at timestamptz NOT NULL
);
COMMENT ON TABLE cq.write_behind_dead IS 'Dead letters of write-behind: operations that the table did not accept; see cq.cache_dead_letters.';

CREATE TABLE cq.write_behind_stat (
    namespace_id int CONSTRAINT write_behind_stat_pkey PRIMARY KEY,
    written bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    last_flush timestamptz,
    last_error text,
    last_error_at timestamptz
) WITH (fillfactor = 50);
COMMENT ON TABLE cq.write_behind_stat IS 'Counters of write-behind; see cq.stat_write_behind.';

SELECT pg_catalog.pg_extension_config_dump('cq.write_behind', '');
SELECT pg_catalog.pg_extension_config_dump('cq.write_behind_log', '');
SELECT pg_catalog.pg_extension_config_dump('cq.write_behind_log_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('cq.write_behind_dead', '');
SELECT pg_catalog.pg_extension_config_dump('cq.write_behind_dead_dead_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('cq.write_behind_stat', '');

CREATE TRIGGER write_behind_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cq.write_behind
    FOR EACH STATEMENT EXECUTE FUNCTION cq._namespace_changed();
ALTER TABLE cq.write_behind ENABLE ALWAYS TRIGGER write_behind_changed;

CREATE FUNCTION cq.cache_write_behind(namespace text, target regclass, mode text,
    key_column name DEFAULT NULL, value_column name DEFAULT NULL, columns name[] DEFAULT NULL,
    conflict text DEFAULT 'overwrite', batch_size int DEFAULT 1000, delay interval DEFAULT '1 s')
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_cache_write_behind';
COMMENT ON FUNCTION cq.cache_write_behind(text, regclass, text, name, name, name[], text, int, interval) IS
'From now on what is set and deleted in the namespace is written to the table later, in batches. mode: logged, or memory (a crash loses what was not written yet). key_column NULL: the primary key. value_column: where the value goes; NULL: values are jsonb objects that fill columns, those in columns or all. conflict: overwrite, keep, error, when the table has the key already. delay: the longest time before a write. For the owner of both. Errors: 22004, 22023, 42501, 42703 (column), 42704, 42710 (has a rule), 42809 (not a table), 42P10 (key column not unique), 428C9 (generated column).';

CREATE FUNCTION cq.cache_write_behind_drop(namespace text, discard boolean DEFAULT false) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_cache_write_behind_drop';
COMMENT ON FUNCTION cq.cache_write_behind_drop(text, boolean) IS
'End write-behind for a namespace; discard: throw away what is pending. Errors: 22004, 42501, 42704, 55000 (something is pending).';

CREATE FUNCTION cq.cache_flush(namespace text DEFAULT NULL) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_cache_flush';
COMMENT ON FUNCTION cq.cache_flush(text) IS
'Write to the table now, in this transaction, all that is committed and pending; NULL: of all namespaces that the caller owns. Returns how many operations the table accepted. Errors: 25006 (read-only), 42501, 42704, 55000 (no rule), 40001 (old snapshot), and what the table raises for reasons other than a row.';

CREATE VIEW cq.cache_pending WITH (security_barrier) AS
SELECT n.name AS namespace, l.key,
       CASE l.operation WHEN 's' THEN 'set' ELSE 'delete' END AS operation,
       CASE l.type WHEN 1 THEN 'text' WHEN 2 THEN 'bytea' WHEN 3 THEN 'jsonb' END AS type,
       l.queued_at, pg_catalog.octet_length(l.value) AS bytes
FROM (SELECT * FROM cq.write_behind_log UNION ALL SELECT * FROM cq.write_behind_memory) AS l
JOIN cq.namespace AS n USING (namespace_id)
WHERE pg_catalog.pg_has_role(n.owner, 'USAGE') OR pg_catalog.pg_has_role('pg_monitor', 'USAGE');
COMMENT ON VIEW cq.cache_pending IS 'What write-behind has yet to write: one row for each set or delete, of the namespaces that the reader owns; of all for pg_monitor.';

CREATE VIEW cq.stat_write_behind WITH (security_barrier) AS
SELECT n.name AS namespace, CASE b.mode WHEN 'l' THEN 'logged' ELSE 'memory' END AS mode, b.target,
       p.pending, p.oldest, coalesce(s.written, 0) AS written,
       coalesce(s.failed, 0) AS failed, s.last_flush, s.last_error, s.last_error_at
FROM cq.write_behind AS b
JOIN cq.namespace AS n USING (namespace_id)
LEFT JOIN cq.write_behind_stat AS s USING (namespace_id)
CROSS JOIN LATERAL (
    SELECT pg_catalog.count(*) AS pending, pg_catalog.min(queued_at) AS oldest
    FROM (SELECT queued_at FROM cq.write_behind_log AS l WHERE l.namespace_id = b.namespace_id
          UNION ALL
          SELECT queued_at FROM cq.write_behind_memory AS m WHERE m.namespace_id = b.namespace_id) AS q) AS p
WHERE pg_catalog.pg_has_role(n.owner, 'USAGE') OR pg_catalog.pg_has_role('pg_monitor', 'USAGE');
COMMENT ON VIEW cq.stat_write_behind IS 'Rules of write-behind: what is pending, how much was written, what failed, and the last error that held a flush up, until one goes through.';

CREATE VIEW cq.cache_dead_letters WITH (security_barrier) AS
SELECT d.dead_id, (SELECT n.name FROM cq.namespace AS n WHERE n.namespace_id = d.namespace_id) AS namespace,
       d.key, d.operation, d.type, d.value, d.sqlstate, d.error, d.failed_at
FROM cq.write_behind_dead AS d
WHERE EXISTS (SELECT FROM cq.namespace AS n WHERE n.namespace_id = d.namespace_id
              AND pg_catalog.pg_has_role(n.owner, 'USAGE'));
COMMENT ON VIEW cq.cache_dead_letters IS 'Operations of write-behind that the table did not accept, with the error, of the namespaces that the reader owns; rows may be deleted.';
-- Work queues: definitions, and the type of a delivery.

CREATE TABLE cq.queue (
	queue_id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	name text COLLATE "C" NOT NULL CONSTRAINT queue_name_key UNIQUE,
	owner regrole NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	version int NOT NULL DEFAULT 1,
	paused boolean NOT NULL DEFAULT false,
	lease interval NOT NULL,
	max_attempts int,
	backoff text NOT NULL,
	dead_letter text COLLATE "C",
	max_length bigint,
	overflow text NOT NULL,
	dedup_window interval NOT NULL,
	message_ttl interval,
	rate_limit double precision,
	group_concurrency int NOT NULL,
	retain interval,
	backoff_delay interval NOT NULL,
	backoff_max interval NOT NULL,
	max_bytes bigint,
	overflow_timeout interval NOT NULL,
	rate_burst int,
	group_rate_limit double precision,
	group_rate_burst int,
	concurrency int,
	release_on_disconnect boolean NOT NULL,
	durable_leases boolean NOT NULL,
	notify text COLLATE "C"
);
COMMENT ON TABLE cq.queue IS 'Queues and their options; changed by the functions cq.queue_* only.';
COMMENT ON COLUMN cq.queue.queue_id IS 'Names the tables of the queue: cq.q<id>_s<k>, cq.q<id>_e<k>, cq.q<id>_k<k>, cq.q<id>_id.';
COMMENT ON COLUMN cq.queue.version IS 'Advances with each change of the options.';
COMMENT ON COLUMN cq.queue.paused IS 'Nothing is delivered.';
COMMENT ON COLUMN cq.queue.lease IS 'How long a delivery may take before the message is delivered again.';
COMMENT ON COLUMN cq.queue.max_attempts IS 'Deliveries before a message goes to the dead letters; NULL: any number.';
COMMENT ON COLUMN cq.queue.backoff IS 'Delay before a failed message is delivered again: constant, linear or exponential in the attempts.';
COMMENT ON COLUMN cq.queue.backoff_delay IS 'That delay after the first attempt.';
COMMENT ON COLUMN cq.queue.backoff_max IS 'Longest such delay.';
COMMENT ON COLUMN cq.queue.dead_letter IS 'Queue for what cannot be processed; NULL: none.';
COMMENT ON COLUMN cq.queue.max_length IS 'Most messages that are not acknowledged; NULL: any number.';
COMMENT ON COLUMN cq.queue.max_bytes IS 'Most bytes of bodies and headers of those; NULL: any number.';
COMMENT ON COLUMN cq.queue.overflow IS 'What a send does that would exceed these: reject, block or drop_oldest.';
COMMENT ON COLUMN cq.queue.overflow_timeout IS 'How long overflow block waits.';
COMMENT ON COLUMN cq.queue.dedup_window IS 'For how long a deduplication key is remembered.';
COMMENT ON COLUMN cq.queue.message_ttl IS 'A message that is not delivered by then is deleted; NULL: never.';
COMMENT ON COLUMN cq.queue.rate_limit IS 'Deliveries a second, at most; NULL: any number.';
COMMENT ON COLUMN cq.queue.rate_burst IS 'Deliveries at once after a pause; NULL: as many as in a second, at least one.';
COMMENT ON COLUMN cq.queue.group_rate_limit IS 'Deliveries a second for each group key, at most; NULL: any number.';
COMMENT ON COLUMN cq.queue.group_rate_burst IS 'The same as rate_burst, for each group key.';
COMMENT ON COLUMN cq.queue.concurrency IS 'Messages in flight, at most; NULL: any number.';
COMMENT ON COLUMN cq.queue.group_concurrency IS 'Messages in flight for each group key, at most.';
COMMENT ON COLUMN cq.queue.retain IS 'How long acknowledged messages are kept, at least; NULL: not at all.';
COMMENT ON COLUMN cq.queue.release_on_disconnect IS 'The end of a session ends the leases that it holds.';
COMMENT ON COLUMN cq.queue.durable_leases IS 'Leases and attempts survive a crash.';
COMMENT ON COLUMN cq.queue.notify IS 'Channel that LISTENers are told on; NULL: none.';

CREATE TABLE cq.queue_grant (
	queue_id int NOT NULL,
	grantee regrole NOT NULL,
	privileges int NOT NULL,
	CONSTRAINT queue_grant_pkey PRIMARY KEY (queue_id, grantee)
);
COMMENT ON TABLE cq.queue_grant IS 'Privileges on queues: 1 send, 2 consume, 4 manage; role - is PUBLIC. Changed by cq.queue_grant and cq.queue_revoke.';

SELECT pg_catalog.pg_extension_config_dump('cq.queue', '');
SELECT pg_catalog.pg_extension_config_dump('cq.queue_queue_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('cq.queue_grant', '');

CREATE FUNCTION cq._queue_changed() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_changed';
COMMENT ON FUNCTION cq._queue_changed() IS 'Trigger function: makes all sessions read the definitions of queues again.';

CREATE TRIGGER queue_changed
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cq.queue
FOR EACH STATEMENT EXECUTE FUNCTION cq._queue_changed();
CREATE TRIGGER queue_grant_changed
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cq.queue_grant
FOR EACH STATEMENT EXECUTE FUNCTION cq._queue_changed();
ALTER TABLE cq.queue ENABLE ALWAYS TRIGGER queue_changed;
ALTER TABLE cq.queue_grant ENABLE ALWAYS TRIGGER queue_grant_changed;

CREATE TYPE cq.message AS (
	queue text,
	msg_id bigint,
	receipt text,
	attempt int,
	priority int,
	group_key text,
	enqueued_at timestamptz,
	lease_until timestamptz,
	headers jsonb,
	body jsonb
);
COMMENT ON TYPE cq.message IS 'A delivery. receipt is NULL for cq.queue_take and cq.queue_peek, lease_until for what is not leased.';
-- Work queues: functions.

CREATE FUNCTION cq.queue_create(
	queue text, lease interval = '30 s', max_attempts int = 25,
	backoff text = 'exponential', dead_letter text = NULL,
	max_length bigint = NULL, overflow text = 'reject',
	dedup_window interval = '5 min', message_ttl interval = NULL,
	rate_limit double precision = NULL, group_concurrency int = 1,
	retain interval = NULL, backoff_delay interval = '1 s',
	backoff_max interval = '5 min', max_bytes bigint = NULL,
	overflow_timeout interval = '10 s', rate_burst int = NULL,
	group_rate_limit double precision = NULL, group_rate_burst int = NULL,
	concurrency int = NULL, release_on_disconnect boolean = false,
	durable_leases boolean = false, notify text = NULL) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_create';
COMMENT ON FUNCTION cq.queue_create(text, interval, int, text, text, bigint, text, interval, interval, double precision, int, interval, interval, interval, bigint, interval, int, double precision, int, int, boolean, boolean, text) IS
'Create a queue; the options are those of the table cq.queue. dead_letter: an existing queue, NULL: <queue>.dead, created unless it exists. Raises 22023, 22004, 42710 (exists), 42704 (no such dead_letter), 42501, 53400 (cachequeue.max_queues).';

CREATE FUNCTION cq.queue_alter(
	queue text, lease interval = NULL, max_attempts int = NULL,
	backoff text = NULL, dead_letter text = NULL, max_length bigint = NULL,
	overflow text = NULL, dedup_window interval = NULL,
	message_ttl interval = NULL, rate_limit double precision = NULL,
	group_concurrency int = NULL, retain interval = NULL,
	backoff_delay interval = NULL, backoff_max interval = NULL,
	max_bytes bigint = NULL, overflow_timeout interval = NULL,
	rate_burst int = NULL, group_rate_limit double precision = NULL,
	group_rate_burst int = NULL, concurrency int = NULL,
	release_on_disconnect boolean = NULL, durable_leases boolean = NULL,
	notify text = NULL, reset text[] = '{}') RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_alter';
COMMENT ON FUNCTION cq.queue_alter(text, interval, int, text, text, bigint, text, interval, interval, double precision, int, interval, interval, interval, bigint, interval, int, double precision, int, int, boolean, boolean, text, text[]) IS
'Change options of a queue, from the end of the transaction on. NULL: as it is; reset: names of options that get back their defaults (dead_letter: none). Raises 22023, 22004, 42704, 42501.';

CREATE FUNCTION cq.queue_pause(queue text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_pause';
COMMENT ON FUNCTION cq.queue_pause(text) IS
'Deliver nothing from the end of the transaction on, until cq.queue_resume; sending and settling go on. Raises 42704, 42501.';

CREATE FUNCTION cq.queue_resume(queue text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_resume';
COMMENT ON FUNCTION cq.queue_resume(text) IS
'Deliver again, from the end of the transaction on. Raises 42704, 42501.';

CREATE FUNCTION cq.queue_drop(queue text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_drop';
COMMENT ON FUNCTION cq.queue_drop(text) IS
'Drop a queue with all its messages, waiting for transactions that use it. Its dead-letter queue stays. Raises 42704, 42501, 2BP01 (it is the dead-letter queue of another).';

CREATE FUNCTION cq.queue_send(queue text, body jsonb, headers jsonb = NULL,
	delay interval = NULL, priority int = 0, group_key text = NULL,
	dedup_key text = NULL, ttl interval = NULL) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_send';
COMMENT ON FUNCTION cq.queue_send(text, jsonb, jsonb, interval, int, text, text, interval) IS
'Send a message, which exists when the transaction commits; returns its number. headers: a JSON object; delay: not delivered earlier than that from now; priority: -16 to 15, higher ones first; group_key: delivered in order and one at a time with others of that key; dedup_key: if a message with that key was sent within the queue''s dedup_window, nothing is sent and the number of that one returned; ttl: deleted unless delivered by then, NULL: the queue''s message_ttl. Raises 22023, 22004, 42704, 42501, 53400 (the queue is full).';

CREATE FUNCTION cq.queue_send_many(queue text, bodies jsonb[], headers jsonb[] = NULL,
	delay interval = NULL, priority int = 0, group_keys text[] = NULL,
	dedup_keys text[] = NULL, ttl interval = NULL) RETURNS SETOF bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 100
AS 'MODULE_PATHNAME', 'cq_queue_send_many';
COMMENT ON FUNCTION cq.queue_send_many(text, jsonb[], jsonb[], interval, int, text[], text[], interval) IS
'Send messages in this order; returns their numbers in the same order. headers, group_keys, dedup_keys: NULL, or one for each body. Raises as cq.queue_send.';

CREATE FUNCTION cq.queue_receive(queue text, max int = 1, lease interval = NULL)
RETURNS SETOF cq.message
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'cq_queue_receive';
COMMENT ON FUNCTION cq.queue_receive(text, int, interval) IS
'Up to max (1 to 10000) messages, by priority and then by number, leased for lease (NULL: the queue''s); no rows when none is ready. Acknowledge them with cq.queue_ack before the lease ends, or they are delivered again. Raises 22023, 22004, 42704, 42501.';

CREATE FUNCTION cq.queue_take(queue text, max int = 1) RETURNS SETOF cq.message
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'cq_queue_take';
COMMENT ON FUNCTION cq.queue_take(text, int) IS
'Up to max (1 to 10000) messages, by priority and then by number, consumed when this transaction commits and back at once when it, or the savepoint, rolls back. Raises 22023, 22004, 42704, 42501.';

CREATE FUNCTION cq.queue_ack(queue text, VARIADIC receipts text[]) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_ack';
COMMENT ON FUNCTION cq.queue_ack(text, text[]) IS
'Acknowledge deliveries, in this transaction; returns how many of them were still live. Raises 22023 (not a receipt, or of another queue), 22004, 42704, 42501.';

CREATE FUNCTION cq.queue_nack(queue text, receipt text, delay interval = NULL,
	error text = NULL) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_nack';
COMMENT ON FUNCTION cq.queue_nack(text, text, interval, text) IS
'The attempt failed: deliver again after delay (NULL: what the queue''s backoff says), or move to the dead letters when it was the last attempt. False when the delivery was not live any more. Raises as cq.queue_ack.';

CREATE FUNCTION cq.queue_reject(queue text, receipt text, error text = NULL) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_reject';
COMMENT ON FUNCTION cq.queue_reject(text, text, text) IS
'Move a delivered message to the dead letters, in this transaction. False when the delivery was not live any more. Raises as cq.queue_ack, and 55000 when the queue has no dead-letter queue.';

CREATE FUNCTION cq.queue_extend(queue text, receipt text, lease interval = NULL) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_extend';
COMMENT ON FUNCTION cq.queue_extend(text, text, interval) IS
'Let the lease of a delivery end that long from now (NULL: the queue''s lease); at once, whatever becomes of the transaction. False when the delivery was not live any more. Raises as cq.queue_ack.';

CREATE FUNCTION cq.queue_purge(queue text) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_purge';
COMMENT ON FUNCTION cq.queue_purge(text) IS
'Acknowledge all messages that are committed and not in flight, in this transaction; returns how many. Raises 42704, 42501.';

CREATE FUNCTION cq.queue_peek(queue text, max int = 10, state text = NULL)
RETURNS SETOF cq.message
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'cq_queue_peek';
COMMENT ON FUNCTION cq.queue_peek(text, int, text) IS
'Up to max (1 to 10000) messages by number, without effect: those that are not acknowledged, or only those in state ready, delayed or in_flight; or archived: acknowledged and retained. Needs consume or manage. Raises 22023, 22004, 42704, 42501.';

CREATE FUNCTION cq.queue_redrive(queue text, max int = NULL, filter jsonb = NULL,
	rate double precision = NULL, target text = NULL) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_redrive';
COMMENT ON FUNCTION cq.queue_redrive(text, int, jsonb, double precision, text) IS
'Send the messages of a dead-letter queue home, in this transaction: to the queue that their headers name, or to target; whatever limits this queue has, and paused or not. max: at most so many; filter: those that contain it (@>) as an object with headers and body; rate: so many a second become ready. Returns how many. Raises 22023, 22004, 42704, 42501 (needs manage here, send there), 53400.';

CREATE FUNCTION cq.queue_once(consumer text, queue text, msg_id bigint) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_once';
COMMENT ON FUNCTION cq.queue_once(text, text, bigint) IS
'True the first time for this consumer and message, in a transaction that commits, false after that: as long as the message may be delivered again. Waits for another transaction that asked the same and is open. Raises 22023, 22004, 42704, 42501.';

CREATE PROCEDURE cq.queue_wait(queue text, timeout interval = NULL, INOUT ready boolean = NULL)
LANGUAGE c
AS 'MODULE_PATHNAME', 'cq_queue_wait';
COMMENT ON PROCEDURE cq.queue_wait(text, interval, boolean) IS
'Wait until the queue has a message to deliver, at most for timeout (NULL: for ever); ready tells whether it has. Holds no snapshot. Raises 25001 inside a transaction block or a function, 22023, 42704, 42501.';

CREATE PROCEDURE cq.queue_maintain()
LANGUAGE c
AS 'MODULE_PATHNAME', 'cq_queue_maintain_now';
COMMENT ON PROCEDURE cq.queue_maintain() IS
'Do now what the maintenance worker does for the queues of this database when it is due: end leases and delays, settle what prepared transactions did, move to the dead letters, add and truncate segments. Raises 25001 inside a transaction block or a function.';

CREATE FUNCTION cq.queue_grant(queue text, role text, privilege text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_grant';
COMMENT ON FUNCTION cq.queue_grant(text, text, text) IS
'Give a role (or public) the privilege to send, consume or manage. The role also needs USAGE on schema cq. Raises 22023, 42704, 42501.';

CREATE FUNCTION cq.queue_revoke(queue text, role text, privilege text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_revoke';
COMMENT ON FUNCTION cq.queue_revoke(text, text, text) IS
'Take a privilege away. Raises 22023, 42704, 42501.';

CREATE FUNCTION cq._queue_stats(OUT queue text, OUT ready bigint, OUT delayed bigint,
	OUT in_flight bigint, OUT blocked bigint, OUT dead bigint, OUT uncommitted bigint,
	OUT bytes bigint, OUT oldest interval, OUT paused boolean,
	OUT sent bigint, OUT delivered bigint, OUT acknowledged bigint, OUT failed bigint,
	OUT expired bigint, OUT dead_lettered bigint, OUT timed_out bigint, OUT dropped bigint,
	OUT duplicates bigint, OUT sent_rate double precision, OUT delivered_rate double precision,
	OUT acknowledged_rate double precision, OUT segments int, OUT entries bigint,
	OUT dead_letter text) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 20
AS 'MODULE_PATHNAME', 'cq_queue_stats';
COMMENT ON FUNCTION cq._queue_stats() IS 'What cq.stat_queues shows.';

CREATE VIEW cq.stat_queues AS SELECT * FROM cq._queue_stats();
COMMENT ON VIEW cq.stat_queues IS
'One row per queue that the caller may use (pg_monitor: all): messages by state, bytes, age of the one that is next, counters since the server started, rates of the last ten seconds.';

CREATE FUNCTION cq._queue_consumers(OUT queue text, OUT pid int, OUT in_flight bigint,
	OUT next_expiry timestamptz) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 20
AS 'MODULE_PATHNAME', 'cq_queue_consumers';
COMMENT ON FUNCTION cq._queue_consumers() IS 'What cq.stat_queue_consumers shows.';

CREATE VIEW cq.stat_queue_consumers AS SELECT * FROM cq._queue_consumers();
COMMENT ON VIEW cq.stat_queue_consumers IS
'One row per queue and session that received what is in flight: how many, and when the first of these leases ends. pid is NULL for those that a transaction prepared before, or the server before its restart.';

CREATE FUNCTION cq._queue_segments(OUT queue text, OUT segment int, OUT current boolean,
	OUT messages bigint, OUT in_memory bigint, OUT unloaded boolean, OUT message_table oid,
	OUT event_table oid) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 20
AS 'MODULE_PATHNAME', 'cq_queue_segments';
COMMENT ON FUNCTION cq._queue_segments() IS 'What cq.queue_segments shows.';

CREATE VIEW cq.queue_segments AS
SELECT queue, segment, current, messages, in_memory, unloaded,
	pg_catalog.pg_table_size(message_table) AS message_bytes,
	pg_catalog.pg_table_size(event_table) AS event_bytes
FROM cq._queue_segments();
COMMENT ON VIEW cq.queue_segments IS
'The tables of each queue that the caller may use (pg_monitor: all): messages since the segment was last truncated, those of them in memory, whether others may have to be read in, sizes.';
-- Work queues: messages sent by the clock, which is pg_cron's.
--
-- A schedule is a job of pg_cron whose command sends the message, with the
-- rights of who made it.  Its job's name has a prefix, so that no other job is
-- replaced or removed by mistake.  The job table is pg_cron's, and so are its
-- rules: names are told apart by role, times are those of its time zone.

CREATE FUNCTION cq._queue_require_cron() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    home text;
    is_secret boolean := false;
BEGIN
    BEGIN
        home := current_setting('cron.database_name', true);
    EXCEPTION WHEN insufficient_privilege THEN
        is_secret := true;
    END;
    IF home IS NULL AND NOT is_secret THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'schedules need pg_cron, which is not preloaded',
            HINT = format('Install pg_cron, add it to shared_preload_libraries, set cron.database_name = %L, restart the server, and CREATE EXTENSION pg_cron.', current_database());
    END IF;
    IF home <> current_database() THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('pg_cron works in database "%s" and not here', home),
            HINT = format('There, call cron.schedule_in_database with a command that calls cq.queue_send and %L as the database. Or set cron.database_name to it.', current_database());
    END IF;
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'schedules need pg_cron, which is not installed in this database',
            HINT = format('CREATE EXTENSION pg_cron. If cron.database_name is another database, call cron.schedule_in_database there, with a command that calls cq.queue_send and %L as the database.', current_database());
    END IF;
    IF NOT has_schema_privilege('cron', 'USAGE') THEN
        RAISE insufficient_privilege USING
            MESSAGE = 'permission denied for schema cron',
            HINT = format('GRANT USAGE ON SCHEMA cron TO %I.', current_user);
    END IF;
END
$$;
COMMENT ON FUNCTION cq._queue_require_cron() IS
'Raises 55000 unless pg_cron works in this database, 42501 unless the caller may use it.';

CREATE FUNCTION cq._queue_cron_job(name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    prefix CONSTANT text := 'cachequeue:';
    -- pg_cron before 1.5 cuts the rest off
    bytes_max CONSTANT int := 63 - octet_length(prefix);
BEGIN
    IF name IS NULL THEN
        RAISE null_value_not_allowed USING MESSAGE = 'name must not be NULL';
    END IF;
    IF octet_length(name) NOT BETWEEN 1 AND bytes_max THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('a schedule''s name must have 1 to %s bytes, not %s', bytes_max, octet_length(name));
    END IF;
    RETURN prefix || name;
END
$$;
COMMENT ON FUNCTION cq._queue_cron_job(text) IS 'The name of the pg_cron job of a schedule. Raises 22004, 22023.';

CREATE FUNCTION cq.queue_schedule(name text, cron text, queue text, body jsonb,
    headers jsonb = NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    job_name CONSTANT text := cq._queue_cron_job(name);
    job_id bigint;
BEGIN
    IF cron IS NULL THEN
        RAISE null_value_not_allowed USING MESSAGE = 'cron must not be NULL';
    END IF;
    IF body IS NULL THEN
        RAISE null_value_not_allowed USING MESSAGE = 'body must not be NULL';
    END IF;
    IF jsonb_typeof(headers) <> 'object' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'headers must be a JSON object';
    END IF;
    PERFORM cq._queue_require_cron();

    -- sends nothing, but raises what a send would: no such queue, no privilege
    PERFORM cq.queue_send_many(queue, '{}');

    job_id := cron.schedule(job_name, cron,
        format('SELECT cq.queue_send(%L, %L::pg_catalog.jsonb, %L::pg_catalog.jsonb)', queue, body, headers));

    -- (cron.database_name may be hidden from who has not pg_read_all_settings)
    IF NOT EXISTS (SELECT FROM cron.job AS j WHERE j.jobid = job_id AND j.database = current_database()) THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'pg_cron works in another database and not here',
            HINT = format('There, call cron.schedule_in_database with a command that calls cq.queue_send and %L as the database.', current_database());
    END IF;
    RETURN job_id;
END
$$;
COMMENT ON FUNCTION cq.queue_schedule(text, text, text, jsonb, jsonb) IS
'Send this message to the queue whenever the cron expression says so, as the current role, from the commit of this transaction on; instead of what that role had scheduled under the name. The times are those of pg_cron. Returns the number of its job. Raises 22023 (name, cron expression, headers), 22004, 42704 (no such queue), 42501 (needs send, and USAGE on schema cron), 55000 (pg_cron does not work in this database).';

CREATE FUNCTION cq.queue_unschedule(name text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    job_name CONSTANT text := cq._queue_cron_job(name);
    job_id bigint;
BEGIN
    PERFORM cq._queue_require_cron();
    SELECT j.jobid INTO job_id FROM cron.job AS j
    WHERE j.jobname = job_name AND j.username = current_user;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    RETURN cron.unschedule(job_id);
END
$$;
COMMENT ON FUNCTION cq.queue_unschedule(text) IS
'End a schedule of the current role, when the transaction commits; false if there is none of that name. Raises 22023, 22004, 42501, 55000.';

REVOKE ALL ON FUNCTION
    cq._queue_require_cron(),
    cq._queue_cron_job(text),
    cq.queue_schedule(text, text, text, jsonb, jsonb),
    cq.queue_unschedule(text)
FROM PUBLIC;
-- these ask for the privileges that they need: send on the queue, pg_cron's own
GRANT EXECUTE ON FUNCTION
    cq._queue_require_cron(),
    cq._queue_cron_job(text),
    cq.queue_schedule(text, text, text, jsonb, jsonb),
    cq.queue_unschedule(text)
TO PUBLIC;
-- Work queues: privileges.  The functions that PUBLIC may call ask for the
-- privilege on the queue themselves; creating queues has to be granted.

REVOKE ALL ON cq.queue, cq.queue_grant FROM PUBLIC;
REVOKE ALL ON SEQUENCE cq.queue_queue_id_seq FROM PUBLIC;
REVOKE ALL ON FUNCTION
	cq._queue_changed(),
	cq.queue_create(text, interval, int, text, text, bigint, text, interval, interval, double precision, int, interval, interval, interval, bigint, interval, int, double precision, int, int, boolean, boolean, text)
FROM PUBLIC;
REVOKE ALL ON PROCEDURE cq.queue_maintain() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	cq.queue_alter(text, interval, int, text, text, bigint, text, interval, interval, double precision, int, interval, interval, interval, bigint, interval, int, double precision, int, int, boolean, boolean, text, text[]),
	cq.queue_pause(text),
	cq.queue_resume(text),
	cq.queue_drop(text),
	cq.queue_send(text, jsonb, jsonb, interval, int, text, text, interval),
	cq.queue_send_many(text, jsonb[], jsonb[], interval, int, text[], text[], interval),
	cq.queue_receive(text, int, interval),
	cq.queue_take(text, int),
	cq.queue_ack(text, text[]),
	cq.queue_nack(text, text, interval, text),
	cq.queue_reject(text, text, text),
	cq.queue_extend(text, text, interval),
	cq.queue_purge(text),
	cq.queue_peek(text, int, text),
	cq.queue_redrive(text, int, jsonb, double precision, text),
	cq.queue_once(text, text, bigint),
	cq.queue_grant(text, text, text),
	cq.queue_revoke(text, text, text),
	cq._queue_stats(),
	cq._queue_consumers(),
	cq._queue_segments()
TO PUBLIC;
GRANT EXECUTE ON PROCEDURE cq.queue_wait(text, interval, boolean) TO PUBLIC;
GRANT SELECT ON cq.stat_queues, cq.stat_queue_consumers, cq.queue_segments TO PUBLIC;
-- Topics: definitions, and the type of a record.

CREATE TABLE cq.topic (
	topic_id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	name text COLLATE "C" NOT NULL CONSTRAINT topic_name_key UNIQUE,
	owner regrole NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	partitions int NOT NULL,
	retain interval,
	retain_bytes bigint,
	compact boolean NOT NULL,
	tombstone_retain interval NOT NULL,
	replica boolean NOT NULL DEFAULT false,
	tables int
);
COMMENT ON TABLE cq.topic IS 'Topics and their options; changed by the functions cq.topic_* only.';
COMMENT ON COLUMN cq.topic.topic_id IS 'Names the tables of the topic: cq.t<id>_s<k>, cq.t<id>_c<k>, cq.t<id>_o<partition>.';
COMMENT ON COLUMN cq.topic.partitions IS 'Number of partitions.';
COMMENT ON COLUMN cq.topic.retain IS 'How long records are kept, at least; NULL: for ever.';
COMMENT ON COLUMN cq.topic.retain_bytes IS 'Size of the tables above which the oldest records go; NULL: any.';
COMMENT ON COLUMN cq.topic.compact IS 'Of each key only the latest record is kept, in the long run.';
COMMENT ON COLUMN cq.topic.tombstone_retain IS 'How long compaction keeps records that say that a key was deleted.';
COMMENT ON COLUMN cq.topic.replica IS 'Its records come by logical replication.';
COMMENT ON COLUMN cq.topic.tables IS 'Number of tables for segments, which is fixed when it is replicated; NULL: as many as needed.';

CREATE TABLE cq.topic_group (
	topic_id int NOT NULL,
	group_id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	name text COLLATE "C" NOT NULL,
	owner regrole NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	kind text NOT NULL,
	assignment text NOT NULL,
	session_timeout interval NOT NULL,
	CONSTRAINT topic_group_topic_id_name_key UNIQUE (topic_id, name)
);
COMMENT ON TABLE cq.topic_group IS 'Consumer groups; changed by the functions cq.group_* only.';
COMMENT ON COLUMN cq.topic_group.kind IS 'exclusive: each partition belongs to one member; shared: a queue that the topic feeds.';
COMMENT ON COLUMN cq.topic_group.assignment IS 'How partitions are given to members: sticky or range.';
COMMENT ON COLUMN cq.topic_group.session_timeout IS 'A member that is not heard of for so long loses its partitions.';

CREATE TABLE cq.topic_grant (
	topic_id int NOT NULL,
	group_id int NOT NULL,
	grantee regrole NOT NULL,
	privileges int NOT NULL,
	CONSTRAINT topic_grant_pkey PRIMARY KEY (topic_id, group_id, grantee)
);
COMMENT ON TABLE cq.topic_grant IS 'Privileges on topics (group_id 0) and groups: 1 publish, 2 consume, 4 manage; role - is PUBLIC. Changed by cq.topic_grant, topic_revoke, group_grant and group_revoke.';

CREATE TABLE cq.topic_segment (
	topic_id int NOT NULL,
	number bigint NOT NULL,
	k int NOT NULL,
	CONSTRAINT topic_segment_pkey PRIMARY KEY (topic_id, number)
);
COMMENT ON TABLE cq.topic_segment IS 'Segments of topics, in order: segment number is in the table cq.t<topic_id>_s<k>.';

SELECT pg_catalog.pg_extension_config_dump('cq.topic', '');
SELECT pg_catalog.pg_extension_config_dump('cq.topic_topic_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('cq.topic_group', '');
SELECT pg_catalog.pg_extension_config_dump('cq.topic_group_group_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('cq.topic_grant', '');
SELECT pg_catalog.pg_extension_config_dump('cq.topic_segment', '');

CREATE FUNCTION cq._topic_changed() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_changed';
COMMENT ON FUNCTION cq._topic_changed() IS 'Trigger function: makes all sessions read the definitions of topics again.';

CREATE TRIGGER topic_changed
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cq.topic
FOR EACH STATEMENT EXECUTE FUNCTION cq._topic_changed();
CREATE TRIGGER topic_group_changed
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cq.topic_group
FOR EACH STATEMENT EXECUTE FUNCTION cq._topic_changed();
CREATE TRIGGER topic_grant_changed
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cq.topic_grant
FOR EACH STATEMENT EXECUTE FUNCTION cq._topic_changed();
-- logical replication fires no triggers of statements
CREATE TRIGGER topic_segment_changed
AFTER INSERT OR UPDATE OR DELETE ON cq.topic_segment
FOR EACH ROW EXECUTE FUNCTION cq._topic_changed();
CREATE TRIGGER topic_segment_truncated
AFTER TRUNCATE ON cq.topic_segment
FOR EACH STATEMENT EXECUTE FUNCTION cq._topic_changed();
ALTER TABLE cq.topic ENABLE ALWAYS TRIGGER topic_changed;
ALTER TABLE cq.topic_group ENABLE ALWAYS TRIGGER topic_group_changed;
ALTER TABLE cq.topic_grant ENABLE ALWAYS TRIGGER topic_grant_changed;
ALTER TABLE cq.topic_segment ENABLE ALWAYS TRIGGER topic_segment_changed;
ALTER TABLE cq.topic_segment ENABLE ALWAYS TRIGGER topic_segment_truncated;

CREATE TYPE cq.record AS (
	topic text,
	partition int,
	record_offset bigint,
	key text,
	published_at timestamptz,
	headers jsonb,
	body jsonb
);
COMMENT ON TYPE cq.record IS 'A record of a topic. body is NULL in one that says that its key was deleted.';
-- Topics and consumer groups: functions and views.

CREATE FUNCTION cq.topic_create(topic text, partitions int = 1,
	retain interval = '7 days', retain_bytes bigint = NULL, compact boolean = false,
	tombstone_retain interval = '1 day') RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_create';
COMMENT ON FUNCTION cq.topic_create(text, int, interval, bigint, boolean, interval) IS
'Create a topic; the options are those of the table cq.topic. Raises 22023, 22004, 42710 (exists), 53400 (cachequeue.max_topics, topic_memory).';

CREATE FUNCTION cq.topic_alter(topic text, partitions int = NULL,
	retain interval = NULL, retain_bytes bigint = NULL, compact boolean = NULL,
	tombstone_retain interval = NULL, reset text[] = '{}') RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_alter';
COMMENT ON FUNCTION cq.topic_alter(text, int, interval, bigint, boolean, interval, text[]) IS
'Change options of a topic, from the end of the transaction on. NULL: as it is; reset: retain and retain_bytes may be named, which then have no limit. Partitions can be added only. Raises 22023, 42704, 42501.';

CREATE FUNCTION cq.topic_drop(topic text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_drop';
COMMENT ON FUNCTION cq.topic_drop(text) IS
'Drop a topic with its records and groups, waiting for transactions that use it. Raises 42704, 42501.';

CREATE FUNCTION cq.topic_grant(topic text, role text, privilege text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_grant';
COMMENT ON FUNCTION cq.topic_grant(text, text, text) IS
'Grant publish, consume or manage on a topic to a role, or to public. Raises 42704, 42501, 22023.';

CREATE FUNCTION cq.topic_revoke(topic text, role text, privilege text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_revoke';
COMMENT ON FUNCTION cq.topic_revoke(text, text, text) IS
'Take back what cq.topic_grant gave. Raises 42704, 42501, 22023.';

CREATE FUNCTION cq.topic_publication_create(topic text, publication text, tables int = 16) RETURNS int
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_publication_create';
COMMENT ON FUNCTION cq.topic_publication_create(text, text, int) IS
'Prepare a topic for logical replication: create the publications <publication> and <publication>_limits, and so many tables for segments, which is all that it will use from then on. Returns the topic_id that cq.topic_replica_create needs. Raises 42704, 42501, 22023, 42710 (a publication exists).';

CREATE FUNCTION cq.topic_replica_create(topic text, topic_id int, partitions int = 1,
	tables int = 16) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_replica_create';
COMMENT ON FUNCTION cq.topic_replica_create(text, int, int, int) IS
'Create a topic whose records come by logical replication, from one with that topic_id and as many partitions and tables; then subscribe to both publications in one subscription. It has groups of its own. Raises 22023, 22004, 42710 (the name or topic_id is taken), 53400.';

CREATE FUNCTION cq.topic_replica_promote(topic text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_replica_promote';
COMMENT ON FUNCTION cq.topic_replica_promote(text) IS
'Make a replica a topic of its own, to be published to; drop the subscription first. Raises 42704, 42501, 55000 (it is no replica).';

CREATE FUNCTION cq.topic_publish(topic text, body jsonb, key text = NULL,
	headers jsonb = NULL, partition int = NULL,
	OUT partition int, OUT record_offset bigint) RETURNS record
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_publish';
COMMENT ON FUNCTION cq.topic_publish(text, jsonb, text, jsonb, int) IS
'Append a record and return where it is. Without partition the key decides (as in Kafka), without key all records of a transaction go to one partition. body NULL: the key was deleted. Raises 42704, 42501, 22023, 22004, 54000 (key too long).';

CREATE FUNCTION cq.topic_publish_many(topic text, bodies jsonb[], keys text[] = NULL,
	headers jsonb[] = NULL, partition int = NULL,
	OUT partition int, OUT record_offset bigint) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_publish_many';
COMMENT ON FUNCTION cq.topic_publish_many(text, jsonb[], text[], jsonb[], int) IS
'The same for many records; returns where each of them is, in their order. Arrays of another length than bodies: 22023.';

CREATE FUNCTION cq.group_create(topic text, group_name text, kind text = 'exclusive',
	start text = 'earliest', assignment text = 'sticky',
	session_timeout interval = '45 s') RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_group_create';
COMMENT ON FUNCTION cq.group_create(text, text, text, text, text, interval) IS
'Create a consumer group. kind: exclusive (a partition belongs to one member) or shared (the queue <topic>.<group> gets the records); start: earliest, latest, a timestamp or an offset; assignment: sticky or range. Raises 42704, 42501, 42710, 22023.';

CREATE FUNCTION cq.group_drop(topic text, group_name text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_group_drop';
COMMENT ON FUNCTION cq.group_drop(text, text) IS
'Drop a group with its offsets, and the queue of a shared one. Raises 42704, 42501.';

CREATE FUNCTION cq.group_grant(topic text, group_name text, role text, privilege text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_group_grant';
COMMENT ON FUNCTION cq.group_grant(text, text, text, text) IS
'Grant consume or manage on a group to a role, or to public. Raises 42704, 42501, 22023.';

CREATE FUNCTION cq.group_revoke(topic text, group_name text, role text, privilege text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_group_revoke';
COMMENT ON FUNCTION cq.group_revoke(text, text, text, text) IS
'Take back what cq.group_grant gave. Raises 42704, 42501, 22023.';

CREATE FUNCTION cq.group_join(topic text, group_name text, member text,
	session_bound boolean = false) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_group_join';
COMMENT ON FUNCTION cq.group_join(text, text, text, boolean) IS
'Join a group, which is created unless it exists, and return the generation of the member. Takes effect at once. session_bound: the end of this session ends the membership. Raises 42704, 42501, 22023, 42809 (a shared group), 53400.';

CREATE FUNCTION cq.group_leave(topic text, group_name text, member text,
	generation bigint = NULL) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_group_leave';
COMMENT ON FUNCTION cq.group_leave(text, text, text, bigint) IS
'Leave a group, at the end of the transaction. False: it is no member of that generation. Raises 42704, 42501.';

CREATE FUNCTION cq.group_heartbeat(topic text, group_name text, member text,
	generation bigint = NULL) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_group_heartbeat';
COMMENT ON FUNCTION cq.group_heartbeat(text, text, text, bigint) IS
'Tell that the member is alive, which polling, committing and waiting do too. False: it is no member of that generation: join again. Raises 42704, 42501.';

CREATE FUNCTION cq.topic_poll(topic text, group_name text, member text,
	max int = 100, generation bigint = NULL, auto_commit boolean = false) RETURNS SETOF cq.record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 100
AS 'MODULE_PATHNAME', 'cq_topic_poll';
COMMENT ON FUNCTION cq.topic_poll(text, text, text, int, bigint, boolean) IS
'Return the next records of the partitions that the member owns and move its position behind them; a rollback moves it back. auto_commit: commit these offsets with this transaction. Raises 42704, 42501, 22023, 55000 (no member of that generation), 40001 (lost the partition meanwhile).';

CREATE FUNCTION cq.topic_commit(topic text, group_name text, member text,
	partition int, record_offset bigint, generation bigint = NULL) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_commit';
COMMENT ON FUNCTION cq.topic_commit(text, text, text, int, bigint, bigint) IS
'Commit, with this transaction, that the group is done with the partition up to and including that record. False: the member does not own the partition (any more), has not polled so far, or was further already. If it loses the partition before the transaction ends, COMMIT raises 40001. Raises 42704, 42501, 22023.';

CREATE FUNCTION cq.topic_seek(topic text, group_name text, to_position text,
	partition int = NULL) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_seek';
COMMENT ON FUNCTION cq.topic_seek(text, text, text, int) IS
'Have the group go on, from the end of the transaction, at earliest, latest, a timestamp or an offset, in one partition or all. Transactions of members that have not committed by then are refused with 40001. Raises 42704, 42501, 22023, 22007, 55000 (twice in a transaction), 40001.';

CREATE FUNCTION cq.topic_offset(topic text, partition int, at_position text) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cq_topic_offset';
COMMENT ON FUNCTION cq.topic_offset(text, int, text) IS
'The offset that earliest, latest (of the next record), or a timestamp stands for in a partition. Raises 42704, 42501, 22023, 22007.';

CREATE FUNCTION cq.topic_read(topic text, partition int, from_offset bigint = 0,
	max int = 100) RETURNS SETOF cq.record
LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 100
AS 'MODULE_PATHNAME', 'cq_topic_read';
COMMENT ON FUNCTION cq.topic_read(text, int, bigint, int) IS
'Return records of a partition from an offset on, without a group and without any effect; on a standby too. Raises 42704, 42501, 22023.';

CREATE PROCEDURE cq.topic_wait(topic text, group_name text, member text,
	timeout interval = NULL, INOUT ready boolean = NULL, generation bigint = NULL)
LANGUAGE c
AS 'MODULE_PATHNAME', 'cq_topic_wait';
COMMENT ON PROCEDURE cq.topic_wait(text, text, text, interval, boolean, bigint) IS
'Wait, without a snapshot, until the member has something to poll; ready is false after timeout (NULL: none). Counts as a heartbeat. Raises 25001 in a transaction block, 42704, 42501, 22023, 55000 (no member).';

CREATE PROCEDURE cq.topic_maintain()
LANGUAGE c
AS 'MODULE_PATHNAME', 'cq_topic_maintain_now';
COMMENT ON PROCEDURE cq.topic_maintain() IS
'Do at once what the maintenance worker does for topics: retention, compaction, limits for standbys, feeding shared groups. Raises 25001 in a transaction block.';

-- the queue of a shared group goes with the group
CREATE FUNCTION cq._queue_of_group() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	topic text;
	name text;
BEGIN
	SELECT t.name, g.name INTO topic, name
	FROM cq.topic_group g JOIN cq.topic t USING (topic_id)
	WHERE g.kind = 'shared' AND OLD.name = (t.name || '.' || g.name) COLLATE "C";
	IF FOUND THEN
		RAISE EXCEPTION 'queue "%" belongs to group "%" of topic "%"', OLD.name, name, topic
			USING ERRCODE = 'dependent_objects_still_exist', HINT = 'Drop the group with cq.group_drop.';
	END IF;
	RETURN OLD;
END
$$;
COMMENT ON FUNCTION cq._queue_of_group() IS 'Trigger function: refuses to drop the queue of a shared group.';
CREATE TRIGGER queue_of_group
BEFORE DELETE ON cq.queue
FOR EACH ROW EXECUTE FUNCTION cq._queue_of_group();
ALTER TABLE cq.queue ENABLE ALWAYS TRIGGER queue_of_group;

CREATE FUNCTION cq._topic_stats(OUT topic text, OUT partition int, OUT start_offset bigint,
	OUT end_offset bigint, OUT stable_offset bigint, OUT open_transactions bigint,
	OUT published bigint, OUT segments int, OUT bytes bigint) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cq_topic_stats';
COMMENT ON FUNCTION cq._topic_stats() IS 'Behind the view cq.stat_topics.';

CREATE VIEW cq.stat_topics AS SELECT * FROM cq._topic_stats();
COMMENT ON VIEW cq.stat_topics IS 'One row for each partition of the topics that the reader may use.';
COMMENT ON COLUMN cq.stat_topics.start_offset IS 'Of the first record that is kept; NULL: there is none.';
COMMENT ON COLUMN cq.stat_topics.end_offset IS 'Of the next record to be published, or below it.';
COMMENT ON COLUMN cq.stat_topics.stable_offset IS 'Readers stop below it: it is the lowest one of an open transaction, or end_offset.';
COMMENT ON COLUMN cq.stat_topics.open_transactions IS 'Transactions that have published to the partition and not ended.';
COMMENT ON COLUMN cq.stat_topics.published IS 'Records committed since the server was started.';
COMMENT ON COLUMN cq.stat_topics.segments IS 'Segments of the topic.';
COMMENT ON COLUMN cq.stat_topics.bytes IS 'Size of all tables of the topic.';

CREATE FUNCTION cq._group_stats(OUT topic text, OUT group_name text, OUT kind text,
	OUT partition int, OUT member text, OUT generation bigint, OUT polled bigint,
	OUT committed bigint, OUT end_offset bigint, OUT lag bigint, OUT lag_time interval,
	OUT committed_at timestamptz) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cq_group_stats';
COMMENT ON FUNCTION cq._group_stats() IS 'Behind the view cq.stat_groups.';

CREATE VIEW cq.stat_groups AS SELECT * FROM cq._group_stats();
COMMENT ON VIEW cq.stat_groups IS 'One row for each group and partition of the topics that the reader may use.';
COMMENT ON COLUMN cq.stat_groups.member IS 'Who owns the partition; NULL: nobody.';
COMMENT ON COLUMN cq.stat_groups.polled IS 'Offset of the next record to be polled; NULL: the owner has not polled yet.';
COMMENT ON COLUMN cq.stat_groups.committed IS 'Offset of the next record after those that the group is done with.';
COMMENT ON COLUMN cq.stat_groups.lag IS 'end_offset less committed: records that the group is not done with; gaps count.';
COMMENT ON COLUMN cq.stat_groups.lag_time IS 'Age of the first record that the group is not done with; zero: there is none.';
COMMENT ON COLUMN cq.stat_groups.committed_at IS 'When an offset was committed last, since the server was started.';

CREATE FUNCTION cq._group_members(OUT topic text, OUT group_name text, OUT member text,
	OUT generation bigint, OUT joined_at timestamptz, OUT heartbeat_until timestamptz,
	OUT pid int, OUT partitions int[]) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cq_group_members';
COMMENT ON FUNCTION cq._group_members() IS 'Behind the view cq.stat_group_members.';

CREATE VIEW cq.stat_group_members AS SELECT * FROM cq._group_members();
COMMENT ON VIEW cq.stat_group_members IS 'The members of groups of the topics that the reader may use.';
COMMENT ON COLUMN cq.stat_group_members.heartbeat_until IS 'When it loses its partitions, unless it is heard of.';
COMMENT ON COLUMN cq.stat_group_members.pid IS 'The session that it is bound to; NULL: none.';
COMMENT ON COLUMN cq.stat_group_members.partitions IS 'What it owns.';
-- Channels: notifications for those who LISTEN.

CREATE SEQUENCE cq.channel_payload_id AS int CYCLE;
CREATE UNLOGGED TABLE cq.channel_payload_0 (
	id bigint NOT NULL DEFAULT pg_catalog.nextval('cq.channel_payload_id') PRIMARY KEY,
	payload text NOT NULL
) WITH (autovacuum_enabled = false, toast.autovacuum_enabled = false);
CREATE UNLOGGED TABLE cq.channel_payload_1 (
	id bigint NOT NULL DEFAULT pg_catalog.nextval('cq.channel_payload_id') PRIMARY KEY,
	payload text NOT NULL
) WITH (autovacuum_enabled = false, toast.autovacuum_enabled = false);
COMMENT ON TABLE cq.channel_payload_0 IS 'Payloads that are too long for a notification; used in turns with channel_payload_1.';
COMMENT ON TABLE cq.channel_payload_1 IS 'Payloads that are too long for a notification; used in turns with channel_payload_0.';

CREATE FUNCTION cq.channel_publish(channel text, payload text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_channel_publish';
COMMENT ON FUNCTION cq.channel_publish(text, text) IS
'Notify those who LISTEN to the channel, when the transaction has committed, as NOTIFY does, but without its lock of the whole server. One too long for a notification is kept for five minutes at least, from the call on: see cq.channel_fetch. Raises 22023 (channel empty or over 63 bytes), 22004, 53400 (too many wait).';

CREATE FUNCTION cq.channel_fetch(payload text) RETURNS text
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cq_channel_fetch';
COMMENT ON FUNCTION cq.channel_fetch(text) IS
'What was published, given the payload of a notification: the same, or for cq_ref:<n> what was too long to be sent. NULL: it is kept no more. Raises 22004.';

REVOKE ALL ON cq.channel_payload_0, cq.channel_payload_1 FROM PUBLIC;
REVOKE ALL ON SEQUENCE cq.channel_payload_id FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cq.channel_publish(text, text), cq.channel_fetch(text) TO PUBLIC;
-- Topics: privileges.  The functions that PUBLIC may call ask for the privilege
-- on the topic or group themselves; creating topics has to be granted.

REVOKE ALL ON cq.topic, cq.topic_group, cq.topic_grant, cq.topic_segment FROM PUBLIC;
REVOKE ALL ON SEQUENCE cq.topic_topic_id_seq, cq.topic_group_group_id_seq FROM PUBLIC;
REVOKE ALL ON FUNCTION
	cq._topic_changed(),
	cq._queue_of_group(),
	cq.topic_create(text, int, interval, bigint, boolean, interval),
	cq.topic_publication_create(text, text, int),
	cq.topic_replica_create(text, int, int, int),
	cq.topic_replica_promote(text)
FROM PUBLIC;
REVOKE ALL ON PROCEDURE cq.topic_maintain() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	cq.topic_alter(text, int, interval, bigint, boolean, interval, text[]),
	cq.topic_drop(text),
	cq.topic_grant(text, text, text),
	cq.topic_revoke(text, text, text),
	cq.topic_publish(text, jsonb, text, jsonb, int),
	cq.topic_publish_many(text, jsonb[], text[], jsonb[], int),
	cq.group_create(text, text, text, text, text, interval),
	cq.group_drop(text, text),
	cq.group_grant(text, text, text, text),
	cq.group_revoke(text, text, text, text),
	cq.group_join(text, text, text, boolean),
	cq.group_leave(text, text, text, bigint),
	cq.group_heartbeat(text, text, text, bigint),
	cq.topic_poll(text, text, text, int, bigint, boolean),
	cq.topic_commit(text, text, text, int, bigint, bigint),
	cq.topic_seek(text, text, text, int),
	cq.topic_offset(text, int, text),
	cq.topic_read(text, int, bigint, int),
	cq._topic_stats(),
	cq._group_stats(),
	cq._group_members()
TO PUBLIC;
GRANT EXECUTE ON PROCEDURE cq.topic_wait(text, text, text, interval, boolean, bigint) TO PUBLIC;
GRANT SELECT ON cq.stat_topics, cq.stat_groups, cq.stat_group_members TO PUBLIC;
-- Exchanges: what they are bound to, and publishing.

CREATE TABLE cq.exchange (
	exchange_id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	name text COLLATE "C" NOT NULL CONSTRAINT exchange_name_key UNIQUE,
	owner regrole NOT NULL,
	kind text COLLATE "C" NOT NULL,
	alternate int CONSTRAINT exchange_alternate_fkey REFERENCES cq.exchange (exchange_id),
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE cq.exchange IS 'Exchanges; changed by the functions cq.exchange_* only.';
COMMENT ON COLUMN cq.exchange.kind IS 'direct, fanout, topic or headers.';
COMMENT ON COLUMN cq.exchange.alternate IS 'Exchange that gets what matches nothing in this one; NULL: none.';

CREATE INDEX exchange_alternate_idx ON cq.exchange (alternate) WHERE alternate IS NOT NULL;

CREATE TABLE cq.exchange_binding (
	binding_id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	exchange_id int NOT NULL CONSTRAINT exchange_binding_exchange_fkey REFERENCES cq.exchange (exchange_id) ON DELETE CASCADE,
	queue_id int CONSTRAINT exchange_binding_queue_fkey REFERENCES cq.queue (queue_id) ON DELETE CASCADE,
	topic_id int CONSTRAINT exchange_binding_topic_fkey REFERENCES cq.topic (topic_id) ON DELETE CASCADE,
	target_id int CONSTRAINT exchange_binding_target_fkey REFERENCES cq.exchange (exchange_id),
	routing_key text COLLATE "C" NOT NULL,
	headers jsonb,
	match text COLLATE "C" NOT NULL,
	CONSTRAINT exchange_binding_one_target
		CHECK (pg_catalog.num_nonnulls(queue_id, topic_id, target_id) OPERATOR(pg_catalog.=) 1)
);
COMMENT ON TABLE cq.exchange_binding IS 'What exchanges are bound to; changed by cq.exchange_bind and cq.exchange_unbind only. Bindings go with their exchange and with the queue or topic that they lead to.';
COMMENT ON COLUMN cq.exchange_binding.target_id IS 'The exchange that is bound to; the target is this, a queue or a topic.';
COMMENT ON COLUMN cq.exchange_binding.routing_key IS 'A key, or for kind topic a pattern.';
COMMENT ON COLUMN cq.exchange_binding.headers IS 'For kind headers: those to match; NULL for the others.';
COMMENT ON COLUMN cq.exchange_binding.match IS 'all of the headers, or any.';

CREATE INDEX exchange_binding_exchange_idx ON cq.exchange_binding (exchange_id);
CREATE INDEX exchange_binding_queue_idx ON cq.exchange_binding (queue_id, exchange_id, routing_key) WHERE queue_id IS NOT NULL;
CREATE INDEX exchange_binding_topic_idx ON cq.exchange_binding (topic_id, exchange_id, routing_key) WHERE topic_id IS NOT NULL;
CREATE INDEX exchange_binding_target_idx ON cq.exchange_binding (target_id, exchange_id, routing_key) WHERE target_id IS NOT NULL;

CREATE TABLE cq.exchange_grant (
	exchange_id int NOT NULL CONSTRAINT exchange_grant_exchange_fkey REFERENCES cq.exchange (exchange_id) ON DELETE CASCADE,
	grantee regrole NOT NULL,
	privileges int NOT NULL,
	CONSTRAINT exchange_grant_pkey PRIMARY KEY (exchange_id, grantee)
);
COMMENT ON TABLE cq.exchange_grant IS 'Privileges on exchanges: 1 publish, 2 manage; role - is PUBLIC. Changed by cq.exchange_grant and cq.exchange_revoke.';

SELECT pg_catalog.pg_extension_config_dump('cq.exchange', '');
SELECT pg_catalog.pg_extension_config_dump('cq.exchange_exchange_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('cq.exchange_binding', '');
SELECT pg_catalog.pg_extension_config_dump('cq.exchange_binding_binding_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('cq.exchange_grant', '');

CREATE FUNCTION cq._exchange_changed() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_exchange_changed';
COMMENT ON FUNCTION cq._exchange_changed() IS 'Trigger function: makes all sessions read exchanges and their bindings again.';

CREATE TRIGGER exchange_changed
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cq.exchange
FOR EACH STATEMENT EXECUTE FUNCTION cq._exchange_changed();
CREATE TRIGGER exchange_binding_changed
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cq.exchange_binding
FOR EACH STATEMENT EXECUTE FUNCTION cq._exchange_changed();
CREATE TRIGGER exchange_grant_changed
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cq.exchange_grant
FOR EACH STATEMENT EXECUTE FUNCTION cq._exchange_changed();
ALTER TABLE cq.exchange ENABLE ALWAYS TRIGGER exchange_changed;
ALTER TABLE cq.exchange_binding ENABLE ALWAYS TRIGGER exchange_binding_changed;
ALTER TABLE cq.exchange_grant ENABLE ALWAYS TRIGGER exchange_grant_changed;

CREATE FUNCTION cq.exchange_create(exchange text, kind text, alternate text = NULL) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_exchange_create';
COMMENT ON FUNCTION cq.exchange_create(text, text, text) IS
'Create an exchange of kind direct, fanout, topic or headers. alternate: an exchange that gets what matches nothing in this one. Raises 22023, 22004, 42710 (exists), 42704, 42501.';

CREATE FUNCTION cq.exchange_alter(exchange text, alternate text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_exchange_alter';
COMMENT ON FUNCTION cq.exchange_alter(text, text) IS
'Change the alternate of an exchange; NULL: none. Raises 22023 (also: it would lead to itself), 22004, 42704, 42501.';

CREATE FUNCTION cq.exchange_drop(exchange text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_exchange_drop';
COMMENT ON FUNCTION cq.exchange_drop(text) IS
'Drop an exchange with its bindings. Raises 42704, 42501, 2BP01 (another exchange is bound to it or has it as its alternate).';

CREATE FUNCTION cq.exchange_bind(exchange text, target_kind text, target text,
	routing_key text = '', headers jsonb = NULL, match text = 'all') RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_exchange_bind';
COMMENT ON FUNCTION cq.exchange_bind(text, text, text, text, jsonb, text) IS
'Bind an exchange to a queue, a topic or another exchange. routing_key: for kind direct the key, for kind topic a pattern of words between dots, * for one word and # for any number; headers: for kind headers those to match, all or any of them, null for any value. False: it was bound so already. Raises 22023 (also: it would lead to itself), 22004, 54000, 42704, 42501.';

CREATE FUNCTION cq.exchange_unbind(exchange text, target_kind text, target text,
	routing_key text = '', headers jsonb = NULL, match text = 'all') RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_exchange_unbind';
COMMENT ON FUNCTION cq.exchange_unbind(text, text, text, text, jsonb, text) IS
'Remove the binding that cq.exchange_bind made with the same arguments. False: there was none. Raises as that.';

CREATE FUNCTION cq.exchange_publish(exchange text, routing_key text, body jsonb,
	headers jsonb = NULL, mandatory boolean = false, key text = NULL) RETURNS int
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_exchange_publish';
COMMENT ON FUNCTION cq.exchange_publish(text, text, jsonb, jsonb, boolean, text) IS
'Send a message to each queue and topic that the exchange leads to, in this transaction; returns how many. Its headers get cq_exchange and cq_routing_key. mandatory: raise P0002 when there is none; key: the group_key in queues, the key in topics. Raises 22023, 22004, 54000, 42704, 42501, and what cq.queue_send and cq.topic_publish raise.';

CREATE FUNCTION cq.exchange_route(exchange text, routing_key text, headers jsonb = NULL,
	OUT target_kind text, OUT target text) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 10
AS 'MODULE_PATHNAME', 'cq_exchange_route';
COMMENT ON FUNCTION cq.exchange_route(text, text, jsonb) IS
'The queues and topics that cq.exchange_publish would send to; nothing is sent. Raises 22023, 22004, 54000, 42704, 42501.';

CREATE FUNCTION cq.exchange_grant(exchange text, role text, privileges text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_exchange_grant';
COMMENT ON FUNCTION cq.exchange_grant(text, text, text) IS
'Give a role (or public) privileges: publish, manage, separated by commas, or all. The role also needs USAGE on schema cq. Raises 22023, 22004, 42704, 42501.';

CREATE FUNCTION cq.exchange_revoke(exchange text, role text, privileges text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_exchange_revoke';
COMMENT ON FUNCTION cq.exchange_revoke(text, text, text) IS
'Take privileges away. Raises as cq.exchange_grant.';

CREATE FUNCTION cq._exchange_may_see(exchange text) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cq_exchange_may_see';
COMMENT ON FUNCTION cq._exchange_may_see(text) IS 'Whether the caller may publish to the exchange or manage it.';

CREATE VIEW cq.exchange_bindings WITH (security_barrier) AS
SELECT e.name AS exchange, e.kind,
	CASE WHEN b.queue_id IS NOT NULL THEN 'queue' WHEN b.topic_id IS NOT NULL THEN 'topic' ELSE 'exchange' END AS target_kind,
	COALESCE(q.name, t.name, x.name) AS target,
	b.routing_key, b.headers, b.match
FROM (SELECT * FROM cq.exchange WHERE cq._exchange_may_see(name)) AS e
	JOIN cq.exchange_binding AS b USING (exchange_id)
	LEFT JOIN cq.queue AS q ON q.queue_id = b.queue_id
	LEFT JOIN cq.topic AS t ON t.topic_id = b.topic_id
	LEFT JOIN cq.exchange AS x ON x.exchange_id = b.target_id;
COMMENT ON VIEW cq.exchange_bindings IS
'The bindings of the exchanges that the caller may publish to or manage.';
-- Exchanges: privileges.  The functions that PUBLIC may call ask for the
-- privilege on the exchange themselves; creating exchanges has to be granted.

REVOKE ALL ON cq.exchange, cq.exchange_binding, cq.exchange_grant FROM PUBLIC;
REVOKE ALL ON SEQUENCE cq.exchange_exchange_id_seq, cq.exchange_binding_binding_id_seq FROM PUBLIC;
REVOKE ALL ON FUNCTION
	cq._exchange_changed(),
	cq.exchange_create(text, text, text)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	cq.exchange_alter(text, text),
	cq.exchange_drop(text),
	cq.exchange_bind(text, text, text, text, jsonb, text),
	cq.exchange_unbind(text, text, text, text, jsonb, text),
	cq.exchange_publish(text, text, jsonb, jsonb, boolean, text),
	cq.exchange_route(text, text, jsonb),
	cq.exchange_grant(text, text, text),
	cq.exchange_revoke(text, text, text),
	cq._exchange_may_see(text)
TO PUBLIC;
GRANT SELECT ON cq.exchange_bindings TO PUBLIC;
-- The maintenance worker.

CREATE FUNCTION cq._worker_request() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_worker_request';
COMMENT ON FUNCTION cq._worker_request() IS 'Ask for a maintenance worker in this database, when the transaction commits.';

SELECT cq._worker_request();

-- What an earlier installation left in the cache was not watched meanwhile.
SELECT cq._epoch_changed();
-- Who may do what.
--
-- The gate is USAGE on the schema cq, which nobody has by default: grant it to
-- the roles that are to use the cache and the queues.  Functions that are open
-- behind it check what they must themselves: the namespace default belongs to
-- all who may enter, the others to their owners; cache_watch needs ownership of
-- the table.  Creating namespaces has to be granted.

REVOKE ALL ON SCHEMA cq FROM PUBLIC;
REVOKE ALL ON cq.namespace, cq.namespace_grant FROM PUBLIC;
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

-- called with the caller's rights by cache_watch and cache_unwatch, or by triggers
GRANT EXECUTE ON FUNCTION cq._watch_row(), cq._watch_statement(), cq._watch_truncate(), cq._watch_write(),
    cq._check_templates(regclass, text[]), cq._watch_templates(regclass), cq._require_preload(),
    cq._write_through_fields(jsonb), cq._write_through_arguments(regclass, text[]),
    cq._watch_write_through(regclass), cq._own_write_through(regclass),
    cq._unwatch_one(regclass), cq._watch_one(regclass, text[], text[]),
    cq._enable_triggers(regclass), cq._descendants(regclass),
    cq._watched_through_parent(regclass), cq._rewatch(regclass),
    cq._relation_changed(oid), cq._epoch_changed()
TO PUBLIC;

GRANT SELECT ON cq.cache_watches TO PUBLIC;
GRANT SELECT ON cq.stat_cache, cq.stat_cache_namespaces, cq.cache_entries, cq.cache_hot_keys TO pg_monitor;
GRANT EXECUTE ON FUNCTION cq._stat_cache(), cq._stat_namespaces(int[]), cq._cache_entries(),
    cq._cache_hot_keys()
TO pg_monitor;
-- these show a reader his own namespaces only
GRANT SELECT ON cq.cache_pending, cq.stat_write_behind TO PUBLIC;
GRANT SELECT, DELETE ON cq.cache_dead_letters TO PUBLIC;
