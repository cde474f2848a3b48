/*-------------------------------------------------------------------------
 *
 * ddl_objects.h
 *	  What DDL on an object of a catalog invalidates.
 *
 * All of these do nothing without shared memory.  They take no lock on the objects,
 * and open none.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TABLES_DDL_OBJECTS_H
#define CQ_TABLES_DDL_OBJECTS_H

/*
 * Set the barrier in the database's epoch: no entry that depends on anything may be
 * served any more.
 */
extern void cq_epoch_mark(void);

/*
 * Set the barrier of a relation and of its ancestors.  With rows, what its rows are,
 * or who sees them, may have changed: then also that of its row type and, if the
 * relation's rows have tags or keys of their own, that of the epoch.
 */
extern void cq_relation_mark(Oid relid, bool rows);

/*
 * Set the barrier for whatever may depend on an object that is created or changed, or
 * about to be dropped.  Nothing for an object of a session (pg_temp).
 */
extern void cq_ddl_mark_object(Oid catalog, Oid object);

/* Is it a table of a session, this one or another?  False if it does not exist. */
extern bool cq_relation_is_temporary(Oid relid);

/* The relation of a trigger, a policy or a rule; InvalidOid if there is none. */
extern Oid	cq_ddl_relation_of(Oid catalog, Oid object);

#endif							/* CQ_TABLES_DDL_OBJECTS_H */
