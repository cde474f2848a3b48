-- STABLE functions that cached queries may call.

CREATE FUNCTION cq.cache_function_declare(function regprocedure, reads regclass[] DEFAULT '{}', settings text[] DEFAULT '{}') RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_cache_function_declare';
COMMENT ON FUNCTION cq.cache_function_declare(regprocedure, regclass[], text[]) IS
'Let cached queries call a STABLE function whose result depends on its arguments, on the rows of these tables, on these settings, and on nothing else. Declaring again replaces both. That is believed: for superusers. Errors: 22004, 42501 (no superuser), 42809 (not a STABLE function written by a user; not an ordinary or partitioned table).';

CREATE FUNCTION cq.cache_function_undeclare(function regprocedure) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_cache_function_undeclare';
COMMENT ON FUNCTION cq.cache_function_undeclare(regprocedure) IS
'Cached queries may not call the function any more. Errors: 22004, 42501 (no superuser), 42704 (not declared).';

CREATE VIEW cq.cache_functions WITH (security_barrier) AS
SELECT pg_catalog.to_regprocedure(f.function) AS function, f.reads, f.settings
FROM cq.cache_function AS f
WHERE pg_catalog.to_regprocedure(f.function) IS NOT NULL;
COMMENT ON VIEW cq.cache_functions IS 'STABLE functions that cached queries may call, and the tables and settings on which they depend.';
