/*-------------------------------------------------------------------------
 *
 * object.h
 *	  Named objects: their owners and privileges, kept by carrier relations.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_OBJECT_H
#define CQ_CORE_OBJECT_H

#include "core/compat.h"
#include "nodes/parsenodes.h"

typedef enum CqObjectKind
{
	CQ_OBJECT_QUEUE,
	CQ_OBJECT_TOPIC,
	CQ_OBJECT_GROUP,
	CQ_OBJECT_EXCHANGE,
	CQ_OBJECT_NAMESPACE
} CqObjectKind;

#define CQ_OBJECT_KINDS (CQ_OBJECT_NAMESPACE + 1)

/* A part of every definition. */
typedef struct CqObject
{
	CqObjectKind kind;
	int32		id;
	Oid			carrier;

	/* privileges of the role that they were last checked for */
	uint64		epoch;			/* 0: not known */
	Oid			role;
	AclMode		privileges;
	bool		owned;
} CqObject;

/* Once, from _PG_init. */
extern void cq_object_init(void);

/* Advances whenever owners, privileges or carriers may have changed. */
extern uint64 cq_object_epoch(void);

/* Fill it in; privileges are looked up when they are first checked. */
extern void cq_object_set(CqObject *object, CqObjectKind kind, int32 id, Oid carrier);

/* "queue", "topic", ... */
extern CqObjectKind cq_object_kind_named(const char *name);

/* The table of schema cq that has the definitions of a kind. */
extern const char *cq_object_table(CqObjectKind kind);

/* Raise 42704, or 42710, for an object that is no group. */
pg_noreturn extern void cq_object_missing(CqObjectKind kind, const char *name);
pg_noreturn extern void cq_object_exists(CqObjectKind kind, const char *name);

/* Report with a NOTICE that a command has nothing to do since it is missing. */
extern void cq_object_skip_missing(CqObjectKind kind, const char *name);

/*
 * Lock an object for a change, until the transaction ends.  For kinds without a
 * sequence; users cannot take this lock by themselves.
 */
extern void cq_object_lock(CqObjectKind kind, int32 id);

/* ---- privileges ------------------------------------------------------ */

/* The current user's privileges (ACL_SELECT, ...). */
extern AclMode cq_object_privileges(CqObject *object);

/* Whether the current user has one of these. */
extern bool cq_object_allowed(CqObject *object, AclMode privileges);

/* Whether the current user owns it, as a superuser owns everything. */
extern bool cq_object_owned(CqObject *object);

/* The same for any role; false when the carrier is gone. */
extern bool cq_carrier_allows(Oid carrier, Oid role, AclMode privileges);

/*
 * Raise 42501 for the object; topic: that of a group, or NULL; owner: ownership is
 * wanted.
 */
pg_noreturn extern void cq_object_denied(CqObjectKind kind, const char *name,
										 const char *topic, bool owner);

/*
 * Privileges by their words for that kind, separated by commas.  Raises 22023,
 * and lists the words.
 */
extern AclMode cq_privileges_named(CqObjectKind kind, const char *list);

/*
 * GRANT to a role, or REVOKE from it, as the current user, or as_owner; role may
 * be 'public'.  Returns false when the user may not.  Raises 42704.
 */
extern bool cq_object_grant(CqObject *object, const char *role, AclMode privileges,
							bool grant, bool as_owner);

/*
 * Give it another owner.  Returns false when the current user does not own it.
 * Raises 42704, and 42501 when the current user is no member of that role.
 */
extern bool cq_object_change_owner(CqObject *object, const char *role);

/* ---- carriers -------------------------------------------------------- */

/*
 * A number for a new object from that sequence of schema cq, one that no
 * relation with one of the names carries: formats with %d for the number, the
 * last one NULL.
 */
extern int32 cq_object_new_id(CqObjectKind kind, const char *sequence,
							  const char *const *formats);

/* Whether relations with these names, or the carrier, exist for that number. */
extern bool cq_object_id_taken(CqObjectKind kind, int32 id, const char *const *formats);

/* Create the carrier, which the current user owns.  Checks no privilege. */
extern Oid	cq_carrier_create(CqObjectKind kind, int32 id, const char *name);

/* Lock it for a drop; false, and no lock, when it has been dropped meanwhile. */
extern bool cq_carrier_lock(Oid carrier);

/* Drop it, if it is there, with all that depends on it.  Checks no privilege. */
extern void cq_carrier_drop(Oid carrier);

/*
 * The same, before a sweep that is to delete the definition.  Raises 40001 when the
 * transaction's snapshot is too old to show it.
 */
extern void cq_object_drop(const CqObject *object);

/*
 * Numbers (int list) of carriers of that kind and name that have no definition and
 * are owned by the current user: what a restore without data leaves.
 */
extern List *cq_carrier_orphans(CqObjectKind kind, const char *name);

/* The carrier of that number, by its first name, or InvalidOid. */
extern Oid	cq_carrier_by_id(CqObjectKind kind, int32 id);

/*
 * Let an object (pg_class, pg_publication) go with the carrier, or with another
 * relation that does.
 */
extern void cq_carrier_own(Oid owner, Oid class_id, Oid object);

/*
 * The same for a new relation of schema cq, which must exist; only its owner has
 * privileges on it from then on.
 */
extern void cq_carrier_own_relation(Oid owner, const char *name);

/* DROP SEQUENCE or TABLE of schema cq, if there is one by that name. */
extern void cq_drop_if_exists(const char *kind, const char *name);

/* Whether the object goes with some carrier. */
extern bool cq_has_carrier(Oid class_id, Oid object);

/* The carriers of all objects of a kind (Oid list); default's is one of them. */
extern List *cq_carriers(CqObjectKind kind);

/* Numbers of the definitions of a kind whose carrier is gone (int list, in order). */
extern List *cq_objects_without_carrier(CqObjectKind kind);

#endif							/* CQ_CORE_OBJECT_H */
