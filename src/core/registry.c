/*-------------------------------------------------------------------------
 *
 * registry.c
 *	  Which state of shared memory belongs to which object.
 *
 * A queue or a topic has a state of a fixed array from when it is first used
 * after the start of the server until it is dropped.  Where no session can tell
 * (DROP DATABASE, DROP EXTENSION), the worker frees the state, or the session
 * that finds none free.
 *
 * The number of an object may come again: after a rollback, in a database that was
 * dropped and created anew, after a restore.  So a state notes the object's
 * sequence as well.  A session remembers the state that it has found with its
 * generation, and finds it anew when the generation has advanced.
 *
 * Lock order: the registry's lock, then a state's.  Looking up walks over all
 * states, which is for cold paths.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/registry.h"
#include "miscadmin.h"
#include "utils/syscache.h"

/* Registry lock held.  InvalidOid and 0 find a free state. */
static CqState *
find(const CqRegistry *registry, Oid database, int32 id)
{
	for (int i = 0; i < registry->n; i++)
	{
		CqState    *state = cq_registry_state(registry, i);

		if (state->key.database == database && state->key.id == id)
			return state;
	}
	return NULL;
}

void *
cq_registry_find(const CqRegistry *registry, int32 id, Oid sequence)
{
	CqState    *state;
	bool		stale;

	LWLockAcquire(registry->lock, LW_SHARED);
	state = find(registry, MyDatabaseId, id);
	stale = (state != NULL && state->key.sequence != sequence);
	LWLockRelease(registry->lock);
	if (!stale)
		return state;
	cq_registry_forget(registry, MyDatabaseId, id);
	return NULL;
}

CqStateKey
cq_state_key(void *state)
{
	CqState    *s = state;
	CqStateKey	key;

	LWLockAcquire(&s->lock, LW_SHARED);
	key = s->key;
	LWLockRelease(&s->lock);
	return key;
}

/* Free the states of databases that have been dropped. */
static void
forget_dropped_databases(const CqRegistry *registry)
{
	for (int i = 0; i < registry->n; i++)
	{
		CqStateKey	key = cq_state_key(cq_registry_state(registry, i));

		if (OidIsValid(key.database) && key.database != MyDatabaseId &&
			!SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(key.database)))
			cq_registry_forget(registry, key.database, key.id);
	}
}

/* Registry lock held exclusively: a free state for the object, locked; or NULL. */
static CqState *
take_free(const CqRegistry *registry, int32 id, Oid sequence)
{
	CqState    *state = find(registry, InvalidOid, 0);

	if (state == NULL)
		return NULL;
	LWLockAcquire(&state->lock, LW_EXCLUSIVE);
	/* a session may have written to it before it noticed that it was freed */
	registry->release(state);
	state->key.database = MyDatabaseId;
	state->key.id = id;
	state->key.sequence = sequence;
	state->key.generation++;
	return state;
}

void *
cq_registry_take(const CqRegistry *registry, int32 id, Oid sequence, bool *taken)
{
	CqState    *state = cq_registry_find(registry, id, sequence);

	*taken = false;
	for (int attempt = 0; state == NULL && attempt < 2; attempt++)
	{
		if (attempt > 0)
			forget_dropped_databases(registry);
		LWLockAcquire(registry->lock, LW_EXCLUSIVE);
		state = find(registry, MyDatabaseId, id);
		if (state == NULL)
		{
			state = take_free(registry, id, sequence);
			*taken = (state != NULL);
		}
		LWLockRelease(registry->lock);
	}
	if (state == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("too many %s", registry->objects),
				 errhint("Raise %s (now %d) and restart the server.",
						 registry->setting, registry->n)));
	return state;
}

void
cq_registry_forget(const CqRegistry *registry, Oid database, int32 id)
{
	CqState    *state;

	LWLockAcquire(registry->lock, LW_EXCLUSIVE);
	state = find(registry, database, id);
	if (state != NULL)
	{
		LWLockAcquire(&state->lock, LW_EXCLUSIVE);
		registry->release(state);
		state->key.database = InvalidOid;
		state->key.id = 0;
		state->key.sequence = InvalidOid;
		state->key.generation++;
		LWLockRelease(&state->lock);
	}
	LWLockRelease(registry->lock);
	if (state != NULL)
		registry->wake(state);
}
