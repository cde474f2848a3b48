/*-------------------------------------------------------------------------
 *
 * load.h
 *	  Load leases: of many who miss one key, one computes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_LOAD_H
#define CQ_CACHE_LOAD_H

/* How a load ended, or why its waiter goes on. */
typedef enum CqLoadOutcome
{
	CQ_LOAD_FAILED,				/* the holder raised an error or is gone */
	CQ_LOAD_DONE,				/* stored, or not to be stored */
	CQ_LOAD_TIMEOUT				/* still going on */
} CqLoadOutcome;

/* One load of somebody else's; valid for as long as one likes. */
typedef struct CqLoadTicket
{
	uint32		row;
	uint64		round;
} CqLoadTicket;

extern Size cq_load_size(void);
extern void cq_load_init(void *mem);

/*
 * Is somebody loading this key?  If so fills *ticket.  Takes a spinlock for a
 * few instructions; never raises.
 */
extern bool cq_load_find(uint64 key_hash, CqLoadTicket *ticket);

/*
 * Become the loader of this key.  False, and *ticket filled, when somebody
 * else is.  The lease ends with cq_load_end(), which the caller owes also when
 * an error is raised; with the process it ends by itself.  A process holds one
 * at a time, and must hold none.
 */
extern bool cq_load_begin(uint64 key_hash, CqLoadTicket *ticket);

/* End the lease, if this process holds one, and wake who waits for it. */
extern void cq_load_end(CqLoadOutcome outcome);

/*
 * Wait until that load has ended, at the latest until deadline_ms of
 * cq_clock_ms().  Raises when interrupted.  The caller must hold no lease.
 */
extern CqLoadOutcome cq_load_wait(const CqLoadTicket *ticket,
								  int64 deadline_ms);

#endif							/* CQ_CACHE_LOAD_H */
