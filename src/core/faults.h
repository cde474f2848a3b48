/*-------------------------------------------------------------------------
 *
 * faults.h
 *	  Switching a consistency rule off on purpose.
 *
 * A build with -DCQ_FAULTS (make debug) has the setting cachequeue.fault; a
 * rule guarded by CQ_FAULT("name") is left out while it holds that name.  The
 * test suite uses it to show that each rule has a test that fails without it.
 * Other builds compile to nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_FAULTS_H
#define CQ_FAULTS_H

#include "core/settings.h"

#ifdef CQ_FAULTS
#define CQ_FAULT(name) \
	(cq_fault != NULL && cq_fault[0] != '\0' && strcmp(cq_fault, (name)) == 0)
#else
#define CQ_FAULT(name) false
#endif

#endif							/* CQ_FAULTS_H */
