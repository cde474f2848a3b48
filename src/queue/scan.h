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
 * their numbers.  When another session is at it, waits for that instead.  Queue
 * not locked.
 */
extern void cq_scan_refill(CqQueueDef *def);

/* Make sure that memory knows what the tables say.  Queue not locked. */
extern void cq_scan_first(CqQueueDef *def);

/*
 * Whether the tables have grown without a send (a restored dump).
 * If so the queue is marked for a scan.  Queue not locked.
 */
extern bool cq_scan_check_growth(CqQueueDef *def);

/*
 * ---- For callers that read the tables for another purpose than loading.
 */

/*
 * Start a scan: step 1 of the essay in scan.c.  Returns NULL, after it has
 * ended, when another session's was running, unless insist is set.  Queue not
 * locked.
 */
extern CqScan *cq_scan_begin(CqQueueDef *def, bool insist);

/* Queue locked: mark the candidates that are in memory by now. */
extern void cq_scan_mark_in_memory(CqScan *scan, CqQueueState *queue);

/*
 * Queue locked: end a scan that loads nothing.  What it took over is unloaded
 * again, but for segment 'except' (-1: none).
 */
extern void cq_scan_give_back(CqQueueState *queue, int except, CqEffects *effects);

/* After an error in a scan; never raises. */
extern void cq_scan_abandon(void);

#endif							/* CQ_QUEUE_SCAN_H */
