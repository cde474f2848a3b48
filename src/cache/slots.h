/*-------------------------------------------------------------------------
 *
 * slots.h
 *	  The table of dependency slots; what a slot is stands in slots.c.
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

/* What a mark does to a slot; the caller has it for itself. */
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

/* What a dependency stands for; part of the hashed bytes. */
typedef enum CqDependencyKind
{
	CQ_DEPENDENCY_EPOCH = 1,	/* the database itself */
	CQ_DEPENDENCY_TAG,
	CQ_DEPENDENCY_KEY,
	CQ_DEPENDENCY_NAMESPACE
} CqDependencyKind;

extern Size cq_slots_size(void);
extern void cq_slots_init(void *mem);

/* All of them, when nobody uses them. */
extern bool cq_slots_transfer(CqTransfer transfer, void *arg);

/*
 * The slot of a dependency.  A key's bytes name its database already, so its
 * hash is that of the engine; the others are hashed here.
 */
extern uint32 cq_slot_of_epoch(Oid database);
extern uint32 cq_slot_of_namespace(Oid database, uint32 name_space);
extern uint32 cq_slot_of_tag(Oid database, const char *tag, Size len);
extern uint32 cq_slot_of_key(uint64 key_hash);

/* Have the processor fetch a slot that is going to be read. */
extern void cq_slot_prefetch(uint32 slot);

/* Copy a slot.  Never waits for more than a few instructions of a writer. */
extern void cq_slot_read(uint32 slot, CqSlotState *state);

/*
 * Mark: version + 1, the oldest writer falls into the floor.  With barrier,
 * everything recorded before is a miss for everybody.
 */
extern void cq_slot_push(uint32 slot, uint64 writer, bool barrier);

/*
 * Which part of the slots of tags, and of keys, has been marked since the
 * server started: the chance that a dependency shares its slot.  From a sample
 * when there are many.
 */
extern void cq_slots_marked(double *tags, double *keys);

#endif							/* CQ_CACHE_SLOTS_H */
