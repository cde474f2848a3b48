/*-------------------------------------------------------------------------
 *
 * pending.c
 *	  Operations of the running transaction on the cache, until it commits.
 *
 * These are sets and deletes of keys, and on namespaces: clearing, quotas,
 * dropping.
 *
 * Sets stay in this backend until commit, as no other session may see what a
 * rollback would undo.  The transaction itself sees them at once.
 *
 * Operations are in an array in the order in which they were made.  Levels of
 * subtransactions never decrease along it, so a rollback to a savepoint cuts off
 * its end.  A hash table finds the latest operation on a key; each operation
 * links to the previous one on the same key.  They stay the transaction's when others
 * clear the namespace: whoever commits last wins.
 *
 *	PRE_COMMIT	 The transaction's marks have been pushed.  Each set that is the
 *				 last operation on its key is checked again under the view of its
 *				 miss, and, if it holds, written to the arena, still invisible.
 *	COMMIT		 Prepared sets are published; deletes remove plain entries;
 *				 quotas of namespaces take effect.  None of this can fail.
 *	PREPARE		 What COMMIT would delete is deleted, and until the transaction
 *				 has ended plain sets of it are refused (prepared.c).  Sets are
 *				 dropped.
 *	ABORT		 Prepared sets are discarded.
 *
 * The set rule is checked on the slots as they are after the transaction's own
 * mark.  That mark counts as seen: the value was read after the last own change,
 * or else the set would have been refused.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "cache/in_flight.h"
#include "cache/maintain.h"
#include "cache/marks.h"
#include "cache/namespace_states.h"
#include "cache/outcome.h"
#include "cache/pending.h"
#include "cache/prepared.h"
#include "cache/slots.h"
#include "cache/state.h"
#include "cache/visibility.h"
#include "core/clock.h"
#include "core/faults.h"
#include "core/settings.h"
#include "utils/memutils.h"

typedef struct CqPendingIndex
{
	uint64		key_hash;
	char		status;			/* simplehash's */
	int			last;			/* index of the operation, -1: none */
} CqPendingIndex;

#define SH_PREFIX cqpending
#define SH_ELEMENT_TYPE CqPendingIndex
#define SH_KEY_TYPE uint64
#define SH_KEY key_hash
#define SH_HASH_KEY(tb, key) ((uint32) (key))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static MemoryContext pending_context = NULL;
static cqpending_hash *latest = NULL;
static CqPending *operations = NULL;
static int	noperations = 0;
static int	operations_max = 0;
static uint64 prepared_changes = 0; /* cq_prepared_changes() at PRE_COMMIT */

/* a transaction that deletes more locks their namespaces as a whole */
#define CQ_PREPARED_KEYS_MAX 64

/* Add an operation at the end.  Raises out of memory only. */
static CqPending *
append(const CqKey *key, CqPendingKind kind)
{
	CqPending  *op;
	CqPendingIndex *index;
	bool		found;

	if (latest == NULL)
	{
		if (pending_context == NULL)
			pending_context = AllocSetContextCreate(TopMemoryContext,
													"cachequeue pending",
													ALLOCSET_DEFAULT_SIZES);
		latest = cqpending_create(pending_context, 16, NULL);
		operations_max = 8;
		operations = MemoryContextAlloc(pending_context,
										operations_max * sizeof(CqPending));
	}
	if (noperations == operations_max)
	{
		operations = repalloc_huge(operations,
								   2 * operations_max * sizeof(CqPending));
		operations_max *= 2;
	}

	op = &operations[noperations];
	memset(op, 0, sizeof(*op));
	op->kind = kind;
	op->level = GetCurrentTransactionNestLevel();
	op->key = MemoryContextAlloc(pending_context,
								 offsetof(CqKey, bytes) + key->engine.len);
	memcpy(op->key, key, offsetof(CqKey, bytes) + key->engine.len);
	op->key->engine.bytes = op->key->bytes;

	index = cqpending_insert(latest, key->identity, &found);
	op->previous = found ? index->last : -1;
	index->last = noperations;
	noperations++;
	return op;
}

/* Free the memory of an operation except its key. */
static void
release(CqPending *op)
{
	if (op->value != NULL)
		pfree(op->value);
	if (op->stamps != NULL)
		pfree(op->stamps);
	if (op->p.xip != NULL)
		pfree(unconstify(uint32 *, op->p.xip));
	op->value = NULL;
	op->stamps = NULL;
	op->p.xip = NULL;
	op->nstamps = 0;
}

void
cq_pending_set(const CqSetRequest *request, const CqView *p,
			   const CqStamp *stamps)
{
	char	   *value = NULL;
	CqStamp    *stamps_copy = NULL;
	uint32	   *xip = NULL;
	CqPending  *op;

	op = cq_pending_find(request->key);
	if (op != NULL && op->kind == CQ_PENDING_SET &&
		op->level == GetCurrentTransactionNestLevel())
		release(op);			/* no rollback can restore it: replace it */
	else
		op = append(request->key, CQ_PENDING_SET);
	op->dead = true;			/* until it is complete */
	op->key->behind = request->key->behind;

	if (request->value_len > 0)
	{
		value = MemoryContextAllocHuge(pending_context, request->value_len);
		memcpy(value, request->value, request->value_len);
	}
	if (request->dependent)
	{
		stamps_copy = MemoryContextAlloc(pending_context,
										 request->nslots * sizeof(CqStamp));
		memcpy(stamps_copy, stamps, request->nslots * sizeof(CqStamp));
		op->nstamps = request->nslots;
		op->p = *p;
		if (p->xcnt > 0)
		{
			xip = MemoryContextAlloc(pending_context,
									 p->xcnt * sizeof(uint32));
			memcpy(xip, p->xip, p->xcnt * sizeof(uint32));
		}
		op->p.xip = xip;
	}
	op->value = value;
	op->value_len = request->value_len;
	op->type = request->type;
	op->expires_ms = request->expires_ms;
	op->dependent = request->dependent;
	op->stamps = stamps_copy;
	op->dead = false;
}

void
cq_pending_delete(const CqKey *key)
{
	append(key, CQ_PENDING_DELETE);
}

void
cq_pending_clear(uint32 name_space)
{
	CqKey		key;

	/* the operation is not on a key but on the namespace */
	cq_key_init(&key, CQ_SPACE_NAMESPACE, name_space, "", 0);
	append(&key, CQ_PENDING_CLEAR);
}

bool
cq_pending_cleared(uint32 name_space)
{
	CqKey		key;

	if (latest == NULL)
		return false;
	cq_key_init(&key, CQ_SPACE_NAMESPACE, name_space, "", 0);
	return cq_pending_find(&key) != NULL;
}

void
cq_pending_namespace(uint32 name_space, uint64 quota, bool created)
{
	CqKey		key;
	CqPending  *op;

	cq_key_init(&key, CQ_SPACE_NAMESPACE, name_space, "quota", 5);
	op = append(&key, CQ_PENDING_NAMESPACE);
	op->quota = quota;
	op->created = created;
}

CqPending *
cq_pending_find(const CqKey *key)
{
	CqPendingIndex *index;

	if (latest == NULL)
		return NULL;
	index = cqpending_lookup(latest, key->identity);
	if (index == NULL || index->last < 0 ||
		!cq_key_same(operations[index->last].key, key))
		return NULL;
	return &operations[index->last];
}

const CqPending *
cq_pending_next_behind(int *position)
{
	while (*position < noperations)
	{
		const CqPending *op = &operations[(*position)++];

		if (op->key->behind != 0 && !op->dead &&
			cq_pending_find(op->key) == op)
			return op;
	}
	return NULL;
}

/* Has this transaction changed a dependency after the value was read? */
static bool
overtaken(const CqPending *op)
{
	if (op->dependent && cq_marks_broken_since(op->p.curcid))
		return true;
	for (int i = 0; i < op->nstamps; i++)
	{
		if (cq_marks_changed_since(op->stamps[i].slot, op->p.curcid))
			return !CQ_FAULT("no-own-change");
	}
	return false;
}

/*
 * Check the slots of a set against the set rule, and stamp it with their
 * versions.  Returns false, and counts that, if the set is refused.
 */
static bool
stamp_for_good(CqPending *op)
{
	uint64		own = U64FromFullTransactionId(GetTopFullTransactionIdIfAny());

	if (overtaken(op))
	{
		cq_count_refused(op->key, CQ_COUNT_REFUSED_OWN_CHANGE);
		return false;
	}
	for (int i = 0; i < op->nstamps; i++)
	{
		CqSlotState slot;

		cq_slot_read(op->stamps[i].slot, &slot);
		if (!cq_visibility_set(&slot, &op->p, own))
		{
			cq_count_refused(op->key, cq_refusal(&op->p, i));
			return false;
		}
		op->stamps[i].version = slot.version;
	}
	return true;
}

/*
 * Write a set to the arena, if it still holds and has not expired.  Takes its
 * bytes from *room, those that the transaction may still prepare.
 */
static void
prepare(CqPending *op, Size *room)
{
	Size		bytes = op->key->engine.len + op->value_len;
	int64		now_ms = cq_clock_ms();
	CqEngineMeta meta = {0};

	if (!CQ_FAULT("no-key-refresh"))
		cq_key_refresh(op->key);
	if (!op->dependent && op->key->behind == 0 && cq_prepared_refuses(op->key))
	{
		cq_count_refused(op->key, CQ_COUNT_REFUSED_CHANGED);
		return;
	}
	if (!stamp_for_good(op) ||
		(op->expires_ms != 0 && op->expires_ms <= now_ms))
		return;

	meta.expires_ms = op->expires_ms;
	meta.value_len = op->value_len;
	meta.nstamps = op->nstamps;
	meta.type = op->type;
	meta.class_id = op->key->state;
	meta.flags = op->dependent ? CQ_ENTRY_DEPENDENT : 0;
	if (bytes <= *room)
		op->handle = cq_engine_prepare(cq_cache_engine(), &op->key->engine,
									   &meta, op->stamps, op->value, now_ms);
	if (op->handle == 0)
		cq_count(CQ_COUNT_SETS_NO_MEMORY, 1);
	else
		*room -= bytes;
}

/*
 * Prepared entries cannot be evicted until they are published, so a transaction
 * may prepare half of the arena at most.
 */
void
cq_pending_prepare_all(void)
{
	Size		room = (Size) cq_cache_memory_kb * 512;

	prepared_changes = cq_prepared_changes();
	for (int i = 0; i < noperations; i++)
	{
		CqPending  *op = &operations[i];

		if (op->kind == CQ_PENDING_SET && !op->dead &&
			cq_pending_find(op->key) == op &&
			!cq_pending_cleared(op->key->name_space))
			prepare(op, &room);
	}
}

/* Remove what is there now, even if the namespace was cleared since the delete. */
static void
remove_deleted(const CqPending *op)
{
	cq_key_refresh(op->key);
	cq_engine_remove(cq_cache_engine(), &op->key->engine, 0, true, cq_clock_ms());
}

void
cq_pending_publish_all(void)
{
	CqEngine   *engine;

	if (noperations == 0)
		return;
	engine = cq_cache_engine();
	for (int i = 0; i < noperations; i++)
	{
		CqPending  *op = &operations[i];

		if (op->kind == CQ_PENDING_CLEAR)
			cq_namespace_clear_now(op->key->name_space);
		else if (op->kind == CQ_PENDING_NAMESPACE)
		{
			if (op->quota == CQ_NAMESPACE_DROPPED)
				cq_namespace_release(op->key->name_space);
			else
				cq_namespace_set_quota(op->key->name_space, op->quota);
			op->created = false;
		}
		else if (op->kind == CQ_PENDING_DELETE)
			remove_deleted(op);
		else if (op->handle != 0 && !overtaken(op))
		{
			cq_engine_publish(engine, op->handle);
			op->handle = 0;
			if (!op->dependent && op->key->behind == 0 &&
				cq_prepared_changes() != prepared_changes)
			{
				/* a PREPARE may have deleted it */
				cq_engine_remove(engine, &op->key->engine, 0, true, cq_clock_ms());
				continue;
			}
			cq_count_namespace(op->key->state, CQ_COUNT_SETS, 1);
			cq_cache_expiry_added(op->expires_ms);
		}
		else if (op->kind == CQ_PENDING_SET && !op->dependent && !op->dead &&
				 cq_pending_find(op->key) == op)
		{
			/* it was not stored; the previous value must not survive */
			cq_engine_remove(engine, &op->key->engine, 0, false,
							 cq_clock_ms());
		}
	}
}

void
cq_pending_take_id(void)
{
	for (int i = 0; i < noperations; i++)
	{
		if (FullTransactionIdIsValid(GetTopFullTransactionIdIfAny()))
			return;
		if (operations[i].kind == CQ_PENDING_DELETE &&
			!cq_in_flight_delete(cq_slot_of_key(operations[i].key->identity)))
			(void) GetTopFullTransactionId();
	}
}

void
cq_pending_lock_deleted(void)
{
	int			ndeletes = 0;
	bool		any = false;

	for (int i = 0; i < noperations; i++)
		ndeletes += operations[i].kind == CQ_PENDING_DELETE;
	for (int i = 0; i < noperations; i++)
	{
		const CqPending *op = &operations[i];

		if (op->kind == CQ_PENDING_CLEAR ||
			(op->kind == CQ_PENDING_DELETE && ndeletes > CQ_PREPARED_KEYS_MAX))
			cq_prepared_lock_namespace(op->key->name_space);
		else if (op->kind == CQ_PENDING_DELETE)
			cq_prepared_lock_key(op->key);
		else
			continue;
		any = true;
	}
	if (any)
		cq_prepared_locked();
}

void
cq_pending_publish_deletes(void)
{
	for (int i = 0; i < noperations; i++)
	{
		const CqPending *op = &operations[i];

		if (CQ_FAULT("no-prepared-delete"))
			break;
		if (op->kind == CQ_PENDING_CLEAR)
			cq_namespace_clear_now(op->key->name_space);
		else if (op->kind == CQ_PENDING_DELETE)
			remove_deleted(op);
	}
}

void
cq_pending_subxact_commit(int level)
{
	for (int i = noperations - 1; i >= 0 && operations[i].level >= level; i--)
		operations[i].level = level - 1;
}

void
cq_pending_subxact_abort(int level)
{
	while (noperations > 0 && operations[noperations - 1].level >= level &&
		   !CQ_FAULT("no-savepoint-sets"))
	{
		CqPending  *op = &operations[noperations - 1];
		CqPendingIndex *index;

		if (op->created)
			cq_namespace_release(op->key->name_space);
		index = cqpending_lookup(latest, op->key->identity);
		if (index != NULL && index->last == noperations - 1)
			index->last = op->previous;
		release(op);
		pfree(op->key);
		noperations--;
	}
}

/* At the end of the transaction; discards what is prepared but not published. */
void
cq_pending_forget(void)
{
	if (latest == NULL)
		return;
	for (int i = 0; i < noperations; i++)
	{
		if (operations[i].handle != 0)
			cq_engine_discard(cq_cache_engine(), operations[i].handle);
		if (operations[i].created)
			cq_namespace_release(operations[i].key->name_space);
	}
	latest = NULL;
	operations = NULL;
	noperations = operations_max = 0;
	MemoryContextReset(pending_context);
}
