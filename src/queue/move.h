/*-------------------------------------------------------------------------
 *
 * move.h
 *	  Moving stragglers out of segments that are nearly finished.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_MOVE_H
#define CQ_QUEUE_MOVE_H


/*
 * In the worker, outside a transaction: move the unclaimed messages of segments
 * of which few are left to the current one.
 */
extern void cq_move_stragglers(int32 queue_id);

#endif							/* CQ_QUEUE_MOVE_H */
