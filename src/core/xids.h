/*-------------------------------------------------------------------------
 *
 * xids.h
 *	  Prepared transactions that shared memory waits for, and which have ended.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_XIDS_H
#define CQ_CORE_XIDS_H

#include "access/transam.h"

/* looked at in one batch */
#define CQ_XIDS_MAX 64

typedef struct CqXid
{
	TransactionId xid;
	bool		ended;
	bool		committed;
} CqXid;

/*
 * A batch of transactions, in the order of their ids, each once.  Zero it for the
 * first one: then note, decide, and do what follows, until cq_xids_next() says that
 * there are no more.
 */
typedef struct CqXids
{
	TransactionId above;		/* those up to this one have been looked at */
	int			n;
	CqXid		xids[CQ_XIDS_MAX];
} CqXids;

/* Note an id, of which the batch keeps the lowest; fit for a lock held. */
extern void cq_xids_note(CqXids *batch, TransactionId xid);

/* Find out which have ended; returns whether any has.  No lock held. */
extern bool cq_xids_decide(CqXids *batch);

/* The transaction of the batch by that id, if it has ended; else NULL. */
extern const CqXid *cq_xids_find(const CqXids *batch, TransactionId xid);

/* Empty the batch; false when all have been looked at. */
extern bool cq_xids_next(CqXids *batch);

#endif							/* CQ_CORE_XIDS_H */
