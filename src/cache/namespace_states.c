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

StaticAssertDecl(CQ_NAMESPACE_STATES == CQ_CLASSES,
				 "a state's number is a class of the engine");

typedef struct CqNamespaceState
{
	Oid			database;		/* InvalidOid: free */
	uint32		name_space;
	uint16		next;			/* in its bucket; 0: none */
} CqNamespaceState;

typedef struct CqNamespaceStates
{
	LWLock		lock;
	uint16		last_taken;
	uint16		buckets[NBUCKETS];
	CqNamespaceState states[CQ_NAMESPACE_STATES];	/* [0] is never used */
} CqNamespaceStates;

/* A state that this process has found. */
typedef struct CqFoundState
{
	uint32		name_space;
	uint16		state;
	bool		valid;
} CqFoundState;

#define NFOUND 1024				/* a power of 2 */

static CqNamespaceStates *shared = NULL;
static CqFoundState found_states[NFOUND];

Size
cq_namespace_states_size(void)
{
	return sizeof(CqNamespaceStates);
}

/* In the postmaster, once. */
void
cq_namespace_states_init(void *mem, int tranche)
{
	shared = mem;
	memset(mem, 0, sizeof(*shared));
	LWLockInitialize(&shared->lock, tranche);
}

bool
cq_namespace_states_transfer(CqTransfer transfer, void *arg)
{
	return transfer((char *) shared + offsetof(CqNamespaceStates, last_taken),
					sizeof(*shared) - offsetof(CqNamespaceStates, last_taken), arg);
}

void
cq_namespace_states_count(void)
{
	for (int state = 1; state < CQ_NAMESPACE_STATES; state++)
	{
		if (OidIsValid(shared->states[state].database))
			cq_counters_state_begin(state);
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
find_state(Oid database, uint32 name_space)
{
	uint16		state = *bucket_of(database, name_space);

	while (state != 0 && (shared->states[state].database != database ||
						  shared->states[state].name_space != name_space))
		state = shared->states[state].next;
	return state;
}

/* Take a free state for a namespace, 0 if there is none.  Lock held exclusively. */
static uint16
take_state(Oid database, uint32 name_space)
{
	for (int i = 1; i < CQ_NAMESPACE_STATES; i++)
	{
		CqNamespaceState *state;
		uint16	   *bucket;

		shared->last_taken = shared->last_taken % (CQ_NAMESPACE_STATES - 1) + 1;
		state = &shared->states[shared->last_taken];
		if (OidIsValid(state->database))
			continue;
		bucket = bucket_of(database, name_space);
		state->database = database;
		state->name_space = name_space;
		state->next = *bucket;
		*bucket = shared->last_taken;
		cq_counters_state_begin(shared->last_taken);
		return shared->last_taken;
	}
	return 0;
}

/* Free a state, its quota and its counters.  Lock held exclusively. */
static void
free_state(uint16 number)
{
	CqNamespaceState *state = &shared->states[number];
	uint16	   *link = bucket_of(state->database, state->name_space);

	while (*link != number)
		link = &shared->states[*link].next;
	*link = state->next;
	state->database = InvalidOid;
	cq_engine_set_quota(cq_cache_engine(), number, 0);
	cq_counters_state_end(number);
}

static uint16
find_or_take(uint32 name_space)
{
	uint16		state;

	LWLockAcquire(&shared->lock, LW_SHARED);
	state = find_state(MyDatabaseId, name_space);
	LWLockRelease(&shared->lock);
	if (state == 0)
	{
		LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
		state = find_state(MyDatabaseId, name_space);
		if (state == 0)
			state = take_state(MyDatabaseId, name_space);
		LWLockRelease(&shared->lock);
	}
	return state;
}

uint16
cq_namespace_state(uint32 name_space)
{
	CqFoundState *found = &found_states[name_space % NFOUND];

	if (unlikely(!found->valid || found->name_space != name_space))
	{
		found->valid = false;
		found->state = find_or_take(name_space);
		cq_counters_attach(found->state);
		found->name_space = name_space;
		found->valid = true;
	}
	return found->state;
}

uint16
cq_namespace_state_find(uint32 name_space)
{
	uint16		state;

	LWLockAcquire(&shared->lock, LW_SHARED);
	state = find_state(MyDatabaseId, name_space);
	LWLockRelease(&shared->lock);
	return state;
}

void
cq_namespace_set_quota(uint32 name_space, uint64 bytes)
{
	uint16		state = cq_namespace_state(name_space);

	if (state != 0)
		cq_engine_set_quota(cq_cache_engine(), state, bytes);
}

void
cq_namespace_release(uint32 name_space)
{
	uint16		state;

	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	state = find_state(MyDatabaseId, name_space);
	if (state != 0)
		free_state(state);
	LWLockRelease(&shared->lock);
}

void
cq_namespace_release_database(Oid database)
{
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	for (int state = 1; state < CQ_NAMESPACE_STATES; state++)
	{
		if (shared->states[state].database == database)
			free_state(state);
	}
	LWLockRelease(&shared->lock);
}

void
cq_namespace_states_forget(void)
{
	for (int i = 0; i < NFOUND; i++)
		found_states[i].valid = false;
}
