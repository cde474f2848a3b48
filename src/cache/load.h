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
	CQ_LOAD_FAILED,				/* the holder was interrupted: try again */
	CQ_LOAD_DONE,				/* stored */
	CQ_LOAD_USELESS,			/* what it computed cannot be kept */
	CQ_LOAD_TIMEOUT,			/* not ended yet */
	CQ_LOAD_DEADLOCK			/* it waits for this process */
} CqLoadOutcome;

#define CQ_LOAD_WAIT_FOREVER (-1)

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
 * Wait until the load has ended, at most limit_ms or CQ_LOAD_WAIT_FOREVER.  Every
 * deadlock_timeout it finds out whether the holder waits for this process.  Raises
 * when interrupted; then the caller calls cq_load_end().  It must not hold a lease.
 */
extern CqLoadOutcome cq_load_wait(const CqLoadTicket *ticket, int64 limit_ms);

/*
 * Remember for a while that values of this key cannot be kept, or (useful) forget
 * it.  _useless: is that known of this key?  Two keys may be confused.
 */
extern void cq_load_note(uint64 key_hash, bool useful, int64 for_ms);
extern bool cq_load_useless(uint64 key_hash);

#endif							/* CQ_CACHE_LOAD_H */
