/*-------------------------------------------------------------------------
 *
 * key.h
 *	  Keys of the cache, and clearing of namespaces.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_KEY_H
#define CQ_CACHE_KEY_H

#include "cache/engine/engine.h"

/* Kinds of keys; the byte after database and namespace. */
typedef enum CqKeySpace
{
	CQ_SPACE_USER = 'u',		/* cache_get and cache_set */
	CQ_SPACE_RESULT = 'r',		/* results of queries */
	CQ_SPACE_NAMESPACE = 'n'	/* no entry: a namespace itself */
} CqKeySpace;

/* A key, with space for its bytes. */
typedef struct CqKey
{
	CqEngineKey engine;
	uint64		identity;		/* hash of the key itself; unlike the engine's
								 * it stays when the namespace is cleared */
	uint64		database_clears;	/* how often all namespaces had been */
	uint32		name_space;
	uint16		state;			/* of the namespace; see namespace_states.h */
	char		behind;			/* 0, or the mode of write-behind: sets and
								 * deletes of the key are logged (xact.h) */
	char		bytes[CQ_ENGINE_KEY_MAX];
} CqKey;

/*
 * Build a key of the current database.  The caller has checked the length (see
 * CQ_KEY_BYTES_MAX).  Never raises.
 */
extern void cq_key_init(CqKey *key, CqKeySpace space, uint32 name_space,
						const char *bytes, uint32 len);

/*
 * Its namespace may have been cleared since the key was built: make it the key that is
 * looked up now.  Not if the whole database has been: then it is that of another
 * extension, or of a database that is gone.  Never raises.
 */
extern void cq_key_refresh(CqKey *key);

/* Are they the same apart from that? */
extern bool cq_key_same(const CqKey *a, const CqKey *b);

/* The parts of an engine key's bytes, as cq_key_init has put them together. */
typedef struct CqKeyParts
{
	Oid			database;
	uint32		name_space;
	CqKeySpace	space;
	const char *bytes;			/* points into the key */
	uint32		len;
	bool		reachable;		/* the namespace has not been cleared since */
} CqKeyParts;

extern void cq_key_parse(const char *key, uint32 len, CqKeyParts *parts);

/*
 * Make all entries of a namespace of the current database a miss.  Never raises;
 * may be called at commit.
 */
extern void cq_namespace_clear_now(uint32 name_space);

/* How often that has been done, about: namespaces may share a count. */
extern uint64 cq_namespace_clears(uint32 name_space);

/*
 * Make all entries of a database a miss.  When a database is created, a dropped
 * one with the same OID may have left entries behind.
 */
extern void cq_database_clear_now(Oid database);

#endif							/* CQ_CACHE_KEY_H */
