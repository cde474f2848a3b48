/*-------------------------------------------------------------------------
 *
 * pending.h
 *	  Operations of the running transaction on the cache, until it commits.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_PENDING_H
#define CQ_CACHE_PENDING_H

#include "cache/engine/engine.h"
#include "cache/key.h"
#include "cache/request.h"
#include "cache/view.h"

typedef enum CqPendingKind
{
	CQ_PENDING_SET,
	CQ_PENDING_DELETE,
	CQ_PENDING_CLEAR,
	CQ_PENDING_NAMESPACE
} CqPendingKind;

typedef struct CqPending
{
	CqPendingKind kind;
	int			level;			/* nesting level of its subtransaction */
	int			previous;		/* on the same key; -1: none */
	CqKey	   *key;
	char	   *value;
	uint32		value_len;
	uint8		type;
	bool		dependent;
	bool		dead;			/* incomplete: an error was raised */
	int64		expires_ms;
	CqView		p;				/* of its miss; owns the list */
	int			nstamps;
	CqStamp    *stamps;			/* as of the set, for reads of this
								 * transaction */
	CqEngineHandle handle;		/* between PRE_COMMIT and COMMIT */
	uint64		quota;			/* for CQ_PENDING_NAMESPACE */
	bool		created;		/* for the same: the namespace is new */
} CqPending;

#define CQ_NAMESPACE_DROPPED PG_UINT64_MAX	/* as a quota */

/*
 * Add a set or a delete.  stamps has one stamp for each slot of the request; p is
 * NULL for a plain entry.  Arguments are copied.  Raise out of memory only.
 */
extern void cq_pending_set(const CqSetRequest *request, const CqView *p,
						   const CqStamp *stamps);
extern void cq_pending_delete(const CqKey *key);

/* Clear a namespace.  _cleared: has this transaction cleared it? */
extern void cq_pending_clear(uint32 name_space);
extern bool cq_pending_cleared(uint32 name_space);

/*
 * Set the memory quota of a namespace, or CQ_NAMESPACE_DROPPED.  created: the
 * namespace is new, and a rollback frees its state.
 */
extern void cq_pending_namespace(uint32 name_space, uint64 quota, bool created);

/* The latest operation on the key, NULL if there is none. */
extern CqPending *cq_pending_find(const CqKey *key);

/*
 * Iterate over the last operation on each key with write-behind (CqKey.behind).
 * *position starts at 0.  Returns NULL at the end.
 */
extern const CqPending *cq_pending_next_behind(int *position);

/*
 * At PRE_COMMIT, before marks are pushed: a transaction without an id has deleted keys
 * that were absent.  If one has been missed meanwhile, it takes an id, and with it its
 * marks are pushed.
 */
extern void cq_pending_take_id(void);

/* Callbacks, from cache/xact.c. */
extern void cq_pending_prepare_all(void);
extern void cq_pending_publish_all(void);

/*
 * The same for two-phase commit: at PRE_PREPARE refuse plain sets of what is
 * deleted, at PREPARE delete it.  The first may raise.
 */
extern void cq_pending_lock_deleted(void);
extern void cq_pending_publish_deletes(void);
extern void cq_pending_subxact_abort(int level);
extern void cq_pending_subxact_commit(int level);
extern void cq_pending_forget(void);

#endif							/* CQ_CACHE_PENDING_H */
