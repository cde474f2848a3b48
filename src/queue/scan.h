/*-------------------------------------------------------------------------
 *
 * scan.h
 *	  Reading the tables into memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_SCAN_H
#define CQ_SCAN_H

#include "queue/definition.h"

/*
 * Load what memory has room for of the unloaded messages, in the order of
 * their numbers.  When somebody else is at it, waits for that instead.	Row
 * not locked.
 */
extern void cq_scan_refill(CqQueueDef *def);

/* Row locked: whether a scan would bring messages that can be delivered now. */
extern bool cq_scan_due(const CqQueueRow *row);

/*
 * Whether the tables have grown by what nobody told us of (a restored dump).
 * If so the row is marked for a scan.  Row not locked.
 */
extern bool cq_scan_check_growth(CqQueueDef *def);

/*
 * Acknowledge, in this transaction, everything that is committed and not in
 * flight.  Returns the number of messages.
 */
extern int64 cq_queue_purge_all(CqQueueDef *def);

/* After an error in a scan; never raises. */
extern void cq_scan_abandon(void);

#endif							/* CQ_SCAN_H */
