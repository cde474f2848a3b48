/*-------------------------------------------------------------------------
 *
 * slots.h
 *	  The table of dependency slots; slot.h has a single one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_SLOTS_H
#define CQ_CACHE_SLOTS_H

#include "cache/slot.h"
#include "core/transfer.h"

/* Kind of a dependency; part of the hashed bytes. */
typedef enum CqDependencyKind
{
	CQ_DEPENDENCY_EPOCH = 1,	/* the database itself */
	CQ_DEPENDENCY_TAG,
	CQ_DEPENDENCY_KEY,
	CQ_DEPENDENCY_NAMESPACE,
	CQ_DEPENDENCY_OBJECT		/* a row of a catalog: a function, a type */
} CqDependencyKind;

extern Size cq_slots_size(void);
extern void cq_slots_init(void *mem);

/* Transfer all slots; no other process may use them. */
extern bool cq_slots_transfer(CqTransfer transfer, void *arg);

/*
 * The slot of a dependency.  For a key the caller passes its hash (CqKey.identity),
 * which depends on the database already; the others are hashed here.
 */
extern uint32 cq_slot_of_epoch(Oid database);
extern uint32 cq_slot_of_namespace(Oid database, uint32 name_space);
extern uint32 cq_slot_of_tag(Oid database, const char *tag, Size len);
extern uint32 cq_slot_of_object(Oid database, Oid catalog, Oid object);
extern uint32 cq_slot_of_key(uint64 key_hash);

/* Prefetch a slot that will be read. */
extern void cq_slot_prefetch(uint32 slot);

/* Copy a slot.  Waits for a few instructions of a writer at most. */
extern void cq_slot_read(uint32 slot, CqSlotState *state);

/* Add a mark, see cq_slot_state_push(). */
extern void cq_slot_push(uint32 slot, uint64 writer, bool barrier,
						 const CqView *had_ended);

/*
 * The part of the slots of tags, and of keys, that has been marked since the
 * server started: the probability that a dependency shares its slot.  Estimated
 * from a sample if there are many.
 */
extern void cq_slots_marked(double *tags, double *keys);

#endif							/* CQ_CACHE_SLOTS_H */
