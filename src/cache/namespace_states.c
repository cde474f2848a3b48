/*-------------------------------------------------------------------------
 *
 * namespace_states.c
 *	  The namespaces in use, of all databases, in shared memory.
 *
 * A namespace gets a state when a process first uses it.  The state's number is
 * the class of the namespace's entries in the engine, which enforces the memory
 * quota, and counters.c counts by it.  State 0 stands for all namespaces for
 * which there was no state left: they have no quota and are counted together.
 *
 * States are found by hash of database and namespace:
 *
 *	buckets | 3 |   |   | 7 |		state 3 -> state 12 -> 0 (the end)
 *
 * Each process remembers the states that it has found in an array, by number of
 * the namespace; it looks there for every key.  It forgets them when namespaces
 * change.
 *
 * A state is freed when a transaction commits that drops its namespace, its
 * extension or its database, or when a transaction rolls back that has created
 * the namespace.  Processes that remember the state, and entries stored with its
 * number, still refer to it.  So free states are taken in turn, and the one that
 * was freed last is taken last.  If a prepared transaction drops a namespace, the
 * state is lost until the server starts with an empty cache.
 *
 * Locking: lock guards all shared fields.  The lock of the counters and those of
 * the engine come after it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/counters.h"
#include "cache/namespace_states.h"
#include "cache/state.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lwlock.h"

#define NBUCKETS 1024

StaticAssertDecl(CQ_NAMESPACE_ROWS == CQ_CLASSES,
				 "a row's number is a class of the engine");

typedef struct CqNamespaceRow
{
	Oid			database;		/* InvalidOid: free */
	uint32		name_space;
	uint16		next;			/* in its bucket; 0: none */
} CqNamespaceRow;

typedef struct CqNamespaceRows
{
	LWLock		lock;
	uint16		last_taken;
	uint16		buckets[NBUCKETS];
	CqNamespaceRow rows[CQ_NAMESPACE_ROWS]; /* [0] is never used */
} CqNamespaceRows;

/* A state that this process has found. */
typedef struct CqFoundRow
{
	uint32		name_space;
	uint16		row;
	bool		valid;
} CqFoundRow;

#define NFOUND 1024				/* a power of 2 */

static CqNamespaceRows *shared = NULL;
static CqFoundRow found_rows[NFOUND];

Size
cq_namespace_rows_size(void)
{
	return sizeof(CqNamespaceRows);
}

/* In the postmaster, once. */
void
cq_namespace_rows_init(void *mem, int tranche)
{
	shared = mem;
	memset(mem, 0, sizeof(*shared));
	LWLockInitialize(&shared->lock, tranche);
}

bool
cq_namespace_rows_transfer(CqTransfer transfer, void *arg)
{
	return transfer((char *) shared + offsetof(CqNamespaceRows, last_taken),
					sizeof(*shared) - offsetof(CqNamespaceRows, last_taken), arg);
}

void
cq_namespace_rows_count(void)
{
	for (int row = 1; row < CQ_NAMESPACE_ROWS; row++)
	{
		if (OidIsValid(shared->rows[row].database))
			cq_counters_row_begin(row);
	}
}

static uint16 *
bucket_of(Oid database, uint32 name_space)
{
	uint32		hash = hash_combine(murmurhash32(database),
									murmurhash32(name_space));

	return &shared->buckets[hash % NBUCKETS];
}

/* The state of a namespace, 0 if it has none.  Lock held. */
static uint16
find_row(Oid database, uint32 name_space)
{
	uint16		row = *bucket_of(database, name_space);

	while (row != 0 && (shared->rows[row].database != database ||
						shared->rows[row].name_space != name_space))
		row = shared->rows[row].next;
	return row;
}

/* Take a free state for a namespace, 0 if there is none.  Lock held exclusively. */
static uint16
take_row(Oid database, uint32 name_space)
{
	for (int i = 1; i < CQ_NAMESPACE_ROWS; i++)
	{
		CqNamespaceRow *row;
		uint16	   *bucket;

		shared->last_taken = shared->last_taken % (CQ_NAMESPACE_ROWS - 1) + 1;
		row = &shared->rows[shared->last_taken];
		if (OidIsValid(row->database))
			continue;
		bucket = bucket_of(database, name_space);
		row->database = database;
		row->name_space = name_space;
		row->next = *bucket;
		*bucket = shared->last_taken;
		cq_counters_row_begin(shared->last_taken);
		return shared->last_taken;
	}
	return 0;
}

/* Free a state, its quota and its counters.  Lock held exclusively. */
static void
free_row(uint16 number)
{
	CqNamespaceRow *row = &shared->rows[number];
	uint16	   *link = bucket_of(row->database, row->name_space);

	while (*link != number)
		link = &shared->rows[*link].next;
	*link = row->next;
	row->database = InvalidOid;
	cq_engine_set_quota(cq_cache_engine(), number, 0);
	cq_counters_row_end(number);
}

static uint16
find_or_take(uint32 name_space)
{
	uint16		row;

	LWLockAcquire(&shared->lock, LW_SHARED);
	row = find_row(MyDatabaseId, name_space);
	LWLockRelease(&shared->lock);
	if (row == 0)
	{
		LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
		row = find_row(MyDatabaseId, name_space);
		if (row == 0)
			row = take_row(MyDatabaseId, name_space);
		LWLockRelease(&shared->lock);
	}
	return row;
}

uint16
cq_namespace_row(uint32 name_space)
{
	CqFoundRow *found = &found_rows[name_space % NFOUND];

	if (unlikely(!found->valid || found->name_space != name_space))
	{
		found->valid = false;
		found->row = find_or_take(name_space);
		cq_counters_attach(found->row);
		found->name_space = name_space;
		found->valid = true;
	}
	return found->row;
}

uint16
cq_namespace_row_find(uint32 name_space)
{
	uint16		row;

	LWLockAcquire(&shared->lock, LW_SHARED);
	row = find_row(MyDatabaseId, name_space);
	LWLockRelease(&shared->lock);
	return row;
}

void
cq_namespace_set_quota(uint32 name_space, uint64 bytes)
{
	uint16		row = cq_namespace_row(name_space);

	if (row != 0)
		cq_engine_set_quota(cq_cache_engine(), row, bytes);
}

void
cq_namespace_release(uint32 name_space)
{
	uint16		row;

	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	row = find_row(MyDatabaseId, name_space);
	if (row != 0)
		free_row(row);
	LWLockRelease(&shared->lock);
}

void
cq_namespace_release_database(Oid database)
{
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	for (int row = 1; row < CQ_NAMESPACE_ROWS; row++)
	{
		if (shared->rows[row].database == database)
			free_row(row);
	}
	LWLockRelease(&shared->lock);
}

void
cq_namespace_rows_forget(void)
{
	for (int i = 0; i < NFOUND; i++)
		found_rows[i].valid = false;
}
