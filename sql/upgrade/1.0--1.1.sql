\echo Use "ALTER EXTENSION cachequeue UPDATE" to load this file. \quit

-- From 1.0 to 1.1: what has to be done before functions and views are created
-- anew.  The Makefile puts the parts of the script behind it, without those that
-- create tables and types, with OR REPLACE.

-- ---- what is replaced by something of another form -------------------------

DROP EVENT TRIGGER cachequeue_ddl;
DROP EVENT TRIGGER cachequeue_drop;

-- whom functions that get other parameters were granted to; see the end
CREATE FUNCTION cq._upgrade_grants() RETURNS text
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_array(p.proname, a.grantee, a.is_grantable)), '[]')::text
    FROM pg_proc AS p, aclexplode(p.proacl) AS a
    WHERE p.pronamespace = 'cq'::regnamespace AND a.privilege_type = 'EXECUTE'
      AND p.proname IN ('queue_create', 'topic_create', 'exchange_create', 'namespace_create')
      AND a.grantee <> p.proowner AND a.grantee <> 0
$$;
SELECT pg_catalog.set_config('cq_upgrade.grants', cq._upgrade_grants(), true);
DROP FUNCTION cq._upgrade_grants();

DROP VIEW cq.exchange_bindings, cq.cache_pending, cq.stat_write_behind, cq.cache_dead_letters,
    cq.stat_queues, cq.stat_queue_consumers, cq.queue_segments, cq.stat_topics, cq.stat_groups, cq.stat_group_members,
    cq.stat_cache, cq.stat_cache_namespaces, cq.cache_entries, cq.cache_hot_keys;
DROP FUNCTION cq._queue_stats(), cq._queue_consumers(), cq._queue_segments(), cq._topic_stats(), cq._group_stats(),
    cq._group_members(), cq._stat_cache(), cq._stat_namespaces(int[]), cq._cache_entries(), cq._cache_hot_keys(),
    cq._queue_require_cron();
DROP FUNCTION cq._exchange_may_see(text);
DROP FUNCTION cq.cache_fetch(text, text, text[], interval, text[], text, interval, interval);
DROP FUNCTION cq.cache_query(text, text[], interval, text[], text);
DROP FUNCTION cq.namespace_create(text, interval, bigint);
DROP FUNCTION cq.namespace_drop(text);
DROP FUNCTION cq.queue_create(text, interval, int, text, text, bigint, text, interval, interval, double precision, int, interval, interval, interval, bigint, interval, int, double precision, int, int, boolean, boolean, text);
DROP FUNCTION cq.queue_drop(text);
DROP FUNCTION cq.topic_create(text, int, interval, bigint, boolean, interval);
DROP FUNCTION cq.topic_drop(text);
DROP FUNCTION cq.group_create(text, text, text, text, text, interval);
DROP FUNCTION cq.group_drop(text, text);
DROP FUNCTION cq.exchange_create(text, text, text);
DROP FUNCTION cq.exchange_drop(text);

-- ---- watches -------------------------------------------------------------------

-- In 1.0 a watch is what the arguments of its triggers say.  They stay as they are: the
-- functions do not look at their arguments any more.  This reads cq.namespace and
-- cq.namespace_grant as 1.0 has them.

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

-- ---- functions that cached queries may call -----------------------------------

CREATE TABLE cq.cache_function (
    function text COLLATE "C" CONSTRAINT cache_function_pkey PRIMARY KEY,
    reads regclass[] NOT NULL,
    settings text[] NOT NULL
);
COMMENT ON TABLE cq.cache_function IS 'STABLE functions that cached queries may call; changed by cq.cache_function_declare and cq.cache_function_undeclare only. For superusers: who can write it decides which results others are given.';
COMMENT ON COLUMN cq.cache_function.function IS 'Its name with schema and the types of its arguments, as pg_identify_object writes it: pg_upgrade does not keep the numbers of functions. A row without such a function means nothing.';
COMMENT ON COLUMN cq.cache_function.reads IS 'The tables whose rows decide what the function returns.';
COMMENT ON COLUMN cq.cache_function.settings IS 'The settings that do so.';

SELECT pg_catalog.pg_extension_config_dump('cq.cache_function',
    'WHERE pg_catalog.to_regprocedure(function) IS NOT NULL');

CREATE TRIGGER cache_function_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cq.cache_function
    FOR EACH STATEMENT EXECUTE FUNCTION cq._watch_changed();
ALTER TABLE cq.cache_function ENABLE ALWAYS TRIGGER cache_function_changed;

-- ---- carriers of owners and privileges --------------------------------------

CREATE VIEW cq.namespace_0 AS SELECT 'default'::pg_catalog.text AS namespace;
COMMENT ON VIEW cq.namespace_0 IS 'Carries the privileges of the namespace default.';

DO $$
DECLARE
    object record;
    granted record;
    carrier text;
BEGIN
    FOR object IN
        SELECT 'queue' AS kind, queue_id AS id, name, owner::oid AS owner FROM cq.queue
        UNION ALL SELECT 'topic', topic_id, name, owner FROM cq.topic
        UNION ALL SELECT 'group', group_id, name, owner FROM cq.topic_group
        UNION ALL SELECT 'exchange', exchange_id, name, owner FROM cq.exchange
        UNION ALL SELECT 'namespace', namespace_id, name, owner FROM cq.namespace
    LOOP
        carrier := pg_catalog.format('cq.%I', object.kind || '_' || object.id);
        EXECUTE pg_catalog.format('CREATE VIEW %s AS SELECT %L::pg_catalog.text AS %I', carrier, object.name, object.kind);
        IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE oid = object.owner) THEN
            EXECUTE pg_catalog.format('ALTER VIEW %s OWNER TO %I', carrier, pg_catalog.pg_get_userbyid(object.owner));
        ELSE
            RAISE WARNING 'the owner of % "%" is gone: % owns it now', object.kind, object.name, current_user;
        END IF;
        FOR granted IN
            SELECT g.grantee::oid AS role, w.privilege
            FROM (SELECT 'queue' AS kind, queue_id AS id, grantee, privileges FROM cq.queue_grant
                  UNION ALL SELECT 'topic', topic_id, grantee, privileges FROM cq.topic_grant WHERE group_id = 0
                  UNION ALL SELECT 'group', group_id, grantee, privileges FROM cq.topic_grant WHERE group_id <> 0
                  UNION ALL SELECT 'exchange', exchange_id, grantee, privileges FROM cq.exchange_grant
                  UNION ALL SELECT 'namespace', namespace_id, grantee, access FROM cq.namespace_grant) AS g
                JOIN (VALUES ('queue', 1, 'INSERT'), ('queue', 2, 'DELETE'), ('queue', 4, 'SELECT, UPDATE, TRUNCATE'),
                      ('topic', 1, 'INSERT'), ('topic', 2, 'DELETE'), ('topic', 4, 'SELECT, UPDATE'),
                      ('group', 2, 'DELETE'), ('group', 4, 'SELECT'),
                      ('exchange', 1, 'INSERT'), ('exchange', 2, 'SELECT, UPDATE'),
                      ('namespace', 1, 'SELECT'), ('namespace', 2, 'INSERT, UPDATE, DELETE'))
                    AS w (kind, bit, privilege)
                    ON w.kind = g.kind AND g.privileges & w.bit <> 0
            WHERE g.kind = object.kind AND g.id = object.id
        LOOP
            IF granted.role = 0 THEN
                EXECUTE pg_catalog.format('GRANT %s ON %s TO PUBLIC', granted.privilege, carrier);
            ELSIF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE oid = granted.role) THEN
                EXECUTE pg_catalog.format('GRANT %s ON %s TO %I', granted.privilege, carrier,
                                          pg_catalog.pg_get_userbyid(granted.role));
            ELSE
                RAISE WARNING 'a grant on % "%" to a role that is gone (OID %) is dropped',
                    object.kind, object.name, granted.role;
            END IF;
        END LOOP;
        EXECUTE pg_catalog.format('ALTER EXTENSION cachequeue DROP VIEW %s', carrier);
    END LOOP;
    RAISE WARNING 'the namespace "default" is no longer open to all who may use schema cq'
        USING HINT = 'Grant it to whom it is for: SELECT cq.namespace_grant(''default'', <role or public>, ''all'').';
END
$$;

ALTER EXTENSION cachequeue DROP TABLE cq.queue_grant;
ALTER EXTENSION cachequeue DROP TABLE cq.topic_grant;
ALTER EXTENSION cachequeue DROP TABLE cq.exchange_grant;
ALTER EXTENSION cachequeue DROP TABLE cq.namespace_grant;
DROP TABLE cq.queue_grant, cq.topic_grant, cq.exchange_grant, cq.namespace_grant;

ALTER TABLE cq.queue RENAME COLUMN owner TO carrier;
ALTER TABLE cq.queue ALTER COLUMN carrier TYPE regclass USING ('cq.queue_' || queue_id)::pg_catalog.regclass,
    ADD CONSTRAINT queue_carrier_key UNIQUE (carrier);
COMMENT ON COLUMN cq.queue.carrier IS 'The view whose owner and privileges are those of the queue.';

ALTER TABLE cq.topic RENAME COLUMN owner TO carrier;
ALTER TABLE cq.topic ALTER COLUMN carrier TYPE regclass USING ('cq.topic_' || topic_id)::pg_catalog.regclass,
    ADD CONSTRAINT topic_carrier_key UNIQUE (carrier);
COMMENT ON COLUMN cq.topic.carrier IS 'The view whose owner and privileges are those of the topic.';

ALTER TABLE cq.topic_group RENAME COLUMN owner TO carrier;
ALTER TABLE cq.topic_group ALTER COLUMN carrier TYPE regclass USING ('cq.group_' || group_id)::pg_catalog.regclass,
    ADD CONSTRAINT topic_group_carrier_key UNIQUE (carrier),
    ADD COLUMN queue_id int, ADD COLUMN dead_letter_id int;
COMMENT ON COLUMN cq.topic_group.carrier IS 'The view whose owner and privileges are those of the group.';
COMMENT ON COLUMN cq.topic_group.queue_id IS 'The queue of a shared group, which goes with it.';
COMMENT ON COLUMN cq.topic_group.dead_letter_id IS 'Its queue for dead letters, when that was made with it.';

ALTER TABLE cq.exchange DROP CONSTRAINT exchange_alternate_fkey;
ALTER TABLE cq.exchange RENAME COLUMN owner TO carrier;
ALTER TABLE cq.exchange ALTER COLUMN carrier TYPE regclass USING ('cq.exchange_' || exchange_id)::pg_catalog.regclass,
    ADD CONSTRAINT exchange_carrier_key UNIQUE (carrier);
COMMENT ON COLUMN cq.exchange.carrier IS 'The view whose owner and privileges are those of the exchange.';
ALTER TABLE cq.exchange_binding DROP CONSTRAINT exchange_binding_exchange_fkey,
    DROP CONSTRAINT exchange_binding_queue_fkey, DROP CONSTRAINT exchange_binding_topic_fkey,
    DROP CONSTRAINT exchange_binding_target_fkey;

ALTER TABLE cq.namespace RENAME COLUMN owner TO carrier;
ALTER TABLE cq.namespace ALTER COLUMN carrier TYPE regclass USING ('cq.namespace_' || namespace_id)::pg_catalog.regclass,
    ADD CONSTRAINT namespace_carrier_key UNIQUE (carrier);
COMMENT ON COLUMN cq.namespace.carrier IS 'The view whose owner and privileges are those of the namespace.';

-- no configuration: a restored database is to have secrets of its own
CREATE TABLE cq.queue_secret (
	queue_id int CONSTRAINT queue_secret_pkey PRIMARY KEY,
	secret bigint NOT NULL
);
COMMENT ON TABLE cq.queue_secret IS 'Random keys of the receipts of durable leases. Nobody has privileges on it, and no dump contains it.';

-- the queues of shared groups are known by their numbers
UPDATE cq.topic_group AS g
SET queue_id = q.queue_id, dead_letter_id = d.queue_id
FROM cq.topic AS t, cq.queue AS q LEFT JOIN cq.queue AS d ON d.name = q.name || '.dead' AND d.name = q.dead_letter
WHERE g.kind = 'shared' AND t.topic_id = g.topic_id AND q.name = (t.name || '.' || g.name) COLLATE "C";

-- what has no carrier is not dumped
SELECT pg_catalog.pg_extension_config_dump('cq.namespace', 'WHERE EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = carrier)');
SELECT pg_catalog.pg_extension_config_dump('cq.queue', 'WHERE EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = carrier)');
SELECT pg_catalog.pg_extension_config_dump('cq.topic', 'WHERE EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = carrier)');
SELECT pg_catalog.pg_extension_config_dump('cq.topic_group', 'WHERE EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = carrier)');
SELECT pg_catalog.pg_extension_config_dump('cq.exchange', 'WHERE EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = carrier)');
SELECT pg_catalog.pg_extension_config_dump('cq.exchange_binding', $$WHERE exchange_id IN (SELECT e.exchange_id FROM cq.exchange AS e WHERE EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = carrier))
	AND (queue_id IS NULL OR queue_id IN (SELECT q.queue_id FROM cq.queue AS q WHERE EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = carrier)))
	AND (topic_id IS NULL OR topic_id IN (SELECT t.topic_id FROM cq.topic AS t WHERE EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = carrier)))
	AND (target_id IS NULL OR target_id IN (SELECT e.exchange_id FROM cq.exchange AS e WHERE EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = carrier)))$$);

DROP TRIGGER queue_of_group ON cq.queue;
DROP FUNCTION cq._queue_of_group();

CREATE FUNCTION cq._exchange_unbind() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CASE TG_TABLE_NAME
		WHEN 'queue' THEN DELETE FROM cq.exchange_binding AS b WHERE b.queue_id = OLD.queue_id;
		WHEN 'topic' THEN DELETE FROM cq.exchange_binding AS b WHERE b.topic_id = OLD.topic_id;
		ELSE DELETE FROM cq.exchange_binding AS b WHERE b.exchange_id = OLD.exchange_id OR b.target_id = OLD.exchange_id;
	END CASE;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION cq._exchange_unbind() IS 'Trigger function: bindings go with their exchange and with what they lead to.';

CREATE TRIGGER exchange_unbind AFTER DELETE ON cq.queue FOR EACH ROW EXECUTE FUNCTION cq._exchange_unbind();
CREATE TRIGGER exchange_unbind AFTER DELETE ON cq.topic FOR EACH ROW EXECUTE FUNCTION cq._exchange_unbind();
CREATE TRIGGER exchange_unbind AFTER DELETE ON cq.exchange FOR EACH ROW EXECUTE FUNCTION cq._exchange_unbind();
ALTER TABLE cq.queue ENABLE ALWAYS TRIGGER exchange_unbind;
ALTER TABLE cq.topic ENABLE ALWAYS TRIGGER exchange_unbind;
ALTER TABLE cq.exchange ENABLE ALWAYS TRIGGER exchange_unbind;
