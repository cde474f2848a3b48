/*-------------------------------------------------------------------------
 *
 * scan.h
 *	  Reading the tables into memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_SCAN_H
#define CQ_QUEUE_SCAN_H

#include "queue/collect.h"

/*
 * Load what memory has room for of the unloaded messages, in the order of
 * their numbers.  When somebody else is at it, waits for that instead.	Row
 * not locked.
 */
extern void cq_scan_refill(CqQueueDef *def);

/* Make sure that memory knows what the tables say.  Row not locked. */
extern void cq_scan_first(CqQueueDef *def);

/*
 * Whether the tables have grown by what nobody told us of (a restored dump).
 * If so the row is marked for a scan.  Row not locked.
 */
extern bool cq_scan_check_growth(CqQueueDef *def);

/*
 * ---- For those who read the tables for another purpose than loading.
 */

/*
 * Start a scan: step 1 of the essay in scan.c.  Returns NULL, after it has
 * ended, when somebody else's was running, unless insist is set.  Row not
 * locked.
 */
extern CqScan *cq_scan_begin(CqQueueDef *def, bool insist);

/* Row locked: mark the candidates that are in memory by now. */
extern void cq_scan_mark_in_memory(CqScan *scan, CqQueueRow *row);

/*
 * Row locked: end a scan that loads nothing.  What it took over is unloaded
 * again, but for segment 'except' (-1: none).
 */
extern void cq_scan_give_back(CqQueueRow *row, int except, CqEffects *effects);

/* After an error in a scan; never raises. */
extern void cq_scan_abandon(void);

#endif							/* CQ_QUEUE_SCAN_H */
