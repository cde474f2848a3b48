/*-------------------------------------------------------------------------
 *
 * watch_ddl.h
 *	  What DDL does to watched tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TABLES_WATCH_DDL_H
#define CQ_TABLES_WATCH_DDL_H

/*
 * Set the barrier in the database's epoch: no entry that depends on anything may be
 * served any more.
 */
extern void cq_epoch_mark(void);

/*
 * DDL, or cq.cache_watch, has changed the relation: set its barrier and those of its
 * ancestors, and invalidate plans and compiled watches.  Raises 2BP01 when the relation
 * has lost a column that a template or write-through names.
 */
extern void cq_relation_mark_changed(Oid relid);

/* The same for a relation that has been dropped; its row of cq.watch is deleted. */
extern void cq_relation_mark_dropped(Oid relid);

/*
 * A table has got another parent or partition, or has lost its parent: create and drop
 * triggers until it, and the tables below it, have those that cq.watch now asks for.
 */
extern void cq_watch_follow(Oid relid);

/*
 * The same for the partitions that this transaction has detached.  (The command does
 * not say which.)
 */
extern void cq_watch_follow_detached(void);

/*
 * ALTER TABLE has enabled or disabled triggers of a table, and maybe of those below it:
 * let the triggers of cq.cache_watch fire always again, and warn of each table where one
 * was disabled.  Creates none: restoring a dump, trigger by trigger, has the same effect
 * on tables whose other triggers are yet to come.
 */
extern void cq_watch_keep_enabled(Oid relid);

#endif							/* CQ_TABLES_WATCH_DDL_H */
