/*-------------------------------------------------------------------------
 *
 * slots.c
 *	  The table of dependency slots: which transactions changed what, and in
 *	  which order.
 *
 * A dependent entry depends on its key, its tags, its namespace and its database's
 * epoch.  Each of these hashes to a slot of a fixed table.  A transaction that
 * changes a dependency pushes its id to the slot before it commits; gets and sets
 * compare the ids with snapshots (visibility.c).  Slots are never freed, resized
 * or evicted, so an invalidation cannot be forgotten.  Two dependencies that share
 * a slot only cost additional misses.
 *
 * One slot is one cache line:
 *
 *	 0     8         16     24      32                        64
 *	+-----+---------+------+-------+------+------+------+------+
 *	| seq | barrier | base | spans | ring[0] ..     .. ring[3] |
 *	+-----+---------+------+-------+------+------+------+------+
 *
 * seq is twice the number of marks; slot.c explains the others.
 *
 * The table has three regions, so that a busy tag never shares a slot with an
 * epoch, a namespace or a key:
 *
 *	| CQ_EPOCH_SLOTS | n tags | n keys |    n = dependency_slots
 *
 * Locking: a slot is a line (core/line.h).
 *
 * A slot starts with version 0 and an empty ring.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/slots.h"
#include "common/hashfn.h"
#include "core/line.h"
#include "core/settings.h"
#include "core/shmem.h"

#define CQ_EPOCH_SLOTS 256

/* slots that cq_slots_marked() reads at most */
#define CQ_SLOTS_SAMPLED 65536

/* to be increased with any change of the hashes */
#define CQ_DEPENDENCY_HASH_VERSION 1

StaticAssertDecl(sizeof(CqSlotState) - offsetof(CqSlotState, barrier) ==
				 CQ_LINE_WORDS * sizeof(uint64),
				 "a slot is a line");

static inline CqLine *
slot_at(uint32 slot)
{
	Assert(slot < CQ_EPOCH_SLOTS + 2 * (uint32) cq_dependency_slots);
	return (CqLine *) CQ_SHARED_PART(slots) + slot;
}

Size
cq_slots_size(void)
{
	return mul_size(CQ_EPOCH_SLOTS + 2 * (Size) cq_dependency_slots,
					sizeof(CqLine));
}

void
cq_slots_init(void *mem)
{
	for (uint32 i = 0; i < CQ_EPOCH_SLOTS + 2 * (uint32) cq_dependency_slots; i++)
		cq_line_init((CqLine *) mem + i);
}

bool
cq_slots_transfer(CqTransfer transfer, void *arg)
{
	return transfer(CQ_SHARED_PART(slots), cq_slots_size(), arg);
}

static uint64
dependency_hash(Oid database, CqDependencyKind kind, const char *bytes, Size len)
{
	uint64		seed;

	seed = ((uint64) database << 32) |
		((uint64) CQ_DEPENDENCY_HASH_VERSION << 8) | kind;
	return hash_bytes_extended((const unsigned char *) bytes, (int) len, seed);
}

uint32
cq_slot_of_epoch(Oid database)
{
	return dependency_hash(database, CQ_DEPENDENCY_EPOCH, "", 0) %
		CQ_EPOCH_SLOTS;
}

uint32
cq_slot_of_namespace(Oid database, uint32 name_space)
{
	return dependency_hash(database, CQ_DEPENDENCY_NAMESPACE,
						   (char *) &name_space, sizeof(name_space)) %
		CQ_EPOCH_SLOTS;
}

uint32
cq_slot_of_tag(Oid database, const char *tag, Size len)
{
	return CQ_EPOCH_SLOTS +
		dependency_hash(database, CQ_DEPENDENCY_TAG, tag, len) %
		(uint32) cq_dependency_slots;
}

uint32
cq_slot_of_object(Oid database, Oid catalog, Oid object)
{
	Oid			address[2] = {catalog, object};

	return CQ_EPOCH_SLOTS +
		dependency_hash(database, CQ_DEPENDENCY_OBJECT, (char *) address,
						sizeof(address)) % (uint32) cq_dependency_slots;
}

uint32
cq_slot_of_key(uint64 key_hash)
{
	return CQ_EPOCH_SLOTS + (uint32) cq_dependency_slots +
		key_hash % (uint32) cq_dependency_slots;
}

void
cq_slot_prefetch(uint32 slot)
{
#if defined(__GNUC__)
	__builtin_prefetch(slot_at(slot));
#endif
}

void
cq_slot_read(uint32 slot, CqSlotState *state)
{
	state->version = cq_line_read(slot_at(slot), &state->barrier) / 2;
}

void
cq_slot_push(uint32 slot, uint64 writer, bool barrier, const CqView *had_ended)
{
	CqLine	   *line = slot_at(slot);
	CqSlotState state;
	uint64		seq;

	do
	{
		seq = cq_line_read(line, &state.barrier);
		state.version = seq / 2;
		cq_slot_state_push(&state, writer, barrier, had_ended);
	} while (!cq_line_write(line, &state.barrier, seq));
}

/* The part of n slots, beginning at the first one, that has been marked. */
static double
part_marked(uint32 first, uint32 n)
{
	uint32		step = n / CQ_SLOTS_SAMPLED + 1;
	uint32		looked_at = 0;
	uint32		marked = 0;

	for (uint32 i = 0; i < n; i += step)
	{
		marked += pg_atomic_read_u64(&slot_at(first + i)->seq) != 0;
		looked_at++;
	}
	return (double) marked / looked_at;
}

void
cq_slots_marked(double *tags, double *keys)
{
	uint32		n = cq_dependency_slots;

	*tags = part_marked(CQ_EPOCH_SLOTS, n);
	*keys = part_marked(CQ_EPOCH_SLOTS + n, n);
}
