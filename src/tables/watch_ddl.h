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
 * DDL, or cq.cache_watch, has changed the relation: set its barrier and those of its
 * ancestors, and invalidate plans and compiled watches.  Raises 2BP01 when the relation
 * has lost a column that a template or write-through names.
 */
extern void cq_relation_mark_changed(Oid relid);

/* Raise that error alone. */
extern void cq_relation_check_columns(Oid relid);

/* Warn of foreign tables that are, or are below, a watched relation. */
extern void cq_watch_warn_foreign(Oid relid);

/* The relation has been dropped: delete its row of cq.watch. */
extern void cq_watch_relation_dropped(Oid relid);

/*
 * A trigger of the relation has been created or renamed: if that leaves a watched
 * relation without one of ours, set its barrier.  InvalidOid: no relation.
 */
extern void cq_watch_trigger_changed(Oid relid);

/* A trigger is about to be dropped: if it is one of ours, by whatever name, the same. */
extern void cq_watch_trigger_dropped(Oid trigger);

/*
 * A table has got another parent, or has lost its parent: create and drop triggers
 * until it, and the tables below it, have those that cq.watch now asks for, and set their
 * barriers.  Without rows, they are new and empty.
 */
extern void cq_watch_follow(Oid relid, bool rows);

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
