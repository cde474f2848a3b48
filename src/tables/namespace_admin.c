/*-------------------------------------------------------------------------
 *
 * namespace_admin.c
 *	  Creating, altering and dropping namespaces of the cache.
 *
 * The tables belong to the extension's owner and are written as that role, after
 * the caller's rights on the namespace have been checked.  A namespace is dropped
 * when its carrier is dropped, by namespace_drop or by another command; a sweep
 * then deletes definitions whose carrier is gone.
 *
 * This file is above the cache because a namespace's write-behind rule is dropped
 * with it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/key.h"
#include "cache/namespace.h"
#include "cache/pending.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "core/object.h"
#include "core/owner.h"
#include "core/shmem.h"
#include "miscadmin.h"
#include "tables/namespace_admin.h"
#include "tables/write_behind_rule.h"
#include "utils/builtins.h"

/* other relations with the number of a namespace in their names: none */
static const char *const relation_formats[] = {NULL};

/* Drop carriers by that name that a restore without data has left. */
static void
drop_orphans(const char *name)
{
	ListCell   *cell;

	foreach(cell, cq_carrier_orphans(CQ_OBJECT_NAMESPACE, name))
		cq_carrier_drop(cq_carrier_by_id(CQ_OBJECT_NAMESPACE, lfirst_int(cell)));
}

/* Number, default_ttl and memory_quota as parameters of a command. */
static void
fill_options(uint32 id, const CqNamespaceOptions *options, Datum *values, char *nulls)
{
	values[0] = Int32GetDatum((int32) id);
	values[1] = PointerGetDatum(options->default_ttl);
	nulls[1] = options->default_ttl == NULL ? 'n' : ' ';
	values[2] = Int64GetDatum(options->memory_quota);
	nulls[2] = options->memory_quota == 0 ? 'n' : ' ';
}

/* Raises 42710 unless the namespace has these options. */
static void
check_same_options(uint32 id, const char *name, const CqNamespaceOptions *options)
{
	Oid			types[] = {INT4OID, INTERVALOID, INT8OID};
	Datum		values[lengthof(types)];
	char		nulls[] = "   ";

	fill_options(id, options, values, nulls);
	if (cq_execute_as_owner("SELECT 1 FROM cq.namespace WHERE namespace_id = $1 "
							"AND default_ttl IS NOT DISTINCT FROM $2 "
							"AND memory_quota IS NOT DISTINCT FROM $3",
							lengthof(types), types, values, nulls) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("namespace \"%s\" already exists with other options", name),
				 errhint("See cq.namespaces; cq.namespace_alter changes options.")));
	ereport(NOTICE,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("namespace \"%s\" already exists, skipping", name)));
}

void
cq_namespace_create_named(const char *name, const CqNamespaceOptions *options,
						  bool if_not_exists)
{
	Oid			types[] = {INT4OID, INTERVALOID, INT8OID, TEXTOID, OIDOID};
	Datum		values[lengthof(types)];
	char		nulls[] = "     ";
	const CqNamespace *existing;
	int32		id = 0;

	PreventCommandIfReadOnly("namespace_create()");
	if (creating_extension)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("namespaces cannot be created by an extension's script")));
	cq_namespaces_sweep(NIL);
	existing = cq_namespace_lookup(name);
	if (existing != NULL && if_not_exists)
	{
		check_same_options(existing->id, name, options);
		return;
	}
	if (existing == NULL)
	{
		drop_orphans(name);
		id = cq_object_new_id(CQ_OBJECT_NAMESPACE, "namespace_namespace_id_seq", relation_formats);
		fill_options((uint32) id, options, values, nulls);
		values[3] = CStringGetTextDatum(name);
		values[4] = ObjectIdGetDatum(cq_carrier_create(CQ_OBJECT_NAMESPACE, id, name));
	}
	if (existing != NULL ||
		cq_execute_as_owner("INSERT INTO cq.namespace (namespace_id, default_ttl, "
							"memory_quota, name, carrier) VALUES ($1, $2, $3, $4, $5) "
							"ON CONFLICT DO NOTHING RETURNING namespace_id",
							lengthof(types), types, values, nulls) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("namespace \"%s\" already exists", name)));
	cq_pending_namespace((uint32) id, options->memory_quota, true);

	/* the extension may have been dropped and created again since */
	cq_namespace_clear_now((uint32) id);
}

void
cq_namespace_alter_options(uint32 id, const CqNamespaceOptions *options)
{
	Oid			types[] = {INT4OID, INTERVALOID, INT8OID};
	Datum		values[lengthof(types)];
	char		nulls[] = "   ";

	fill_options(id, options, values, nulls);
	(void) cq_execute_as_owner("UPDATE cq.namespace SET default_ttl = $2, memory_quota = $3 "
							   "WHERE namespace_id = $1",
							   lengthof(types), types, values, nulls);
	if (cq_shared != NULL)
		cq_pending_namespace(id, options->memory_quota, false);
}

/*
 * The carrier is gone: delete what is left.  When it was gone before this command,
 * what is pending cannot be flushed any more.
 */
static void
forget(uint32 id, const List *views)
{
	Oid			types[] = {INT4OID};
	Datum		value = Int32GetDatum((int32) id);
	const CqNamespace *name_space = cq_namespace_by_id(id);

	if (name_space != NULL && name_space->behind != 0)
	{
		char	   *name = cq_namespace_name(id);
		bool		discard = !list_member_oid(views, cq_namespace_carrier(id));
		int64		discarded = cq_behind_drop_rule(id, discard);

		if (discarded > 0)
			ereport(WARNING,
					(errmsg("%lld sets or deletes of namespace \"%s\" did not reach its table",
							(long long) discarded, name),
					 errdetail("The namespace was dropped while event triggers were disabled.")));
	}
	(void) cq_execute_as_owner("DELETE FROM cq.namespace WHERE namespace_id = $1",
							   1, types, &value, NULL);
	if (cq_shared != NULL)
		cq_pending_namespace(id, CQ_NAMESPACE_DROPPED, false);
}

void
cq_namespaces_sweep(const List *views)
{
	ListCell   *cell;

	foreach(cell, cq_objects_without_carrier(CQ_OBJECT_NAMESPACE))
		forget((uint32) lfirst_int(cell), views);
}

void
cq_namespace_drop_named(const char *name, bool if_exists)
{
	const CqNamespace *name_space;
	CqObject	object;

	PreventCommandIfReadOnly("namespace_drop()");
	cq_namespaces_sweep(NIL);
	if (if_exists && cq_namespace_lookup(name) == NULL)
	{
		cq_object_skip_missing(CQ_OBJECT_NAMESPACE, name);
		return;
	}
	name_space = cq_namespace_find_own(name, strlen(name));
	object = cq_namespace_object(name, strlen(name));
	if (!cq_carrier_lock(object.carrier))
	{
		/* another session has dropped it since */
		if (!if_exists)
			cq_object_missing(CQ_OBJECT_NAMESPACE, name);
		cq_object_skip_missing(CQ_OBJECT_NAMESPACE, name);
		return;
	}
	if (name_space->behind != 0)
		(void) cq_behind_drop_rule(name_space->id, false);
	cq_object_drop(&object);
	cq_namespaces_sweep(NIL);
}

void
cq_namespace_change_grant(const char *name, const char *role, AclMode privileges, bool grant)
{
	CqObject	object;

	PreventCommandIfReadOnly(grant ? "namespace_grant()" : "namespace_revoke()");
	object = cq_namespace_object(name, strlen(name));
	if (!cq_object_grant(&object, role, privileges, grant, false))
		cq_object_denied(CQ_OBJECT_NAMESPACE, name, NULL, false);
}

void
cq_namespace_change_owner(const char *name, const char *role)
{
	CqObject	object;

	PreventCommandIfReadOnly("namespace_owner()");
	(void) cq_namespace_find_own(name, strlen(name));
	object = cq_namespace_object(name, strlen(name));
	if (!cq_object_change_owner(&object, role))
		cq_object_denied(CQ_OBJECT_NAMESPACE, name, NULL, true);
}
