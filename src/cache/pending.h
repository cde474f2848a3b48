/*-------------------------------------------------------------------------
 *
 * pending.h
 *	  Sets and deletes of the running transaction, until it commits.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_PENDING_H
#define CQ_CACHE_PENDING_H

#include "cache/cache.h"

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
	int			level;			/* of the subtransaction it belongs to */
	int			previous;		/* earlier one of the same key, -1: none */
	CqKey	   *key;
	char	   *value;
	uint32		value_len;
	uint8		type;
	bool		dependent;
	bool		dead;			/* refused meanwhile */
	int64		expires_ms;
	uint64		change;			/* own-change counter of its miss */
	CqView		p;				/* list copied */
	int			nstamps;
	CqStamp    *stamps;			/* as of the set, for own reads */
	CqEngineHandle handle;		/* between PRE_COMMIT and COMMIT */
	uint64		quota;			/* of CQ_PENDING_NAMESPACE */
	bool		created;		/* the same: the namespace is new */
} CqPending;

#define CQ_NAMESPACE_DROPPED PG_UINT64_MAX

/*
 * Add a set (stamps: one per slot of the request, as judged now; p NULL for a
 * plain one) or a delete.  All is copied.
 */
extern void cq_pending_set(const CqSetRequest *request, const CqView *p,
						   uint64 change, const CqStamp *stamps);
extern void cq_pending_delete(const CqKey *key);

/* Clear a namespace.  Has it been cleared by this transaction? */
extern void cq_pending_clear(uint32 name_space);
extern bool cq_pending_cleared(uint32 name_space);

/*
 * The namespace has got that memory quota, or CQ_NAMESPACE_DROPPED.  created:
 * it is new, and a rollback gives back the row it may have been used with.
 */
extern void cq_pending_namespace(uint32 name_space, uint64 quota, bool created);

/* The latest operation on the key, NULL if there is none. */
extern CqPending *cq_pending_find(const CqKey *key);

/*
 * Of the keys that a table follows (CqKey.behind), the last operation of each,
 * one after the other; *position starts at 0.  NULL: no more.
 */
extern const CqPending *cq_pending_next_behind(int *position);

/* Callbacks, from cache/xact.c. */
extern void cq_pending_prepare_all(void);
extern void cq_pending_publish_all(void);
extern void cq_pending_subxact_abort(int level);
extern void cq_pending_subxact_commit(int level);
extern void cq_pending_forget(void);

#endif							/* CQ_CACHE_PENDING_H */
