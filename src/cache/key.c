/*-------------------------------------------------------------------------
 *
 * key.c
 *	  Keys of the cache, and clearing of namespaces.
 *
 *	 0          4           8       9                           n        n + 8
 *	+----------+-----------+-------+----- ... -----------------+--------+
 *	| database | namespace | space | bytes of the caller's key | clears |
 *	+----------+-----------+-------+----- ... -----------------+--------+
 *
 * 'clears' is how often the namespace has been cleared.  So clearing it makes
 * its entries a miss: no key finds them any more, and eviction removes them in
 * time.
 *
 * The numbers are counted by hash of database and namespace.  Namespaces that
 * share a count are cleared together, which only costs misses.  ALL_NAMESPACES
 * of a database is one more such count, added to those of its namespaces.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/key.h"
#include "cache/namespace_states.h"
#include "cache/slots.h"
#include "cache/state.h"
#include "common/hashfn.h"
#include "miscadmin.h"

#define ALL_NAMESPACES PG_UINT32_MAX
#define KEY_SPACE_AT (sizeof(Oid) + sizeof(uint32)) /* offset of the space */

static pg_atomic_uint64 *
clear_count(Oid database, uint32 name_space)
{
	uint32		hash = hash_combine(murmurhash32(database),
									murmurhash32(name_space));

	return &cq_cache_state->clears[hash % CQ_CLEAR_COUNTS];
}

static uint64
database_clears(void)
{
	return pg_atomic_read_u64(clear_count(MyDatabaseId, ALL_NAMESPACES));
}

/* The part of a namespace's keys that clearing changes. */
static uint64
clears_of(Oid database, uint32 name_space)
{
	return pg_atomic_read_u64(clear_count(database, name_space)) +
		pg_atomic_read_u64(clear_count(database, ALL_NAMESPACES));
}

void
cq_namespace_clear_now(uint32 name_space)
{
	pg_atomic_fetch_add_u64(clear_count(MyDatabaseId, name_space), 1);
}

uint64
cq_namespace_clears(uint32 name_space)
{
	return pg_atomic_read_u64(clear_count(MyDatabaseId, name_space));
}

void
cq_database_clear_now(Oid database)
{
	pg_atomic_fetch_add_u64(clear_count(database, ALL_NAMESPACES), 1);
}

/* Put the number of clears behind the other bytes of the key. */
static void
append_clears(CqKey *key, char *to)
{
	uint64		clears = 0;

	if (key->bytes[KEY_SPACE_AT] != CQ_SPACE_NAMESPACE)
		clears = clears_of(MyDatabaseId, key->name_space);
	memcpy(to, &clears, sizeof(clears));
	key->engine.hash = clears == 0 ? key->identity
		: hash_combine64(key->identity, clears);
}

void
cq_key_init(CqKey *key, CqKeySpace space, uint32 name_space,
			const char *bytes, uint32 len)
{
	char	   *to = key->bytes;

	Assert(KEY_SPACE_AT + 1 + len + sizeof(uint64) <= CQ_ENGINE_KEY_MAX);
	memcpy(to, &MyDatabaseId, sizeof(Oid));
	to += sizeof(Oid);
	memcpy(to, &name_space, sizeof(uint32));
	to += sizeof(uint32);
	*to++ = (char) space;
	memcpy(to, bytes, len);
	to += len;
	key->identity = hash_bytes_extended((unsigned char *) key->bytes,
										to - key->bytes, CQ_DEPENDENCY_KEY);
	key->name_space = name_space;
	key->state = space == CQ_SPACE_NAMESPACE ? 0 : cq_namespace_state(name_space);
	key->behind = 0;
	key->engine.bytes = key->bytes;
	key->engine.len = to + sizeof(uint64) - key->bytes;
	key->database_clears = database_clears();
	append_clears(key, to);
}

void
cq_key_refresh(CqKey *key)
{
	if (key->database_clears == database_clears())
		append_clears(key, key->bytes + key->engine.len - sizeof(uint64));
}

bool
cq_key_same(const CqKey *a, const CqKey *b)
{
	return a->identity == b->identity && a->engine.len == b->engine.len &&
		memcmp(a->bytes, b->bytes, a->engine.len - sizeof(uint64)) == 0;
}

void
cq_key_parse(const char *key, uint32 len, CqKeyParts *parts)
{
	uint64		clears;

	memcpy(&parts->database, key, sizeof(Oid));
	memcpy(&parts->name_space, key + sizeof(Oid), sizeof(uint32));
	parts->space = (CqKeySpace) key[sizeof(Oid) + sizeof(uint32)];
	parts->bytes = key + sizeof(Oid) + sizeof(uint32) + 1;
	parts->len = key + len - sizeof(clears) - parts->bytes;
	memcpy(&clears, parts->bytes + parts->len, sizeof(clears));
	parts->reachable = clears == clears_of(parts->database, parts->name_space);
}
