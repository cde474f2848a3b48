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
