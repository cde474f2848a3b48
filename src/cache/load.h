/*-------------------------------------------------------------------------
 *
 * load.h
 *	  Load leases: of many sessions that miss one key, one computes the value.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_LOAD_H
#define CQ_CACHE_LOAD_H

/* How a load ended, or why the waiter stops waiting. */
typedef enum CqLoadOutcome
{
	CQ_LOAD_FAILED,				/* the holder raised an error or exited */
	CQ_LOAD_DONE,				/* stored, or decided not to be */
	CQ_LOAD_TIMEOUT				/* not ended yet */
} CqLoadOutcome;

/* A load of another session; stays valid when that has ended. */
typedef struct CqLoadTicket
{
	uint32		load;
	uint64		round;
} CqLoadTicket;

extern Size cq_load_size(void);
extern void cq_load_init(void *mem);

/*
 * Is another session loading this key?  If so, fills *ticket.  Takes a spinlock
 * for a few instructions; never raises.
 */
extern bool cq_load_find(uint64 key_hash, CqLoadTicket *ticket);

/*
 * Take the lease to load this key.  If another session has it, fills *ticket and
 * returns false.  The caller ends the lease by cq_load_end(), also after an error;
 * process exit ends it, too.  The caller must not hold another lease.
 */
extern bool cq_load_begin(uint64 key_hash, CqLoadTicket *ticket);

/* End the lease of this process, if any, and wake its waiters. */
extern void cq_load_end(CqLoadOutcome outcome);

/*
 * Wait until the load has ended, or until deadline_ms of cq_clock_ms().  Raises
 * when interrupted.  The caller must not hold a lease.
 */
extern CqLoadOutcome cq_load_wait(const CqLoadTicket *ticket,
								  int64 deadline_ms);

#endif							/* CQ_CACHE_LOAD_H */
