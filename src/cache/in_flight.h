/*-------------------------------------------------------------------------
 *
 * in_flight.h
 *	  Misses whose sets may be in flight.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_IN_FLIGHT_H
#define CQ_CACHE_IN_FLIGHT_H

extern Size cq_in_flight_size(void);
extern void cq_in_flight_init(void *mem);

/*
 * A miss of a key of this slot is remembered, or gets a lease.  False if the snapshot
 * of the running statement may be older than a delete that has left no mark: then nothing
 * that is read under it may be stored.
 */
extern bool cq_in_flight_add(uint32 slot);

/* Has there been a miss since the slot's last mark? */
extern bool cq_in_flight_any(uint32 slot);

/*
 * A key of the slot is deleted without a mark.  False, and nothing is done, if there
 * has been a miss since the slot's last mark: then it takes one.
 */
extern bool cq_in_flight_delete(uint32 slot);

/*
 * Was there such a delete, and no miss since?  Then a lease that is used for a key of
 * the slot was not given for a miss of it, and may be older.
 */
extern bool cq_in_flight_only_deleted(uint32 slot);

/*
 * The slot has a new mark, of a transaction that is still running.  Any slot; never
 * raises.
 */
extern void cq_in_flight_marked(uint32 slot);

#endif							/* CQ_CACHE_IN_FLIGHT_H */
