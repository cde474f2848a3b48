/*-------------------------------------------------------------------------
 *
 * siphash.h
 *	  SipHash-2-4: a keyed hash that cannot be foretold without its key.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_SIPHASH_H
#define CQ_CORE_SIPHASH_H

/* Allocates nothing and cannot fail: fit for use under a lock. */
extern uint64 cq_siphash(uint64 key0, uint64 key1, const uint8 *bytes, Size n);

#endif							/* CQ_CORE_SIPHASH_H */
