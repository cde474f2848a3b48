/*-------------------------------------------------------------------------
 *
 * faults.h
 *	  Switching a consistency rule off on purpose.
 *
 * A build with -DCQ_FAULTS (make debug) has the setting cachequeue.fault; a
 * rule guarded by CQ_FAULT("name") is left out while it holds that name.  The
 * test suite uses it to show that each rule has a test that fails without it.
 * CQ_FAULT_OF("name", what) is for rules that a table has by the dozen: the setting is
 * name:what then.
 *
 * A CQ_PAUSE("name") marks a window that a test wants another session to act in: a
 * session that reaches it waits there, visibly in pg_locks, as long as the test holds
 * an advisory lock.
 *
 * Other builds compile to nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_FAULTS_H
#define CQ_CORE_FAULTS_H

#include "core/settings.h"

#define CQ_PAUSE_LOCK 4711

#ifdef CQ_FAULTS
#define CQ_FAULT(name) \
	(cq_fault != NULL && cq_fault[0] != '\0' && strcmp(cq_fault, (name)) == 0)
#define CQ_FAULT_OF(name, what) \
	(cq_fault != NULL && strncmp(cq_fault, (name ":"), sizeof(name)) == 0 && \
	 strcmp(cq_fault + sizeof(name), (what)) == 0)
#define CQ_PAUSE(name) cq_pause(name)
#else
#define CQ_FAULT(name) false
#define CQ_FAULT_OF(name, what) false
#define CQ_PAUSE(name) ((void) 0)
#define cq_fault_lock(what) ((void) 0)
#endif

#ifdef CQ_FAULTS
/* For rules about not waiting: lock this until the transaction ends. */
extern void cq_fault_lock(uint64 what);

/*
 * While cachequeue.pause holds that name: wait until no session holds advisory
 * lock CQ_PAUSE_LOCK, or with "name:lock" that lock.	In a transaction, without any lightweight lock.
 */
extern void cq_pause(const char *name);
#endif

#endif							/* CQ_CORE_FAULTS_H */
