/*-------------------------------------------------------------------------
 *
 * ddl_objects.c
 *	  What DDL on an object of a catalog invalidates.
 *
 * DDL is not MVCC: all marks here set the barrier.
 *
 *	relation			its slot and its ancestors'; if its rows have tags or keys of
 *						their own, the epoch, since DDL does not tell which rows are
 *						concerned
 *	policy, rule		as for their relation
 *	function			its slot, and that of "any function", on which results depend
 *						whose functions may call others: bodies in most languages are
 *						but strings
 *	type				its slot; the relations that have columns of it; any function
 *	schema				any function: bodies look names up
 *	what no result can	nothing: comments, publications, statistics, default
 *	depend on			privileges, indexes, constraints of tables ...
 *	anything else		the epoch: operators and their classes, casts, collations, text
 *						search, languages, and what we don't know
 *
 * What is made of a function or of a type is concerned, too: aggregates, domains, arrays,
 * ranges, composite types, rows.  pg_depend tells.  A cast, an operator or the like that
 * uses the function is of the last kind.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "cache/marks.h"
#include "cache/slots.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_auth_members.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_conversion.h"
#include "catalog/pg_database.h"
#include "catalog/pg_default_acl.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_event_trigger.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_language.h"
#include "catalog/pg_largeobject_metadata.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_publication_namespace.h"
#include "catalog/pg_publication_rel.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_subscription.h"
#include "catalog/pg_tablespace.h"
#include "catalog/pg_transform.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_ts_config.h"
#include "catalog/pg_ts_dict.h"
#include "catalog/pg_ts_parser.h"
#include "catalog/pg_ts_template.h"
#include "catalog/pg_type.h"
#include "catalog/pg_user_mapping.h"
#include "core/shmem.h"
#include "miscadmin.h"
#include "tables/ddl_objects.h"
#include "tables/watch.h"
#include "tables/watch_spec.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* What DDL on an object means for the results of queries. */
typedef enum CqDdlKind
{
	CQ_DDL_ANYTHING,			/* the set of what depends on it is not known */
	CQ_DDL_NOTHING,
	CQ_DDL_RELATION,
	CQ_DDL_OF_RELATION,			/* it is a property of one */
	CQ_DDL_CONSTRAINT,
	CQ_DDL_FUNCTION,
	CQ_DDL_TYPE,
	CQ_DDL_SCHEMA
} CqDdlKind;

static const struct
{
	Oid			catalog;
	CqDdlKind	kind;
}			kinds[] = {
	{RelationRelationId, CQ_DDL_RELATION},
	{ProcedureRelationId, CQ_DDL_FUNCTION},
	{TypeRelationId, CQ_DDL_TYPE},
	{PolicyRelationId, CQ_DDL_OF_RELATION},
	{RewriteRelationId, CQ_DDL_OF_RELATION},
	{ConstraintRelationId, CQ_DDL_CONSTRAINT},
	{NamespaceRelationId, CQ_DDL_SCHEMA},

	{AccessMethodRelationId, CQ_DDL_NOTHING},
	{AttrDefaultRelationId, CQ_DDL_NOTHING},
	{AuthIdRelationId, CQ_DDL_NOTHING},
	{AuthMemRelationId, CQ_DDL_NOTHING},
	{DatabaseRelationId, CQ_DDL_NOTHING},
	{DefaultAclRelationId, CQ_DDL_NOTHING},
	{EventTriggerRelationId, CQ_DDL_NOTHING},
	{ExtensionRelationId, CQ_DDL_NOTHING},
	{ForeignDataWrapperRelationId, CQ_DDL_NOTHING},
	{ForeignServerRelationId, CQ_DDL_NOTHING},
	{LargeObjectMetadataRelationId, CQ_DDL_NOTHING},
	{PublicationNamespaceRelationId, CQ_DDL_NOTHING},
	{PublicationRelRelationId, CQ_DDL_NOTHING},
	{PublicationRelationId, CQ_DDL_NOTHING},
	{StatisticExtRelationId, CQ_DDL_NOTHING},
	{SubscriptionRelationId, CQ_DDL_NOTHING},
	{TableSpaceRelationId, CQ_DDL_NOTHING},
	{TriggerRelationId, CQ_DDL_NOTHING},	/* ours: watch_ddl.c */
	{UserMappingRelationId, CQ_DDL_NOTHING},
};

/* Objects that one mark has come by, so that it does not go in circles. */
typedef struct CqSeen
{
	List	   *functions;
	List	   *types;
} CqSeen;

static void mark_function(Oid function, CqSeen *seen);
static void mark_type(Oid type, CqSeen *seen);
static void mark_relation(Oid relid, bool rows, CqSeen *seen);

static CqDdlKind
kind_of(Oid catalog)
{
	for (int i = 0; i < lengthof(kinds); i++)
	{
		if (kinds[i].catalog == catalog)
			return kinds[i].kind;
	}
	return CQ_DDL_ANYTHING;
}

void
cq_epoch_mark(void)
{
	if (cq_shared != NULL)
		cq_mark_slot(cq_slot_of_epoch(MyDatabaseId), true);
}

static void
mark_slot(Oid catalog, Oid object)
{
	cq_mark_slot(cq_slot_of_object(MyDatabaseId, catalog, object), true);
}

static void
mark_any_function(void)
{
	mark_slot(ProcedureRelationId, InvalidOid);
}

/* An OID in a row of a catalog, which is found by its own OID. */
static Oid
oid_in_row(Oid catalog, Oid index, Oid object, AttrNumber column)
{
	Relation	rel = table_open(catalog, AccessShareLock);
	Oid			result = InvalidOid;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	/* the first column of all these catalogs is the OID */
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object));
	scan = systable_beginscan(rel, index, true, NULL, 1, &key);
	if (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;

		result = DatumGetObjectId(heap_getattr(tuple, column, RelationGetDescr(rel),
											   &isnull));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

Oid
cq_ddl_relation_of(Oid catalog, Oid object)
{
	switch (catalog)
	{
		case TriggerRelationId:
			return oid_in_row(catalog, TriggerOidIndexId, object, Anum_pg_trigger_tgrelid);
		case PolicyRelationId:
			return oid_in_row(catalog, PolicyOidIndexId, object, Anum_pg_policy_polrelid);
		case RewriteRelationId:
			return oid_in_row(catalog, RewriteOidIndexId, object, Anum_pg_rewrite_ev_class);
		default:
			return InvalidOid;
	}
}

/* Something that is not a function uses one. */
static void
mark_user_of_function(Oid catalog, Oid object, CqSeen *seen)
{
	switch (catalog)
	{
		case TypeRelationId:
			mark_type(object, seen);
			break;
		case AccessMethodOperatorRelationId:
		case AccessMethodProcedureRelationId:
		case CastRelationId:
		case CollationRelationId:
		case ConversionRelationId:
		case LanguageRelationId:
		case OperatorClassRelationId:
		case OperatorFamilyRelationId:
		case OperatorRelationId:
		case TransformRelationId:
		case TSConfigRelationId:
		case TSDictionaryRelationId:
		case TSParserRelationId:
		case TSTemplateRelationId:
			cq_epoch_mark();
			break;
		default:				/* a view, a policy: their text is in results'
								 * keys */
			break;
	}
}

/* What is made of a function or a type. */
static void
mark_users(Oid catalog, Oid object, CqSeen *seen)
{
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(catalog));
	ScanKeyInit(&key[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(object));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend user = (Form_pg_depend) GETSTRUCT(tuple);

		if (user->classid == ProcedureRelationId)
			mark_function(user->objid, seen);
		else if (user->classid == ConstraintRelationId)
			mark_type(oid_in_row(ConstraintRelationId, ConstraintOidIndexId, user->objid,
								 Anum_pg_constraint_contypid), seen);
		else if (user->classid == RelationRelationId && catalog == TypeRelationId)
			mark_relation(user->objid, true, seen);
		else
			mark_user_of_function(user->classid, user->objid, seen);
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
}

static void
mark_function(Oid function, CqSeen *seen)
{
	if (list_member_oid(seen->functions, function))
		return;
	seen->functions = lappend_oid(seen->functions, function);
	mark_slot(ProcedureRelationId, function);
	mark_any_function();
	mark_users(ProcedureRelationId, function, seen);
}

static void
mark_type(Oid type, CqSeen *seen)
{
	if (!OidIsValid(type) || list_member_oid(seen->types, type))
		return;
	seen->types = lappend_oid(seen->types, type);
	mark_slot(TypeRelationId, type);
	mark_any_function();
	mark_users(TypeRelationId, type, seen);
}

static void
mark_relation(Oid relid, bool rows, CqSeen *seen)
{
	CqWatchSpec *spec = cq_watch_spec(relid);
	ListCell   *cell;

	foreach(cell, spec->relations)
		cq_mark_slot(cq_relation_slot(lfirst_oid(cell)), true);
	if (!rows)
		return;
	if (spec->templates != NIL || OidIsValid(spec->writer))
		cq_epoch_mark();
	mark_type(get_rel_type_id(relid), seen);
}

void
cq_relation_mark(Oid relid, bool rows)
{
	CqSeen		seen = {0};

	if (cq_shared == NULL)
		return;
	if (cq_watch_is_there())
		mark_relation(relid, rows, &seen);
	else
		cq_epoch_mark();		/* version 1.0 waits for its update */
}

bool
cq_relation_is_temporary(Oid relid)
{
	Oid			schema = get_rel_namespace(relid);

	return OidIsValid(schema) && isAnyTempNamespace(schema);
}

static bool
is_of_session(Oid catalog, Oid object)
{
	switch (catalog)
	{
		case RelationRelationId:
			return cq_relation_is_temporary(object);
		case ProcedureRelationId:
			return isAnyTempNamespace(get_func_namespace(object));
		case TypeRelationId:
			return isAnyTempNamespace(GetSysCacheOid1(TYPEOID, Anum_pg_type_typnamespace,
													  ObjectIdGetDatum(object)));
		default:
			return false;
	}
}

/* Can a query read from a relation of that kind? */
static bool
is_read(char relkind)
{
	return relkind != RELKIND_INDEX && relkind != RELKIND_PARTITIONED_INDEX &&
		relkind != RELKIND_TOASTVALUE;
}

void
cq_ddl_mark_object(Oid catalog, Oid object)
{
	CqSeen		seen = {0};
	Oid			relid;

	if (cq_shared == NULL || is_of_session(catalog, object))
		return;
	if (!cq_watch_is_there())
	{
		cq_epoch_mark();
		return;
	}
	switch (kind_of(catalog))
	{
		case CQ_DDL_NOTHING:
			break;
		case CQ_DDL_RELATION:
			if (is_read(get_rel_relkind(object)))
				mark_relation(object, true, &seen);
			break;
		case CQ_DDL_OF_RELATION:
			relid = cq_ddl_relation_of(catalog, object);
			if (OidIsValid(relid) && !is_of_session(RelationRelationId, relid))
				mark_relation(relid, true, &seen);
			break;
		case CQ_DDL_CONSTRAINT:
			mark_type(oid_in_row(catalog, ConstraintOidIndexId, object,
								 Anum_pg_constraint_contypid), &seen);
			break;
		case CQ_DDL_FUNCTION:
			mark_function(object, &seen);
			break;
		case CQ_DDL_TYPE:
			mark_type(object, &seen);
			break;
		case CQ_DDL_SCHEMA:
			mark_any_function();
			break;
		case CQ_DDL_ANYTHING:
			cq_epoch_mark();
			break;
	}
}
