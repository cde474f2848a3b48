-- Namespaces of the cache: functions.

CREATE FUNCTION cq.namespace_create(namespace text, default_ttl interval DEFAULT NULL,
    memory_quota bigint DEFAULT NULL, if_not_exists boolean DEFAULT false) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_namespace_create';
COMMENT ON FUNCTION cq.namespace_create(text, interval, bigint, boolean) IS
'Create a namespace of the cache, owned by the caller; default_ttl applies where no ttl is given, memory_quota is the number of bytes that its entries may take. if_not_exists: one that exists with the same options stays. Errors: 22004, 22023 (name, ttl, quota), 42710, 42501, 55000.';

CREATE FUNCTION cq.namespace_alter(namespace text, default_ttl interval,
    memory_quota bigint DEFAULT NULL) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_namespace_alter';
COMMENT ON FUNCTION cq.namespace_alter(text, interval, bigint) IS
'Change the default TTL, for what is stored from then on, and the memory quota; NULL: none. Errors: 22004, 22023, 42704, 42501 (not the owner).';

CREATE FUNCTION cq.namespace_drop(namespace text, if_exists boolean DEFAULT false) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_namespace_drop';
COMMENT ON FUNCTION cq.namespace_drop(text, boolean) IS
'Drop a namespace; its entries can no longer be reached and go with time. Errors: 22004, 42704, 42501 (not the owner), 55000 (write-behind has something pending).';

CREATE FUNCTION cq.namespace_grant(namespace text, role text, privilege text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_namespace_grant';
COMMENT ON FUNCTION cq.namespace_grant(text, text, text) IS
'Give a role, or public, privileges on a namespace: read, write, invalidate, clear, separated by commas, or all. Errors: 22004, 22023 (privilege), 42704 (namespace, role), 42501 (neither owner nor grant option).';

CREATE FUNCTION cq.namespace_revoke(namespace text, role text, privilege text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_namespace_revoke';
COMMENT ON FUNCTION cq.namespace_revoke(text, text, text) IS
'Take back what cq.namespace_grant gave. Errors as there.';

CREATE FUNCTION cq.namespace_owner(namespace text, new_owner text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'cq_namespace_owner';
COMMENT ON FUNCTION cq.namespace_owner(text, text) IS
'Give a namespace another owner. Errors: 22004, 42704 (namespace, role), 42501 (not the owner, or no member of the role).';

CREATE FUNCTION cq.cache_clear(namespace text DEFAULT 'default') RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_cache_clear_namespace';
COMMENT ON FUNCTION cq.cache_clear(text) IS
'Make everything in a namespace a miss when the transaction commits, at a cost that does not depend on how much that is; what the transaction sets in it is not kept. Returns how often it has been cleared since the server started. Errors: 22004, 42704, 42501.';
