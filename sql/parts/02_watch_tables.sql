-- Watched tables: what was asked of cq.cache_watch.

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
