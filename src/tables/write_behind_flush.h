/*-------------------------------------------------------------------------
 *
 * write_behind_flush.h
 *	  Write-behind: from the log to the table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TABLES_WRITE_BEHIND_FLUSH_H
#define CQ_TABLES_WRITE_BEHIND_FLUSH_H

/*
 * Write what is pending in a namespace to its table; 0: in all namespaces whose
 * owner's rights the current role has.  Waits for another flush of a namespace.
 * Returns how many rows were written.
 */
extern int64 cq_behind_flush(uint32 namespace_id);

/*
 * Delete these dead letters (bigint[]) of namespaces whose owner's rights the current
 * role has; returns how many there were.
 */
extern int64 cq_behind_delete_dead_letters(Datum dead_ids);

/* Task of the maintenance worker (core/tasks.h). */
extern int64 cq_behind_maintain(void);
extern void cq_behind_at_shutdown(void);

#endif							/* CQ_TABLES_WRITE_BEHIND_FLUSH_H */
