/*-------------------------------------------------------------------------
 *
 * in_flight.c
 *	  Misses whose sets may be in flight.
 *
 * cache_delete marks the slot of its key, so that a value that was read before is not
 * stored afterwards.  A mark needs a transaction id.  When there is no entry, and
 * nobody has missed the key, there is nobody to be refused, and a transaction that
 * does nothing else takes none.
 *
 * For this each slot of keys has a word:
 *
 *	 63								1	0
 *	+----------------------------------+---+
 *	| time of a delete without a mark	| m |	m: there was a miss
 *	+----------------------------------+---+
 *
 * A miss sets m.  A mark clears the word after it was pushed, and before its
 * transaction ends: whoever has missed by then has a view that does not see the
 * transaction, and is refused by the mark.  A delete without a mark writes its time, if
 * m is not set, at the end of its transaction.
 *
 * A later miss may have an earlier snapshot: in REPEATABLE READ, by a cursor.  So it
 * compares the time with the begin of its transaction, before which no snapshot of its
 * own was taken, and if that is not later it counts as one without a view.  Both write
 * to one word, so either the delete sees the miss, or the miss sees the delete.
 *
 * Two keys that share a slot only cost ids and refused sets.  Memory starts empty, also
 * when the cache is kept over a restart: neither misses nor leases nor snapshots are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "cache/age.h"
#include "cache/in_flight.h"
#include "cache/slots.h"
#include "core/faults.h"
#include "core/settings.h"
#include "core/shmem.h"
#include "port/atomics.h"
#include "utils/timestamp.h"

#define CQ_MISSED UINT64CONST(1)

static pg_atomic_uint64 *
word_of(uint32 slot)
{
	return (pg_atomic_uint64 *) CQ_SHARED_PART(in_flight) +
		(slot - cq_slot_of_key(0));
}

Size
cq_in_flight_size(void)
{
	return mul_size(cq_dependency_slots, sizeof(pg_atomic_uint64));
}

/* In the postmaster, once. */
void
cq_in_flight_init(void *mem)
{
	pg_atomic_uint64 *words = mem;

	for (int i = 0; i < cq_dependency_slots; i++)
		pg_atomic_init_u64(&words[i], 0);
}

bool
cq_in_flight_add(uint32 slot)
{
	pg_atomic_uint64 *word = word_of(slot);
	uint64		value = pg_atomic_read_u64(word);

	if ((value & CQ_MISSED) == 0)
		value = pg_atomic_fetch_or_u64(word, CQ_MISSED);
	value >>= 1;
	return value == 0 || CQ_FAULT("no-delete-time") ||
		(!cq_snapshot_imported() &&
		 value < (uint64) GetCurrentTransactionStartTimestamp());
}

bool
cq_in_flight_any(uint32 slot)
{
	return (pg_atomic_read_u64(word_of(slot)) & CQ_MISSED) != 0 &&
		!CQ_FAULT("no-in-flight");
}

bool
cq_in_flight_delete(uint32 slot)
{
	pg_atomic_uint64 *word = word_of(slot);
	uint64		value = pg_atomic_read_u64(word);

	if (CQ_FAULT("no-in-flight"))
		return true;
	do
	{
		if ((value & CQ_MISSED) != 0)
			return false;
	} while (!pg_atomic_compare_exchange_u64(word, &value,
											 (uint64) GetCurrentTimestamp() << 1));
	return true;
}

bool
cq_in_flight_only_deleted(uint32 slot)
{
	uint64		value = pg_atomic_read_u64(word_of(slot));

	return value != 0 && (value & CQ_MISSED) == 0;
}

void
cq_in_flight_marked(uint32 slot)
{
	if (slot >= cq_slot_of_key(0) &&
		slot < cq_slot_of_key(0) + (uint32) cq_dependency_slots)
		pg_atomic_write_u64(word_of(slot), 0);
}
