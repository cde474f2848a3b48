/*-------------------------------------------------------------------------
 *
 * registry.h
 *	  Which state of shared memory belongs to which object.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_REGISTRY_H
#define CQ_CORE_REGISTRY_H

#include "storage/lwlock.h"

/*
 * Which object a state belongs to.  Written under the registry's lock and the state's,
 * both exclusively; read under either.
 */
typedef struct CqStateKey
{
	Oid			database;		/* InvalidOid: the state is free */
	int32		id;				/* number of the object */
	Oid			sequence;		/* tells the object from an earlier one with
								 * the same number */
	uint32		generation;		/* advances when it is taken, and when freed */
} CqStateKey;

/* What each state begins with. */
typedef struct CqState
{
	LWLock		lock;
	CqStateKey	key;
} CqState;

/* The states of one kind of objects: an array in shared memory. */
typedef struct CqRegistry
{
	const char *objects;		/* "queues": for messages */
	const char *setting;		/* how many states there are, by its name */
	void		(*release) (void *state);	/* empty it, both locks held; fit
											 * for callbacks */
	void		(*wake) (void *state);	/* wake all who sleep on it; no lock
										 * held */
	LWLock	   *lock;
	char	   *states;
	Size		state_size;
	int			n;
} CqRegistry;

static inline CqState *
cq_registry_state(const CqRegistry *registry, int i)
{
	return (CqState *) (registry->states + i * registry->state_size);
}

/*
 * The state of this database's object, or NULL.  One of an earlier object with
 * the same number, which no session has freed, is freed.  No lock held: the state
 * may be freed at any time.
 */
extern void *cq_registry_find(const CqRegistry *registry, int32 id, Oid sequence);

/*
 * The same, but takes a free state when there is none.  *taken: it is new and
 * empty, and its lock is held exclusively.  Raises 53400 when none is free.
 */
extern void *cq_registry_take(const CqRegistry *registry, int32 id, Oid sequence, bool *taken);

/*
 * Free the object's state, if it has one, and wake all who sleep on it.  Never
 * raises, allocates nothing: fit for callbacks.  No lock held.
 */
extern void cq_registry_forget(const CqRegistry *registry, Oid database, int32 id);

/* Which object the state belongs to at the moment. */
extern CqStateKey cq_state_key(void *state);

/*
 * Lock the state if it still has that generation.  False, with no lock held,
 * when it does not: its contents are another object's.
 */
static inline bool
cq_state_lock_if_same(void *state, uint32 generation, LWLockMode mode)
{
	CqState    *s = state;

	LWLockAcquire(&s->lock, mode);
	if (likely(s->key.generation == generation))
		return true;
	LWLockRelease(&s->lock);
	return false;
}

#endif							/* CQ_CORE_REGISTRY_H */
