/*-------------------------------------------------------------------------
 *
 * slots.h
 *	  The table of dependency slots; slots.c explains what a slot is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_SLOTS_H
#define CQ_CACHE_SLOTS_H

#include "core/transfer.h"

#define CQ_SLOT_RING 4

/* A consistent copy of one slot. */
typedef struct CqSlotState
{
	uint64		version;		/* marks received so far */
	uint64		barrier;		/* entries stamped below it always miss */
	uint64		floor;			/* largest writer pushed out of the ring */
	uint64		ring[CQ_SLOT_RING]; /* writer of mark n at [n % RING] */
} CqSlotState;

/* Add a mark to a slot.  The caller has exclusive access to it. */
static inline void
cq_slot_state_push(CqSlotState *state, uint64 writer, bool barrier)
{
	uint64	   *oldest;

	state->version++;
	oldest = &state->ring[state->version % CQ_SLOT_RING];
	if (*oldest > state->floor)
		state->floor = *oldest;
	*oldest = writer;
	if (barrier)
		state->barrier = state->version;
}

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

/*
 * Add a mark: version + 1; the oldest writer of the ring goes to the floor.  With
 * barrier, all entries recorded before are misses for every session.
 */
extern void cq_slot_push(uint32 slot, uint64 writer, bool barrier);

/*
 * The part of the slots of tags, and of keys, that has been marked since the
 * server started: the probability that a dependency shares its slot.  Estimated
 * from a sample if there are many.
 */
extern void cq_slots_marked(double *tags, double *keys);

#endif							/* CQ_CACHE_SLOTS_H */
