/*-------------------------------------------------------------------------
 *
 * keys.c
 *	  Keys of a queue that are remembered for a time.
 *
 *	cq.q<queue>_k0, cq.q<queue>_k1	(key, msg_id, until), an index on the
 *									first two
 *
 *	key 'd' and a deduplication key		until the end of its window
 *	key 'o' and a consumer's name		'infinity': until the message is settled
 *
 * The first session that claims a key takes a heavyweight lock on its hash, kept
 * until its transaction ends, also a prepared one.  So a second session waits, and
 * the deadlock detector sees it; after the wait the tables show whether the first
 * transaction has committed.  They are read as of that moment, at every isolation
 * level.
 *
 * As everywhere in a queue, rows are only appended.  New keys go to one of the
 * two tables.	When it has been used for the length of the window, the worker
 * copies what is still needed from the other one (little: all of it is older
 * than that), truncates it when no snapshot is left that does not see the
 * copies, and changes over.  Until then keys are in both, which does no harm.  A
 * look-up locks both tables before it reads one of them, so no key is between
 * them meanwhile.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_collation.h"
#include "common/hashfn.h"
#include "core/catalog.h"
#include "core/clock.h"
#include "core/faults.h"
#include "core/locktags.h"
#include "core/pair.h"
#include "core/step.h"
#include "miscadmin.h"
#include "queue/dispatch/backlog.h"
#include "queue/dispatch/entry.h"
#include "queue/keys.h"
#include "queue/open.h"
#include "queue/wake.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define COLUMN_KEY 1
#define COLUMN_MSG_ID 2
#define COLUMN_UNTIL 3
#define COLUMNS 3

#define KIND_DEDUP 'd'
#define KIND_ONCE 'o'

/* a table that is needed, or used, is looked at again after that */
#define KEYS_RETRY_MS 1000

/* the kind, then the text */
static text *
make_key(char kind, const text *of)
{
	int			bytes = VARSIZE_ANY_EXHDR(of);
	text	   *key = palloc(VARHDRSZ + 1 + bytes);

	SET_VARSIZE(key, VARHDRSZ + 1 + bytes);
	VARDATA(key)[0] = kind;
	memcpy(VARDATA(key) + 1, VARDATA_ANY(of), bytes);
	return key;
}

/* Until the end of the transaction. */
static void
lock_key(const CqQueueDef *def, const text *key, uint64 seed)
{
	uint64		hash = DatumGetUInt64(hash_any_extended((unsigned char *) VARDATA(key),
														VARSIZE(key) - VARHDRSZ,
														seed + def->queue_id));

	(void) cq_lock(CQ_LOCK_DEDUP_KEY, (uint32) (hash >> 32), (uint32) hash, ExclusiveLock, true);
}

/* Look for the key in one table; msg_id 0: any. */
static int64
find_in(Relation rel, Oid index, const text *key, int64 msg_id, TimestampTz now)
{
	SysScanDesc scan;
	ScanKeyData scankeys[2];
	HeapTuple	tuple;
	int64		found = 0;

	ScanKeyEntryInitialize(&scankeys[0], 0, COLUMN_KEY, BTEqualStrategyNumber,
						   InvalidOid, C_COLLATION_OID, F_TEXTEQ,
						   PointerGetDatum(key));
	ScanKeyInit(&scankeys[1], COLUMN_MSG_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(msg_id));
	scan = systable_beginscan(rel, index, true, SnapshotSelf, msg_id == 0 ? 1 : 2, scankeys);
	while (found == 0 && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		int64		id = DatumGetInt64(heap_getattr(tuple, COLUMN_MSG_ID,
													RelationGetDescr(rel), &isnull));

		if (DatumGetTimestampTz(heap_getattr(tuple, COLUMN_UNTIL,
											 RelationGetDescr(rel), &isnull)) > now)
			found = id;
	}
	systable_endscan(scan);
	return found;
}

/* Look for it in both. */
static int64
find(const CqQueueDef *def, const text *key, int64 msg_id)
{
	Relation	rels[CQ_KEY_TABLES];
	TimestampTz now = GetCurrentTimestamp();
	int64		found = 0;

	for (int k = 0; k < CQ_KEY_TABLES; k++)
		rels[k] = table_open(def->keys[k], AccessShareLock);
	for (int k = 0; k < CQ_KEY_TABLES && found == 0; k++)
	{
		if (RelationGetNumberOfBlocks(rels[k]) > 0)
			found = find_in(rels[k], def->key_indexes[k], key, msg_id, now);
	}
	for (int k = 0; k < CQ_KEY_TABLES; k++)
		table_close(rels[k], AccessShareLock);
	return found;
}

static void
insert(Relation rel, Datum key, int64 msg_id, TimestampTz until)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {0};
	HeapTuple	tuple;

	values[COLUMN_KEY - 1] = key;
	values[COLUMN_MSG_ID - 1] = Int64GetDatum(msg_id);
	values[COLUMN_UNTIL - 1] = TimestampTzGetDatum(until);
	tuple = heap_form_tuple(RelationGetDescr(rel), values, nulls);
	CatalogTupleInsert(rel, tuple);
	heap_freetuple(tuple);
}

/* The table that new keys go to; it will be left after the window. */
static int
current_table(CqQueueDef *def)
{
	CqQueueState *queue = cq_queue_lock(def, LW_EXCLUSIVE);
	CqEffects	effects = {0};
	int			current = queue->keys_current;
	int64		leave_ms = cq_clock_ms() + Max(queue->options.dedup_window_ms, KEYS_RETRY_MS);

	if ((queue->wants & CQ_WANT_KEYS) == 0 || leave_ms < queue->keys_ms)
	{
		queue->keys_ms = leave_ms;
		cq_dispatch_want(queue, CQ_WANT_KEYS, queue->keys_ms, &effects);
	}
	cq_queue_unlock(queue, &effects);
	return current;
}

/*
 * Lock the table that new keys go to.  Another one may take its turn before the
 * lock is held; from then on it is not copied before the transaction ends.
 */
static Relation
open_current(CqQueueDef *def)
{
	for (;;)
	{
		int			k = current_table(def);
		Relation	rel = table_open(def->keys[k], RowExclusiveLock);
		CqQueueState *queue = cq_queue_lock(def, LW_SHARED);
		bool		same = queue->keys_current == k;

		LWLockRelease(&queue->lock);
		if (same)
			return rel;
		table_close(rel, RowExclusiveLock);
	}
}

/* Claim a key; returns the number that it stands for already, or 0. */
static int64
claim(CqQueueDef *def, const text *key, int64 msg_id, int64 wanted, TimestampTz until)
{
	int64		earlier = find(def, key, wanted);
	Relation	rel;

	if (earlier != 0)
		return earlier;
	rel = open_current(def);
	insert(rel, PointerGetDatum(key), msg_id, until);
	table_close(rel, NoLock);

	/* seen by the next claim in this transaction */
	CommandCounterIncrement();
	return 0;
}

int64
cq_key_claim_dedup(CqQueueDef *def, const text *dedup_key, int64 number)
{
	text	   *key = make_key(KIND_DEDUP, dedup_key);

	if (!CQ_FAULT("queue-no-key-lock"))
		lock_key(def, key, 0);
	return claim(def, key, number, 0,
				 GetCurrentTimestamp() + def->options.dedup_window_ms * 1000);
}

bool
cq_key_claim_once(CqQueueDef *def, const text *consumer, int64 msg_id)
{
	text	   *key = make_key(KIND_ONCE, consumer);

	PreventCommandIfReadOnly("queue_once()");
	PreventCommandIfParallelMode("queue_once()");
	if (!CQ_FAULT("queue-no-key-lock"))
		lock_key(def, key, (uint64) msg_id << 32);
	return claim(def, key, msg_id, msg_id, DT_NOEND) == 0;
}

/* ---- rotation -------------------------------------------------------- */

static int
compare_ids(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return (x > y) - (x < y);
}

/*
 * Numbers of the unsettled messages, sorted; -1 when they are not all in
 * memory.
 */
static int64
read_unsettled(CqQueueDef *def, int64 **ids)
{
	uint32		capacity = 0;

	*ids = NULL;
	for (;;)
	{
		CqQueueState *queue = cq_queue_lock(def, LW_SHARED);
		uint32		entries = cq_dispatch_entries(queue);
		bool		all = cq_backlog_is_empty(queue) && queue->backlog.open.n == 0;
		int64		n = 0;

		if (all && entries <= capacity)
		{
			for (int state = CQ_MSG_OPEN; state < CQ_MSG_SETTLED; state++)
			{
				for (uint32 i = cq_entries_first(queue, state); i != CQ_NONE;
					 i = cq_entries_next(queue, i))
					(*ids)[n++] = CQ_MSG(i)->msg_id;
			}
		}
		LWLockRelease(&queue->lock);
		if (!all)
			return -1;
		if (entries <= capacity)
		{
			qsort(*ids, n, sizeof(int64), compare_ids);
			return n;
		}
		capacity = entries + 256;
		*ids = palloc(capacity * sizeof(int64));
	}
}

/* A key that is still needed. */
typedef struct Survivor
{
	Datum		key;
	int64		msg_id;
	TimestampTz until;
} Survivor;

/*
 * Find what is still needed of the table, which no session writes to.  Returns how
 * much, or -1 when it is too much to be copied.
 */
static int64
read_survivors(CqQueueDef *def, Relation rel, Survivor **survivors)
{
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TableScanDesc scan = table_beginscan_strat(rel, SnapshotSelf, 0, NULL, true, false);
	TimestampTz now = GetCurrentTimestamp();
	int64	   *ids;
	int64		nids = read_unsettled(def, &ids);
	int64		capacity = 256;
	int64		n = 0;
	int64		seen = 0;

	*survivors = palloc(capacity * sizeof(Survivor));
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		Survivor	s;
		text	   *key;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		seen++;
		key = DatumGetTextPP(slot->tts_values[COLUMN_KEY - 1]);
		s.msg_id = DatumGetInt64(slot->tts_values[COLUMN_MSG_ID - 1]);
		s.until = DatumGetTimestampTz(slot->tts_values[COLUMN_UNTIL - 1]);
		if (s.until <= now)
			continue;
		if (VARDATA_ANY(key)[0] == KIND_ONCE && nids >= 0 &&
			bsearch(&s.msg_id, ids, nids, sizeof(int64), compare_ids) == NULL)
			continue;
		s.key = PointerGetDatum(DatumGetTextPCopy(PointerGetDatum(key)));
		if (n == capacity)
		{
			capacity *= 2;
			*survivors = repalloc_huge(*survivors, capacity * sizeof(Survivor));
		}
		(*survivors)[n++] = s;
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	return (n > 1000 && n > seen / 2) ? -1 : n;
}

/* Which table to empty, and the other one, which new keys go to. */
typedef struct Emptied
{
	CqQueueDef *def;
	int			k;
	int			to;
} Emptied;

/* Copy the keys that are still needed; false when that is most of them. */
static bool
copy_survivors(void *arg)
{
	const Emptied *emptied = arg;
	const Oid  *keys = emptied->def->keys;
	Relation	rel = table_open(keys[emptied->k], NoLock);
	Survivor   *survivors;
	int64		n = read_survivors(emptied->def, rel, &survivors);

	table_close(rel, NoLock);
	if (n > 0)
	{
		rel = table_open(keys[emptied->to], RowExclusiveLock);
		for (int64 j = 0; j < n; j++)
			insert(rel, survivors[j].key, survivors[j].msg_id, survivors[j].until);
		table_close(rel, NoLock);
	}
	return n >= 0;
}

/* A step towards an empty table k; *copied: the mark, if that has been done. */
static CqPairResult
rotate(CqQueueDef *def, int k, int to, FullTransactionId *copied)
{
	Emptied		emptied = {.def = def,.k = k,.to = to};
	CqPairTable table = {
		.relid = def->keys[k],
		.name = psprintf("q%d_k%d", def->queue_id, k),
		.catalog = "queue",
		.copy = copy_survivors,
		.arg = &emptied
	};

	return cq_pair_empty(&table, copied);
}

/* After the transaction: what became of table k. */
static void
note_result(CqQueueDef *def, int k, CqPairResult result, FullTransactionId copied,
			bool used)
{
	CqQueueState *queue = cq_queue_lock_if_same(def, LW_EXCLUSIVE);
	int64		wait_ms;

	if (queue == NULL)
		return;
	wait_ms = Max(queue->options.dedup_window_ms, KEYS_RETRY_MS);
	if (result == CQ_PAIR_EMPTY)
	{
		copied = InvalidFullTransactionId;
		if (used)
			queue->keys_current = k;
	}
	else if (FullTransactionIdIsValid(copied))
		wait_ms = KEYS_RETRY_MS;
	queue->keys_copied = U64FromFullTransactionId(copied);
	queue->wants &= ~CQ_WANT_KEYS;
	if (used || result != CQ_PAIR_EMPTY)
		queue->wants |= CQ_WANT_KEYS;
	queue->keys_ms = cq_clock_ms() + wait_ms;
	LWLockRelease(&queue->lock);
}

/* The next step of the queue's rotation, in a transaction. */
static CqPairResult
rotate_step(int32 queue_id)
{
	CqQueueDef *def;
	CqQueueState *queue;
	FullTransactionId copied;
	CqPairResult result = CQ_PAIR_NOT_YET;
	bool		used;
	int			current;

	cq_step_start();
	def = cq_queue_by_id(queue_id);
	if (def == NULL)
	{
		cq_step_commit();
		return CQ_PAIR_NOT_YET;
	}
	def = cq_queue_open(def->name, CQ_QUEUE_NONE);
	queue = cq_queue_lock(def, LW_SHARED);
	current = queue->keys_current;
	copied = FullTransactionIdFromU64(queue->keys_copied);
	LWLockRelease(&queue->lock);

	result = rotate(def, 1 - current, current, &copied);
	used = !cq_table_is_empty(def->keys[current]);
	cq_step_commit();
	note_result(def, 1 - current, result, copied, used);
	return result;
}

void
cq_keys_rotate(int32 queue_id)
{
	if (rotate_step(queue_id) == CQ_PAIR_COPIED)
		(void) rotate_step(queue_id);
}
