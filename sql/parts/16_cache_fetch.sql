-- Read-through.

CREATE FUNCTION cq.cache_fetch(key text, query text, args text[] DEFAULT '{}',
    ttl interval DEFAULT NULL, tags text[] DEFAULT NULL, namespace text DEFAULT 'default',
    stale_for interval DEFAULT NULL, negative_ttl interval DEFAULT NULL, allow_time boolean DEFAULT false)
RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_cache_fetch';
COMMENT ON FUNCTION cq.cache_fetch(text, text, text[], interval, text[], text, interval, interval, boolean) IS
'The cached result of the query, or its result now, cached: one column, at most one row, as jsonb; NULL for no row. args are given as text and take the types that the query gives $1, $2, …. tags NULL: the tables of the query, which must be watched unless a ttl is given. stale_for: accept a result that is out of date by so much while another session computes it. negative_ttl: the ttl of no row and of NULL. allow_time: the query may read the clock (now(), current_date); its result may then be as old as the ttl, which must be given. Errors: 22004, 22023 (wrong number of args, bad interval, allow_time without a ttl), 21000 (more than one column or row), 42601 (several statements), 0A000 (must not be cached), 55000 (table not watched), 42501, 42704, and those of the query.';

CREATE FUNCTION cq.cache_query(query text, args text[] DEFAULT '{}',
    ttl interval DEFAULT NULL, tags text[] DEFAULT NULL, namespace text DEFAULT 'default',
    allow_time boolean DEFAULT false)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_cache_query';
COMMENT ON FUNCTION cq.cache_query(text, text[], interval, text[], text, boolean) IS
'The cached rows of the query, or its rows now, cached; the caller gives the columns: FROM cq.cache_query(''…'') AS t (id int, name text). What is too large is returned and not cached. Errors: 42804 (other columns than the query''s) and as cq.cache_fetch.';
