/*-------------------------------------------------------------------------
 *
 * transfer.h
 *	  Parts of shared memory that go to a file and come back.
 *
 * One function of a part does both, so that the two cannot differ: it calls
 * the transfer for the same pieces of memory in the same order.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_TRANSFER_H
#define CQ_CORE_TRANSFER_H

/* Write these bytes, or fill them; false when that failed. */
typedef bool (*CqTransfer) (void *bytes, Size len, void *arg);

#endif							/* CQ_CORE_TRANSFER_H */
