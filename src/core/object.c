/*-------------------------------------------------------------------------
 *
 * object.c
 *	  Named objects: their owners and privileges, kept by carrier relations.
 *
 * Queues, topics, consumer groups, exchanges and namespaces have owners and
 * privileges as tables have.  Only an entry of pg_class carries an owner and an
 * ACL that GRANT, DROP OWNED, REASSIGN OWNED, DROP ROLE, default privileges and
 * pg_dump all know of.  So each object has a *carrier*: a view of schema cq,
 * named by the object's kind and number, which shows the object's name and
 * nothing else.
 *
 * - The carrier's owner is the object's owner, and its ACL the object's.  What
 *	 a privilege of relations stands for is in the table below.
 * - Nothing reads or writes through it.  Its owner may rename it, move it to
 *	 another schema, or replace its query: it is found by its OID, which the
 *	 row of the definition holds as regclass and a dump as a name.
 * - Dropping it drops the object.  The tables of the object depend on it
 *	 (DEPENDENCY_AUTO), although they belong to the extension's owner: the first
 *	 sequence on the carrier's row type, and all else on that sequence, or on
 *	 what does.  A transaction that uses the object locks the sequence, which
 *	 users cannot lock by themselves as they can a view; so a drop, which locks
 *	 what it drops in the order of dependencies, waits there before it holds
 *	 anything that they could want.  (No sequence depends on a relation, only on
 *	 its row type: pg_dump would take it for owned by a column.)  Rows of
 *	 definitions are deleted by the event trigger; since event triggers can be
 *	 off, a definition without a carrier counts as dropped, and maintenance
 *	 deletes it.
 * - A role that may use schema cq can create what depends on a carrier, a view or a
 *	 column of its row type.  It does not keep the object: functions that drop
 *	 objects drop it as well.  DROP VIEW and DROP OWNED want CASCADE then.
 * - It is created for the current user as its owner, so that the user's default
 *	 privileges apply.  The caller has checked that the user may create the object;
 *	 no right to create relations in schema cq is needed.
 * - Neither the carrier nor the tables are members of the extension, as pg_dump
 *	 would not dump a member's owner.  That of the namespace default is one: it
 *	 is made by the extension's script.
 * - A restore does not bring back the dependencies of tables; they are recorded
 *	 again when the object is first used.
 *
 * The privileges of a user on an object are looked up when they are first checked,
 * and kept in the definition until those of another user are checked or something
 * may have changed them: a relcache invalidation of any relation, since GRANT and
 * the change of an owner send one for the carrier, or a change of roles.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tupdesc.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_type.h"
#include "commands/tablecmds.h"
#include "commands/view.h"
#include "core/catalog.h"
#include "core/compat.h"
#include "core/object.h"
#include "core/owner.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "parser/analyze.h"
#include "rewrite/rewriteHandler.h"
#include "storage/lmgr.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/syscache.h"

static const char *const kind_names[CQ_OBJECT_KINDS] = {
	[CQ_OBJECT_QUEUE] = "queue",
	[CQ_OBJECT_TOPIC] = "topic",
	[CQ_OBJECT_GROUP] = "group",
	[CQ_OBJECT_EXCHANGE] = "exchange",
	[CQ_OBJECT_NAMESPACE] = "namespace"
};

/* the tables of definitions, and their columns for the number */
static const char *const tables[CQ_OBJECT_KINDS] = {
	[CQ_OBJECT_QUEUE] = "queue",
	[CQ_OBJECT_TOPIC] = "topic",
	[CQ_OBJECT_GROUP] = "topic_group",
	[CQ_OBJECT_EXCHANGE] = "exchange",
	[CQ_OBJECT_NAMESPACE] = "namespace"
};

/* What the privileges of the carrier stand for; first of each kind, all. */
static const struct
{
	CqObjectKind kind;
	const char *word;
	AclMode		privileges;
}			words[] =

{
	{CQ_OBJECT_QUEUE, "send", ACL_INSERT},
	{CQ_OBJECT_QUEUE, "consume", ACL_DELETE},
	{CQ_OBJECT_QUEUE, "peek", ACL_SELECT},
	{CQ_OBJECT_QUEUE, "alter", ACL_UPDATE},
	{CQ_OBJECT_QUEUE, "purge", ACL_TRUNCATE},
	{CQ_OBJECT_QUEUE, "manage", ACL_SELECT | ACL_UPDATE | ACL_TRUNCATE},
	{CQ_OBJECT_TOPIC, "publish", ACL_INSERT},
	{CQ_OBJECT_TOPIC, "consume", ACL_DELETE},
	{CQ_OBJECT_TOPIC, "read", ACL_SELECT},
	{CQ_OBJECT_TOPIC, "alter", ACL_UPDATE},
	{CQ_OBJECT_TOPIC, "manage", ACL_SELECT | ACL_UPDATE},
	{CQ_OBJECT_GROUP, "consume", ACL_DELETE},
	{CQ_OBJECT_GROUP, "read", ACL_SELECT},
	{CQ_OBJECT_EXCHANGE, "publish", ACL_INSERT},
	{CQ_OBJECT_EXCHANGE, "route", ACL_SELECT},
	{CQ_OBJECT_EXCHANGE, "alter", ACL_UPDATE},
	{CQ_OBJECT_EXCHANGE, "manage", ACL_SELECT | ACL_UPDATE},
	{CQ_OBJECT_NAMESPACE, "read", ACL_SELECT},
	{CQ_OBJECT_NAMESPACE, "write", ACL_INSERT},
	{CQ_OBJECT_NAMESPACE, "invalidate", ACL_UPDATE},
	{CQ_OBJECT_NAMESPACE, "clear", ACL_DELETE}
};

/* advances whenever a privilege may have changed */
static uint64 epoch = 1;

static void
on_relation(Datum arg, Oid relid)
{
	epoch++;
}

static void
on_role(Datum arg, int cache, uint32 hash)
{
	epoch++;
}

void
cq_object_init(void)
{
	CacheRegisterRelcacheCallback(on_relation, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, on_role, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, on_role, (Datum) 0);
	CacheRegisterSyscacheCallback(DATABASEOID, on_role, (Datum) 0); /* pg_database_owner */
}

uint64
cq_object_epoch(void)
{
	return epoch;
}

void
cq_object_set(CqObject *object, CqObjectKind kind, int32 id, Oid carrier)
{
	object->kind = kind;
	object->id = id;
	object->carrier = carrier;
	object->epoch = 0;
}

CqObjectKind
cq_object_kind_named(const char *name)
{
	for (int kind = 0; kind < CQ_OBJECT_KINDS; kind++)
	{
		if (strcmp(name, kind_names[kind]) == 0)
			return kind;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown kind of object \"%s\"", name),
			 errhint("Kinds are queue, topic, group, exchange and namespace.")));
}

const char *
cq_object_table(CqObjectKind kind)
{
	return tables[kind];
}

void
cq_object_missing(CqObjectKind kind, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("%s \"%s\" does not exist", kind_names[kind], name)));
}

void
cq_object_exists(CqObjectKind kind, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("%s \"%s\" already exists", kind_names[kind], name)));
}

void
cq_object_skip_missing(CqObjectKind kind, const char *name)
{
	ereport(NOTICE,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("%s \"%s\" does not exist, skipping", kind_names[kind], name)));
}

void
cq_object_lock(CqObjectKind kind, int32 id)
{
	LockDatabaseObject(cq_relation(tables[kind]), (Oid) id, 0, ExclusiveLock);
}

/* ---- privileges ------------------------------------------------------ */

#define ALL_PRIVILEGES (ACL_SELECT | ACL_INSERT | ACL_UPDATE | ACL_DELETE | ACL_TRUNCATE)

/* Look the user's privileges up, and remember them when all are known. */
static void
refresh(CqObject *object, Oid user)
{
	uint64		asked = epoch;
	Oid			owner = cq_relation_owner(object->carrier);
	AclMode		privileges = 0;
	bool		owned = false;

	if (OidIsValid(owner))
	{
		privileges = pg_class_aclmask(object->carrier, user, ALL_PRIVILEGES, ACLMASK_ALL);
		owned = has_privs_of_role(user, owner);
	}
	object->privileges = privileges;
	object->owned = owned;
	object->role = user;
	object->epoch = asked;
}

AclMode
cq_object_privileges(CqObject *object)
{
	Oid			user = GetUserId();

	if (object->epoch != epoch || object->role != user)
		refresh(object, user);
	return object->privileges;
}

bool
cq_object_allowed(CqObject *object, AclMode privileges)
{
	return (cq_object_privileges(object) & privileges) != 0;
}

bool
cq_object_owned(CqObject *object)
{
	(void) cq_object_privileges(object);
	return object->owned;
}

bool
cq_carrier_allows(Oid carrier, Oid role, AclMode privileges)
{
	return OidIsValid(cq_relation_owner(carrier)) &&
		pg_class_aclmask(carrier, role, privileges, ACLMASK_ANY) != 0;
}

void
cq_object_denied(CqObjectKind kind, const char *name, const char *topic, bool owner)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 kind == CQ_OBJECT_GROUP
			 ? (owner ? errmsg("must be owner of group \"%s\" of topic \"%s\"", name, topic) :
				errmsg("permission denied for group \"%s\" of topic \"%s\"", name, topic))
			 : (owner ? errmsg("must be owner of %s \"%s\"", kind_names[kind], name) :
				errmsg("permission denied for %s \"%s\"", kind_names[kind], name))));
}

/* One of the words, or all; raises 22023. */
static AclMode
privilege_named(CqObjectKind kind, const char *word)
{
	AclMode		all = 0;
	StringInfoData known;

	for (int i = 0; i < lengthof(words); i++)
	{
		if (words[i].kind != kind)
			continue;
		if (strcmp(words[i].word, word) == 0)
			return words[i].privileges;
		all |= words[i].privileges;
	}
	if (strcmp(word, "all") == 0)
		return all;

	initStringInfo(&known);
	for (int i = 0; i < lengthof(words); i++)
	{
		if (words[i].kind == kind)
			appendStringInfo(&known, "%s, ", words[i].word);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown privilege \"%s\"", word),
			 errhint("Privileges of a %s are %sand all; several are separated by commas.",
					 kind_names[kind], known.data)));
}

AclMode
cq_privileges_named(CqObjectKind kind, const char *list)
{
	char	   *copy = pstrdup(list);
	AclMode		privileges = 0;
	char	   *next = copy;

	while (next != NULL)
	{
		char	   *word = next;
		char	   *end;

		next = strchr(word, ',');
		if (next != NULL)
			*next++ = '\0';
		word += strspn(word, " ");
		for (end = word + strlen(word); end > word && end[-1] == ' '; end--)
			end[-1] = '\0';
		privileges |= privilege_named(kind, word);
	}
	pfree(copy);
	return privileges;
}

/* The carrier's name as SQL. */
static char *
quoted_carrier(Oid carrier)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(carrier)),
									  get_rel_name(carrier));
}

/* Names of privileges as GRANT has them. */
static char *
privilege_list(AclMode privileges)
{
	static const struct
	{
		AclMode		privilege;
		const char *name;
	}			names[] =
	{
		{ACL_SELECT, "SELECT"},
		{ACL_INSERT, "INSERT"},
		{ACL_UPDATE, "UPDATE"},
		{ACL_DELETE, "DELETE"},
		{ACL_TRUNCATE, "TRUNCATE"}
	};
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < lengthof(names); i++)
	{
		if (privileges & names[i].privilege)
			appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", names[i].name);
	}
	return list.data;
}

bool
cq_object_grant(CqObject *object, const char *role, AclMode privileges, bool grant,
				bool as_owner)
{
	Oid			owner = cq_relation_owner(object->carrier);
	CqRoleScope scope;
	bool		to_public = strcmp(role, "public") == 0;
	AclMode		options = ACL_GRANT_OPTION_FOR(privileges);
	char	   *command;

	if (!to_public)
		(void) get_role_oid(role, false);
	if (!OidIsValid(owner) ||
		(!as_owner && !cq_object_owned(object) &&
		 pg_class_aclmask(object->carrier, GetUserId(), options, ACLMASK_ALL) != options))
		return false;
	command = psprintf("%s %s ON TABLE %s %s %s",
					   grant ? "GRANT" : "REVOKE", privilege_list(privileges),
					   quoted_carrier(object->carrier), grant ? "TO" : "FROM",
					   to_public ? "PUBLIC" : quote_identifier(role));
	if (as_owner)
		cq_role_begin(&scope, owner);
	SPI_connect();
	if (SPI_execute(command, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "SPI_execute failed: %s", command);
	SPI_finish();
	if (as_owner)
		cq_role_end(&scope);
	return true;
}

bool
cq_object_change_owner(CqObject *object, const char *role)
{
	Oid			new_owner = get_role_oid(role, false);

	if (!cq_object_owned(object))
		return false;
	cq_check_can_be_role(GetUserId(), new_owner);

	/* "recursing": without asking for the right to create in schema cq */
	ATExecChangeOwner(object->carrier, new_owner, true, AccessExclusiveLock);
	CommandCounterIncrement();
	object->epoch = 0;
	return true;
}

/* ---- carriers -------------------------------------------------------- */

static char *
carrier_name(CqObjectKind kind, int32 id)
{
	return psprintf("%s_%d", kind_names[kind], id);
}

Oid
cq_carrier_by_id(CqObjectKind kind, int32 id)
{
	return cq_relation_if_exists("%s_%d", kind_names[kind], id);
}

bool
cq_object_id_taken(CqObjectKind kind, int32 id, const char *const *formats)
{
	if (OidIsValid(cq_carrier_by_id(kind, id)))
		return true;
	for (; *formats != NULL; formats++)
	{
		if (OidIsValid(cq_relation_if_exists(*formats, id)))
			return true;
	}
	return false;
}

int32
cq_object_new_id(CqObjectKind kind, const char *sequence, const char *const *formats)
{
	char	   *command = psprintf("SELECT pg_catalog.nextval('cq.%s')::int", sequence);

	for (;;)
	{
		int32		id = cq_execute_as_owner(command, 0, NULL, NULL, NULL);

		CHECK_FOR_INTERRUPTS();
		if (!cq_object_id_taken(kind, id, formats))
			return id;
	}
}

/*
 * The relation is made by hand: CREATE VIEW would ask for the right to create
 * relations in schema cq, or make another role its owner.
 */
Oid
cq_carrier_create(CqObjectKind kind, int32 id, const char *name)
{
	const char *column = kind_names[kind];
	char	   *sql = psprintf("SELECT %s::pg_catalog.text AS %s",
							   quote_literal_cstr(name), quote_identifier(column));
	TupleDesc	columns = CreateTemplateTupleDesc(1);
	Query	   *query;
	Oid			carrier;

	TupleDescInitEntry(columns, 1, column, TEXTOID, -1, 0);
	carrier = heap_create_with_catalog(carrier_name(kind, id), cq_schema(), InvalidOid,
									   InvalidOid, InvalidOid, InvalidOid, GetUserId(),
									   InvalidOid, columns, NIL, RELKIND_VIEW,
									   RELPERSISTENCE_PERMANENT, false, false,
									   ONCOMMIT_NOOP, (Datum) 0, true, false, true,
									   InvalidOid, NULL);
	CommandCounterIncrement();
	query = parse_analyze_fixedparams(linitial_node(RawStmt, pg_parse_query(sql)), sql,
									  NULL, 0, NULL);
	StoreViewQuery(carrier, query, false);
	CommandCounterIncrement();
	return carrier;
}

bool
cq_carrier_lock(Oid carrier)
{
	LockRelationOid(carrier, AccessExclusiveLock);
	if (OidIsValid(cq_relation_owner(carrier)))
		return true;
	UnlockRelationOid(carrier, AccessExclusiveLock);
	return false;
}

void
cq_carrier_drop(Oid carrier)
{
	ObjectAddress address;

	/* performDeletion() would raise an internal error for one that has gone */
	if (!OidIsValid(cq_relation_owner(carrier)) || !cq_carrier_lock(carrier))
		return;
	ObjectAddressSet(address, RelationRelationId, carrier);
	performDeletion(&address, DROP_CASCADE, 0);
	CommandCounterIncrement();
}

void
cq_carrier_own(Oid owner, Oid class_id, Oid object)
{
	ObjectAddress depender;
	ObjectAddress referenced;

	ObjectAddressSet(depender, class_id, object);
	if (get_rel_relkind(owner) == RELKIND_SEQUENCE)
		ObjectAddressSet(referenced, RelationRelationId, owner);
	else
		ObjectAddressSet(referenced, TypeRelationId, get_rel_type_id(owner));
	recordDependencyOn(&depender, &referenced, DEPENDENCY_AUTO);
}

/*
 * Take away what ALTER DEFAULT PRIVILEGES has granted on a new relation of the
 * extension's owner.
 */
static void
revoke_default_privileges(Oid relation)
{
	Relation	catalog = table_open(RelationRelationId, RowExclusiveLock);
	HeapTuple	tuple = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(relation));
	Datum		values[Natts_pg_class] = {0};
	bool		nulls[Natts_pg_class] = {false};
	bool		replace[Natts_pg_class] = {false};
	Datum		acl;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relation);
	acl = heap_getattr(tuple, Anum_pg_class_relacl, RelationGetDescr(catalog), &isnull);
	if (!isnull)
	{
		Oid		   *members;
		int			n = aclmembers(DatumGetAclP(acl), &members);

		nulls[Anum_pg_class_relacl - 1] = true;
		replace[Anum_pg_class_relacl - 1] = true;
		tuple = heap_modify_tuple(tuple, RelationGetDescr(catalog), values, nulls, replace);
		CatalogTupleUpdate(catalog, &tuple->t_self, tuple);
		updateAclDependencies(RelationRelationId, relation, 0,
							  ((Form_pg_class) GETSTRUCT(tuple))->relowner,
							  n, members, 0, NULL);
		CommandCounterIncrement();
	}
	table_close(catalog, RowExclusiveLock);
}

void
cq_carrier_own_relation(Oid owner, const char *name)
{
	Oid			relation = cq_relation_if_exists("%s", name);

	if (!OidIsValid(relation))
		elog(ERROR, "relation cq.%s does not exist", name);
	revoke_default_privileges(relation);
	cq_carrier_own(owner, RelationRelationId, relation);
}

void
cq_drop_if_exists(const char *kind, const char *name)
{
	if (OidIsValid(cq_relation_if_exists("%s", name)))
		(void) cq_execute_as_owner(psprintf("DROP %s cq.%s", kind, name), 0, NULL, NULL, NULL);
}

bool
cq_has_carrier(Oid class_id, Oid object)
{
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(class_id));
	ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(object));
	scan = systable_beginscan(depend, DependDependerIndexId, true, NULL, 2, keys);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		found = form->deptype == DEPENDENCY_AUTO && form->refclassid == TypeRelationId;
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return found;
}

/* The ints that a query returns, run as the extension's owner. */
static List *
query_ints(const char *command, int nargs, Oid *types, Datum *values)
{
	MemoryContext caller = CurrentMemoryContext;
	List	   *result = NIL;
	CqRoleScope scope;

	cq_role_begin(&scope, cq_extension_owner());
	SPI_connect();
	if (SPI_execute_with_args(command, nargs, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed: %s", command);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext spi = MemoryContextSwitchTo(caller);
		bool		isnull;

		result = lappend_int(result,
							 DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[i],
														 SPI_tuptable->tupdesc, 1, &isnull)));
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	cq_role_end(&scope);
	return result;
}

/* Whether the carrier exists and shows that name. */
static bool
carrier_shows(Oid carrier, const char *name)
{
	Relation	rel = try_relation_open(carrier, AccessShareLock);
	bool		result = false;

	if (rel == NULL)
		return false;
	if (rel->rd_rel->relkind == RELKIND_VIEW)
	{
		TargetEntry *entry = linitial_node(TargetEntry, get_view_query(rel)->targetList);
		Const	   *value = (Const *) entry->expr;

		result = IsA(value, Const) && value->consttype == TEXTOID && !value->constisnull &&
			strcmp(TextDatumGetCString(value->constvalue), name) == 0;
	}
	relation_close(rel, AccessShareLock);
	return result;
}

List *
cq_carrier_orphans(CqObjectKind kind, const char *name)
{
	Oid			types[] = {OIDOID};
	Datum		values[1];
	List	   *result = NIL;
	ListCell   *cell;

	values[0] = ObjectIdGetDatum(GetUserId());
	foreach(cell, query_ints(psprintf("SELECT pg_catalog.substring(c.relname, '[0-9]+$')::int "
									  "FROM pg_catalog.pg_class AS c "
									  "WHERE c.relnamespace = 'cq'::regnamespace "
									  "AND c.relkind = 'v' AND c.relowner = $1 "
									  "AND c.relname ~ '^%s_[0-9]{1,9}$' "
									  "AND NOT EXISTS (SELECT FROM cq.%s AS d "
									  "WHERE d.carrier = c.oid)",
									  kind_names[kind], tables[kind]),
							 1, types, values))
	{
		int32		id = lfirst_int(cell);

		if (carrier_shows(cq_carrier_by_id(kind, id), name))
			result = lappend_int(result, id);
	}
	return result;
}

List *
cq_objects_without_carrier(CqObjectKind kind)
{
	return query_ints(psprintf("SELECT d.%s_id FROM cq.%s AS d "
							   "WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_class AS c "
							   "WHERE c.oid = d.carrier) ORDER BY 1",
							   kind_names[kind], tables[kind]),
					  0, NULL, NULL);
}

List *
cq_carriers(CqObjectKind kind)
{
	char	   *others = (kind == CQ_OBJECT_NAMESPACE) ?
	" UNION ALL SELECT 'cq.namespace_0'::pg_catalog.regclass::oid::int" : "";
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, query_ints(psprintf("SELECT d.carrier::oid::int FROM cq.%s AS d "
									  "JOIN pg_catalog.pg_class AS c ON c.oid = d.carrier%s",
									  tables[kind], others), 0, NULL, NULL))
		result = lappend_oid(result, (Oid) lfirst_int(cell));
	return result;
}

void
cq_object_drop(const CqObject *object)
{
	CqObjectKind kind = object->kind;
	int32		id = object->id;

	cq_carrier_drop(object->carrier);
	if (!list_member_int(cq_objects_without_carrier(kind), id))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update")));
}
