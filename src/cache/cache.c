/*-------------------------------------------------------------------------
 *
 * cache.c
 *	  The cache as one transaction sees it.
 *
 * Puts together the engine (bytes), the slots (who changed what), the rules
 * (judge.c) and what the running transaction holds back (local.c, pending.c,
 * misses.c).  docs/internals/consistency.md tells the whole story.
 *
 * Two kinds of entries live side by side.  A *plain* entry was stored without
 * tags, miss or lease; it consults no slot, and the last writer wins.  A
 * *dependent* entry carries a stamp for its epoch, its key and each tag, and
 * is judged at every read.
 *
 * F0 is the next transaction id when the server came out of recovery, or a
 * little later; it stays when the cache is kept over a restart (warm.c).
 * Transactions below it may have changed data without a mark that we know of
 * (before a crash; prepared before a start with an empty cache; replayed during
 * recovery), so nothing dependent is stored or served under a snapshot whose
 * xmin is below F0.
 *
 * Lock order: none.  No lock of this module is held while another is taken.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "cache/cache.h"
#include "cache/hot_keys.h"
#include "cache/marks.h"
#include "cache/misses.h"
#include "cache/namespace_states.h"
#include "cache/pending.h"
#include "cache/visibility.h"
#include "cache/xact.h"
#include "common/hashfn.h"
#include "core/clock.h"
#include "core/compat.h"
#include "core/dbworker.h"
#include "core/faults.h"
#include "core/settings.h"
#include "core/shmem.h"
#include "miscadmin.h"
#include "storage/lwlock.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#define CQ_CLEAR_COUNTS 1024
#define ALL_NAMESPACES PG_UINT32_MAX

typedef struct CqCacheShared
{
	pg_atomic_uint64 f0;		/* 0: not known yet */
	uint64		lease_salt;		/* of this server start; constant */
	int			tranche;		/* constant */

	/*
	 * When the maintenance worker will look for expired entries, 0 if it has
	 * nothing planned.  Only ever lowered by others than the worker.
	 */
	pg_atomic_uint64 planned_expiry_ms;

	/*
	 * How often a namespace has been cleared, by hash of database and
	 * namespace: part of its keys, so that what was stored before is not
	 * found any more and goes with time.  Sharing only costs extra misses.
	 * ALL_NAMESPACES of a database are cleared when it is created.
	 */
	pg_atomic_uint64 clears[CQ_CLEAR_COUNTS];
} CqCacheShared;

/*
 * A lease: 0 | salt (23 bits) | xmin - F0 + 1 (40 bits).  The last part is 0
 * when the lease can never be honoured.
 */
#define CQ_LEASE_XID_BITS 40
#define CQ_LEASE_XID_MAX ((UINT64CONST(1) << CQ_LEASE_XID_BITS) - 1)
#define CQ_LEASE_SALT_MASK UINT64CONST(0x7fffff)

static CqCacheShared *shared = NULL;
static CqEngine *engine = NULL;

/* what was read last: stamps, then the value */
static char *read_buffer = NULL;
static Size read_buffer_size = 0;

#define READ_BUFFER_INITIAL 8192
#define READ_BUFFER_KEPT (256 * 1024)

Size
cq_cache_shmem_size(void)
{
	return sizeof(CqCacheShared);
}

void
cq_cache_start_empty(void)
{
	pg_atomic_init_u64(&shared->f0, 0);
	pg_atomic_init_u64(&shared->planned_expiry_ms, 0);
	for (int i = 0; i < CQ_CLEAR_COUNTS; i++)
		pg_atomic_init_u64(&shared->clears[i], 0);
	cq_slots_init(CQ_SHARED_PART(slots));
	cq_namespace_rows_init(CQ_SHARED_PART(namespaces), shared->tranche);
	engine = cq_engine_init(CQ_SHARED_PART(engine),
							(Size) cq_cache_memory_kb * 1024, shared->tranche);
}

/* In the postmaster, once; lays out the other parts of the cache, too. */
void
cq_cache_shmem_init(void *mem)
{
	shared = mem;
	memset(shared, 0, sizeof(*shared));
	if (!pg_strong_random(&shared->lease_salt, sizeof(shared->lease_salt)))
		elog(FATAL, "could not get random numbers for cachequeue");
	shared->lease_salt = (shared->lease_salt & CQ_LEASE_SALT_MASK) | 1;
	shared->tranche = cq_lwlock_tranche("cachequeue_cache");

	cq_counters_init(CQ_SHARED_PART(counters), shared->tranche);
	cq_hot_keys_init(CQ_SHARED_PART(hot_keys), shared->tranche);
	cq_cache_start_empty();
}

/* Not the salt: leases end with the server. */
bool
cq_cache_transfer(CqTransfer transfer, void *arg)
{
	return transfer(&shared->f0, sizeof(shared->f0), arg) &&
		transfer(shared->clears, sizeof(shared->clears), arg) &&
		cq_slots_transfer(transfer, arg) &&
		cq_namespace_rows_transfer(transfer, arg) &&
		cq_engine_transfer(engine, transfer, arg);
}

void
cq_cache_start_loaded(void)
{
	Assert(cq_engine_check(engine) == NULL);
	cq_namespace_rows_count();
	pg_atomic_write_u64(&shared->planned_expiry_ms,
						cq_engine_next_expiry(engine));
}

void
cq_cache_init(void)
{
	cq_cache_register_callbacks();
}

CqEngine *
cq_cache_engine(void)
{
	return engine;
}

void
cq_cache_counts(CqCounts *counts, CqEngineStats *stats)
{
	cq_engine_stats(engine, stats);
	cq_counters_read(counts, stats->evictions, stats->expirations);
}

void
cq_cache_reset_counts(void)
{
	CqEngineStats stats;

	cq_engine_stats(engine, &stats);
	cq_counters_reset(stats.evictions, stats.expirations);
	cq_hot_keys_reset();
}

void
cq_count_hit(const CqKey *key)
{
	cq_count_row(key->row, CQ_COUNT_HITS, 1);
	cq_hot_key_hit(&key->engine);
}

void
cq_count_refused(const CqKey *key, CqCounter reason)
{
	cq_count_row(key->row, CQ_COUNT_SETS_REFUSED, 1);
	cq_count(reason, 1);
}

static pg_atomic_uint64 *
clear_count(Oid database, uint32 name_space)
{
	uint32		hash = hash_combine(murmurhash32(database),
									murmurhash32(name_space));

	return &shared->clears[hash % CQ_CLEAR_COUNTS];
}

/* How often what a namespace holds has been cleared. */
static uint64
clears_of(Oid database, uint32 name_space)
{
	return pg_atomic_read_u64(clear_count(database, name_space)) +
		pg_atomic_read_u64(clear_count(database, ALL_NAMESPACES));
}

void
cq_key_init(CqKey *key, CqKeySpace space, uint32 name_space,
			const char *bytes, uint32 len)
{
	char	   *to = key->bytes;
	uint64		clears = 0;

	if (space != CQ_SPACE_NAMESPACE)
		clears = clears_of(MyDatabaseId, name_space);

	Assert(sizeof(Oid) + sizeof(uint32) + 1 + len + sizeof(clears) <=
		   CQ_ENGINE_KEY_MAX);
	memcpy(to, &MyDatabaseId, sizeof(Oid));
	to += sizeof(Oid);
	memcpy(to, &name_space, sizeof(uint32));
	to += sizeof(uint32);
	*to++ = (char) space;
	memcpy(to, bytes, len);
	to += len;
	key->identity = hash_bytes_extended((unsigned char *) key->bytes,
										to - key->bytes, CQ_DEPENDENCY_KEY);
	memcpy(to, &clears, sizeof(clears));
	to += sizeof(clears);

	key->name_space = name_space;
	key->row = space == CQ_SPACE_NAMESPACE ? 0 : cq_namespace_row(name_space);
	key->behind = 0;
	key->engine.bytes = key->bytes;
	key->engine.len = to - key->bytes;
	key->engine.hash = clears == 0 ? key->identity
		: hash_combine64(key->identity, clears);
}

void
cq_key_parse(const char *key, uint32 len, CqKeyParts *parts)
{
	uint64		clears;

	memcpy(&parts->database, key, sizeof(Oid));
	memcpy(&parts->name_space, key + sizeof(Oid), sizeof(uint32));
	parts->space = (CqKeySpace) key[sizeof(Oid) + sizeof(uint32)];
	parts->bytes = key + sizeof(Oid) + sizeof(uint32) + 1;
	parts->len = key + len - sizeof(clears) - parts->bytes;
	memcpy(&clears, parts->bytes + parts->len, sizeof(clears));
	parts->reachable = clears == clears_of(parts->database, parts->name_space);
}

CqCounter
cq_refusal(const CqView *p, int i)
{
	if (p->xmax == 0)
		return CQ_COUNT_REFUSED_BYPASS;
	return i < CQ_BASIC_SLOTS - 1 ? CQ_COUNT_REFUSED_EPOCH :
		CQ_COUNT_REFUSED_CHANGED;
}

/* F0, fixed by whoever asks first after recovery. */
static uint64
first_xid(void)
{
	uint64		f0 = pg_atomic_read_u64(&shared->f0);

	if (unlikely(f0 == 0))
	{
		uint64		next = U64FromFullTransactionId(ReadNextFullTransactionId());

		if (pg_atomic_compare_exchange_u64(&shared->f0, &f0, next))
			f0 = next;
	}
	return f0;
}

void
cq_cache_out_of_recovery(void)
{
	Assert(!RecoveryInProgress());
	(void) first_xid();
}

/* The 64-bit form of an id at most 2^31 behind the next one. */
static inline uint64
widen_xid(TransactionId xid, uint64 next)
{
	return next - (uint32) ((uint32) next - xid);
}

bool
cq_view_of_snapshot(Snapshot snapshot, CqView *view)
{
	uint64		next;

	if (IsolationIsSerializable() && !CQ_FAULT("no-serializable"))
		return false;
	if (snapshot == NULL || snapshot->snapshot_type != SNAPSHOT_MVCC ||
		RecoveryInProgress() || snapshot->takenDuringRecovery)
		return false;

	next = cq_next_full_xid_unlocked();
	view->xmax = widen_xid(snapshot->xmax, next);
	view->xmin = view->xmax - (uint32) (snapshot->xmax - snapshot->xmin);
	view->xcnt = snapshot->xcnt;
	view->xip = snapshot->xip;
	return view->xmin >= first_xid() || CQ_FAULT("no-f0");
}

static inline void
ensure_read_buffer(Size size)
{
	if (size <= read_buffer_size &&
		(read_buffer_size <= READ_BUFFER_KEPT || size > READ_BUFFER_KEPT))
		return;
	if (read_buffer != NULL)
		pfree(read_buffer);
	read_buffer = NULL;
	read_buffer_size = 0;
	size = Max(size, READ_BUFFER_INITIAL);
	read_buffer = MemoryContextAllocHuge(TopMemoryContext, size);
	read_buffer_size = size;
}

/* Copy an entry into the read buffer; *meta is set with CQ_ENGINE_OK only. */
static CqEngineResult
read_entry(const CqKey *key, CqEngineMeta *meta)
{
	Size		needed = READ_BUFFER_INITIAL;

	for (;;)
	{
		CqEngineResult result;

		ensure_read_buffer(needed);
		result = cq_engine_get(engine, &key->engine,
							   CQ_FAULT("no-expiry") ? 0 : cq_clock_ms(),
							   read_buffer, read_buffer_size, meta);
		if (result != CQ_ENGINE_TOO_SMALL)
			return result;
		needed = meta->nstamps * sizeof(CqStamp) + meta->value_len;
	}
}

/*
 * Do the stamps hold for this view?  changed_since: bypass when we have
 * changed a slot after that value of the own-change counter.
 */
static CqLookup
judge_stamps(const CqStamp *stamps, int nstamps, const CqView *view,
			 uint64 changed_since)
{
	/* in the middle of a statement that may change what they stand for */
	if (cq_local_in_statement() && !CQ_FAULT("no-own-bypass"))
		return CQ_LOOKUP_BYPASS;
	for (int i = 0; i < nstamps; i++)
		cq_slot_prefetch(stamps[i].slot);
	for (int i = 0; i < nstamps; i++)
	{
		CqSlotState slot;

		if (cq_local_last_change(stamps[i].slot) > changed_since &&
			!CQ_FAULT("no-own-bypass"))
			return CQ_LOOKUP_BYPASS;
		cq_slot_read(stamps[i].slot, &slot);
		switch (cq_judge_get(&slot, stamps[i].version, view))
		{
			case CQ_VERDICT_HIT:
				break;
			case CQ_VERDICT_INVALIDATED:
				return CQ_LOOKUP_INVALIDATED;
			case CQ_VERDICT_SNAPSHOT:
				return CQ_LOOKUP_SNAPSHOT;
		}
	}
	return CQ_LOOKUP_HIT;
}

/* What this transaction has itself set or deleted. */
static CqLookup
lookup_pending(CqPending *op, Snapshot snapshot, CqValue *value)
{
	CqView		view;
	CqLookup	result = CQ_LOOKUP_HIT;

	if (op->kind == CQ_PENDING_DELETE || cq_pending_cleared(op->key->name_space))
		return CQ_LOOKUP_ABSENT;
	if (op->dead || (op->dependent && cq_local_last_break() > op->change))
		return CQ_LOOKUP_INVALIDATED;
	if (op->expires_ms != 0 && op->expires_ms <= cq_clock_ms())
		return CQ_LOOKUP_EXPIRED;
	if (op->dependent)
		result = !cq_view_of_snapshot(snapshot, &view) ? CQ_LOOKUP_BYPASS
			: judge_stamps(op->stamps, op->nstamps, &view, op->change);
	if (result == CQ_LOOKUP_HIT)
	{
		value->data = op->value;
		value->len = op->value_len;
		value->type = op->type;
		value->expires_ms = op->expires_ms;
		value->version = 0;
		value->dependent = op->dependent;
	}
	return result;
}

/*
 * May an entry that is invalidated be served to those who accept that?  Not
 * when its epoch, namespace or key has changed, nor after a change that is not
 * one of rows: who may see them may have changed.  And only when it is out of
 * date for the view, not when it is newer.
 */
static bool
outdated_allowed(const CqStamp *stamps, int nstamps, const CqView *view)
{
	if (cq_local_in_statement())
		return false;
	for (int i = 0; i < nstamps; i++)
	{
		CqSlotState slot;
		CqVerdict	verdict;

		if (cq_local_last_change(stamps[i].slot) > 0)
			return false;
		cq_slot_read(stamps[i].slot, &slot);
		verdict = cq_judge_get(&slot, stamps[i].version, view);
		if (stamps[i].version < slot.barrier ||
			verdict == CQ_VERDICT_SNAPSHOT ||
			(verdict != CQ_VERDICT_HIT && i < CQ_BASIC_SLOTS))
			return false;
	}
	return true;
}

/* Plain entries, which are the same for all, need no view of the snapshot. */
static CqLookup
lookup_engine(const CqKey *key, Snapshot snapshot, bool outdated,
			  CqValue *value)
{
	CqView		view;
	CqStamp    *stamps;
	CqEngineMeta meta;
	CqLookup	result = CQ_LOOKUP_HIT;

	if (cq_pending_cleared(key->name_space))
		return CQ_LOOKUP_ABSENT;
	switch (read_entry(key, &meta))
	{
		case CQ_ENGINE_OK:
			break;
		case CQ_ENGINE_EXPIRED:
			return CQ_LOOKUP_EXPIRED;
		default:
			return CQ_LOOKUP_ABSENT;
	}

	stamps = (CqStamp *) read_buffer;
	if (meta.flags & CQ_ENTRY_DEPENDENT)
		result = !cq_view_of_snapshot(snapshot, &view) ? CQ_LOOKUP_BYPASS
			: judge_stamps(stamps, meta.nstamps, &view, 0);
	if (result == CQ_LOOKUP_HIT ||
		(result == CQ_LOOKUP_INVALIDATED && outdated &&
		 outdated_allowed(stamps, meta.nstamps, &view)))
	{
		value->data = read_buffer + meta.nstamps * sizeof(CqStamp);
		value->len = meta.value_len;
		value->type = meta.type;
		value->expires_ms = meta.expires_ms;
		value->version = meta.version;
		value->dependent = (meta.flags & CQ_ENTRY_DEPENDENT) != 0;
	}
	return result;
}

void
cq_cache_drop_stale(const CqKey *key, Snapshot snapshot, bool only_invalidated)
{
	CqView		view;
	bool		have_view = cq_view_of_snapshot(snapshot, &view);
	CqEngineMeta meta;
	CqLookup	result;

	if (read_entry(key, &meta) != CQ_ENGINE_OK ||
		(meta.flags & CQ_ENTRY_DEPENDENT) == 0)
		return;
	result = !have_view ? CQ_LOOKUP_BYPASS
		: judge_stamps((CqStamp *) read_buffer, meta.nstamps, &view, 0);
	if (result == CQ_LOOKUP_INVALIDATED ||
		(result != CQ_LOOKUP_HIT && !only_invalidated))
		cq_engine_remove(engine, &key->engine, meta.version, false,
						 cq_clock_ms());
}

void
cq_cache_remove(const CqKey *key, uint64 version)
{
	if (version != 0)
		cq_engine_remove(engine, &key->engine, version, false, cq_clock_ms());
}

static CqLookup
peek(const CqKey *key, Snapshot snapshot, bool outdated, CqValue *value)
{
	CqPending  *op = cq_pending_find(key);

	if (op != NULL)
		return lookup_pending(op, snapshot, value);
	return lookup_engine(key, snapshot, outdated, value);
}

CqLookup
cq_cache_peek(const CqKey *key, Snapshot snapshot, CqValue *value)
{
	return peek(key, snapshot, false, value);
}

CqLookup
cq_cache_peek_outdated(const CqKey *key, Snapshot snapshot, CqValue *value)
{
	value->data = NULL;
	return peek(key, snapshot, true, value);
}

void
cq_count_lookup(const CqKey *key, CqLookup result)
{
	StaticAssertStmt(CQ_COUNT_HITS + (int) CQ_LOOKUP_BYPASS ==
					 (int) CQ_COUNT_MISSES_BYPASS,
					 "outcomes and their counters are in one order");
	if (result == CQ_LOOKUP_HIT)
		cq_count_hit(key);
	else
		cq_count_row(key->row, (CqCounter) (CQ_COUNT_HITS + (int) result), 1);
}

CqLookup
cq_cache_lookup(const CqKey *key, Snapshot snapshot, CqValue *value)
{
	static const CqView nothing = {0};	/* a set judged by it is refused */
	CqLookup	result = cq_cache_peek(key, snapshot, value);

	cq_count_lookup(key, result);
	if (result != CQ_LOOKUP_HIT)
	{
		CqView		view;

		if (!cq_view_of_snapshot(snapshot, &view))
			view = nothing;
		if (cq_remember_misses == CQ_REMEMBER_SESSION)
			cq_local_push_all();	/* the miss is as good as a lease */
		cq_misses_remember(key->identity, &view, cq_local_change());
	}
	return result;
}

int64
cq_lease_issue(Snapshot snapshot)
{
	CqView		view;
	uint64		offset = 0;

	if (cq_view_of_snapshot(snapshot, &view))
	{
		offset = view.xmin - first_xid() + 1;
		if (offset > CQ_LEASE_XID_MAX)
			offset = 0;
		if (!CQ_FAULT("no-lease-mark"))
			cq_local_push_all();
	}
	return (int64) ((shared->lease_salt << CQ_LEASE_XID_BITS) | offset);
}

bool
cq_lease_view(int64 lease, CqView *view)
{
	uint64		offset = (uint64) lease & CQ_LEASE_XID_MAX;

	if ((((uint64) lease >> CQ_LEASE_XID_BITS) != shared->lease_salt &&
		 !CQ_FAULT("no-salt")) ||
		offset == 0 || RecoveryInProgress() || IsolationIsSerializable())
		return false;
	view->xmin = view->xmax = first_xid() + offset - 1;
	view->xcnt = 0;
	view->xip = NULL;
	return view->xmax <= cq_next_full_xid_unlocked();
}

/*
 * Judge a set as of now; fills one stamp per slot.  False when it is refused,
 * and *reason tells why.
 */
static bool
stamp_request(const CqSetRequest *request, const CqView *p, uint64 change,
			  CqStamp *stamps, CqCounter *reason)
{
	*reason = CQ_COUNT_REFUSED_OWN_CHANGE;
	if (request->nslots > CQ_BASIC_SLOTS && cq_local_in_statement())
		return false;
	if (cq_local_last_break() > change)
		return false;
	for (int i = 0; i < request->nslots; i++)
	{
		CqSlotState slot;

		if (cq_local_last_change(request->slots[i]) > change &&
			!CQ_FAULT("no-own-change"))
			return false;
		cq_slot_read(request->slots[i], &slot);
		if (!cq_judge_set(&slot, p,
						  U64FromFullTransactionId(GetTopFullTransactionIdIfAny())))
		{
			*reason = cq_refusal(p, i);
			return false;
		}
		stamps[i].version = slot.version;
		stamps[i].slot = request->slots[i];
		stamps[i].unused = 0;
	}
	return true;
}

CqSetResult
cq_cache_set(const CqSetRequest *request, const CqView *p, uint64 change)
{
	CqStamp		stamps[lengthof(request->slots)];
	CqCounter	reason = CQ_COUNT_REFUSED_OWN_CHANGE;

	Assert(request->dependent == (p != NULL));
	if (CQ_FAULT("lock-key"))
		cq_fault_lock(request->key->identity);
	if (cq_pending_cleared(request->key->name_space) ||
		(request->dependent &&
		 !stamp_request(request, p, change, stamps, &reason)))
	{
		cq_count_refused(request->key, reason);
		return CQ_SET_REFUSED;
	}
	cq_pending_set(request, p, change, stamps);
	return CQ_SET_STORED;
}

CqSetResult
cq_cache_set_now(const CqSetRequest *request, const CqView *p,
				 CqEngineCondition condition, uint64 version)
{
	CqStamp		stamps[lengthof(request->slots)];
	CqEngineMeta meta = {0};
	CqEngineHandle handle;
	CqCounter	reason;

	Assert(request->dependent == (p != NULL));
	if (request->dependent && !stamp_request(request, p, 0, stamps, &reason))
	{
		cq_count_refused(request->key, reason);
		return CQ_SET_REFUSED;
	}

	meta.expires_ms = request->expires_ms;
	meta.value_len = request->value_len;
	meta.nstamps = request->nslots;
	meta.type = request->type;
	meta.class_id = request->key->row;
	meta.flags = request->dependent ? CQ_ENTRY_DEPENDENT : 0;
	handle = cq_engine_prepare(engine, &request->key->engine, &meta, stamps,
							   request->value, cq_clock_ms());
	if (handle == 0)
	{
		cq_count(CQ_COUNT_SETS_NO_MEMORY, 1);
		return CQ_SET_NO_MEMORY;
	}
	if (cq_engine_publish_if(engine, handle, condition, version,
							 cq_clock_ms(), NULL) != CQ_ENGINE_OK)
		return CQ_SET_CONFLICT;
	cq_count_row(request->key->row, CQ_COUNT_SETS, 1);
	cq_cache_expiry_added(request->expires_ms);
	return CQ_SET_STORED;
}

bool
cq_cache_delete(const CqKey *key)
{
	CqPending  *op = cq_pending_find(key);
	bool		existed;

	if (op != NULL)
		existed = op->kind == CQ_PENDING_SET && !op->dead;
	else
	{
		CqEngineMeta meta;

		existed = read_entry(key, &meta) == CQ_ENGINE_OK;
	}

	cq_count_row(key->row, CQ_COUNT_DELETES, 1);
	if (RecoveryInProgress())
	{
		cq_engine_remove(engine, &key->engine, 0, false, cq_clock_ms());
		return existed;
	}
	cq_cache_mark(cq_slot_of_key(key->identity));
	cq_pending_delete(key);
	return existed;
}

uint64
cq_cache_clear(uint32 name_space)
{
	uint64		clears = pg_atomic_read_u64(clear_count(MyDatabaseId, name_space)) + 1;

	cq_cache_mark(cq_slot_of_namespace(MyDatabaseId, name_space));
	if (RecoveryInProgress())
		cq_namespace_clear_now(name_space);
	else
		cq_pending_clear(name_space);
	return clears;
}

void
cq_namespace_clear_now(uint32 name_space)
{
	pg_atomic_fetch_add_u64(clear_count(MyDatabaseId, name_space), 1);
}

void
cq_database_clear_now(Oid database)
{
	pg_atomic_fetch_add_u64(clear_count(database, ALL_NAMESPACES), 1);
}

void
cq_cache_mark(uint32 slot)
{
	if (RecoveryInProgress())
		cq_slot_push(slot, 0, true);
	else
	{
		(void) GetTopFullTransactionId();	/* there must be one at commit */
		cq_local_mark(slot, false);
	}
}

void
cq_cache_expiry_added(int64 expires_ms)
{
	uint64		planned;

	if (expires_ms == 0)
		return;
	expires_ms += 1000 - expires_ms % 1000; /* wake it once a second at most */
	planned = pg_atomic_read_u64(&shared->planned_expiry_ms);
	while (planned == 0 || planned > (uint64) expires_ms)
	{
		if (pg_atomic_compare_exchange_u64(&shared->planned_expiry_ms, &planned,
										   expires_ms))
		{
			cq_dbworker_wake(MyDatabaseId);
			return;
		}
	}
}

/*
 * Any database's worker may do it for all.  Expired entries are never served,
 * so removing them is only about memory: at most once a second.
 */
int64
cq_cache_maintain(void)
{
	uint64		planned = pg_atomic_read_u64(&shared->planned_expiry_ms);
	int64		now_ms = cq_clock_ms();
	int64		next;

	if (planned == 0)
		return 0;
	if (now_ms < (int64) planned)
		return (int64) planned;

	pg_atomic_write_u64(&shared->planned_expiry_ms, 0);
	next = cq_engine_expire(engine, now_ms);
	if (next != 0)
		next = Max(next, now_ms + 1000);
	if (next != 0)
	{
		uint64		none = 0;

		pg_atomic_compare_exchange_u64(&shared->planned_expiry_ms, &none, next);
	}
	return (int64) pg_atomic_read_u64(&shared->planned_expiry_ms);
}
