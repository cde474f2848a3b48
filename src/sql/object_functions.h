/*-------------------------------------------------------------------------
 *
 * object_functions.h
 *	  Definitions whose carriers are gone, as the maintenance worker sees them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_SQL_OBJECT_FUNCTIONS_H
#define CQ_SQL_OBJECT_FUNCTIONS_H

/*
 * Task of the maintenance worker: delete definitions whose carriers were dropped
 * while event triggers were off.
 */
extern int64 cq_objects_maintain(void);

#endif							/* CQ_SQL_OBJECT_FUNCTIONS_H */
