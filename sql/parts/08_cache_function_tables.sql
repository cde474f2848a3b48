-- STABLE functions that cached queries may call: what was asked of
-- cq.cache_function_declare.

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
