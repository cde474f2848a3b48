/*-------------------------------------------------------------------------
 *
 * watch_ddl.h
 *	  What DDL does to watched tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TABLES_WATCH_DDL_H
#define CQ_TABLES_WATCH_DDL_H

/* Nothing that has been recorded before may be served any more: set that barrier. */
extern void cq_epoch_mark(void);

/*
 * DDL, or a watch, has changed the relation: set the barrier, and let plans and
 * watches that were made for it be made again.  Raises 2BP01 when a template, or
 * write-through, has lost a column.
 */
extern void cq_relation_mark_changed(Oid relid);

/* The relation has been dropped: so does its row of cq.watch go. */
extern void cq_relation_mark_dropped(Oid relid);

/*
 * A table has got another parent or partition, or has lost its parent: give it, and
 * those below it, the triggers that cq.watch now asks for.
 */
extern void cq_watch_follow(Oid relid);

/*
 * The same for the partitions that this transaction has detached.  (The command does
 * not say which.)
 */
extern void cq_watch_follow_detached(void);

/*
 * Triggers of a table, and with it maybe of those below it, have been switched: let
 * ours fire always again, with a warning for a table where one was disabled.  Creates
 * none: a dump, which restores them one by one, comes here, too.
 */
extern void cq_watch_keep_enabled(Oid relid);

#endif							/* CQ_TABLES_WATCH_DDL_H */
