/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  What differs between the supported PostgreSQL versions (15 to 19).
 *
 * The only file that looks at PG_VERSION_NUM.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_COMPAT_H
#define CQ_CORE_COMPAT_H

#include "access/genam.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#if PG_VERSION_NUM >= 160000
#include "catalog/pg_proc.h"
#include "varatt.h"
#endif

#if PG_VERSION_NUM < 150000
#error "cachequeue needs PostgreSQL 15 or later"
#endif

/* Stands before a declaration.  (Versions before 18 had an attribute after it.) */
#ifndef pg_noreturn
#define pg_noreturn pg_attribute_noreturn()
#endif

/* Of the server that this was built for. */
#define CQ_SERVER_VERSION PG_VERSION_NUM

/*
 * The next full transaction id, read without XidGenLock: an aligned 64-bit
 * load, which every platform we support does in one piece.  The value may be
 * a moment old; callers only use it to widen 32-bit ids that are at most 2^31
 * behind it.
 */
static inline uint64
cq_next_full_xid_unlocked(void)
{
#if PG_VERSION_NUM >= 170000
	return *(volatile uint64 *) &TransamVariables->nextXid.value;
#else
	return *(volatile uint64 *) &ShmemVariableCache->nextXid.value;
#endif
}

/* The 64-bit form of an id that is at most 2^31 behind that next one. */
static inline uint64
cq_widen_xid(TransactionId xid, uint64 next)
{
	return next - (uint32) ((uint32) next - xid);
}

/* What a part of an ALTER TABLE does, whether or not it goes on to children. */
static inline AlterTableType
cq_alter_table_type(const AlterTableCmd *command)
{
#if PG_VERSION_NUM < 160000
	switch (command->subtype)
	{
		case AT_AddColumnRecurse:
			return AT_AddColumn;
		case AT_DropColumnRecurse:
			return AT_DropColumn;
		case AT_AddConstraintRecurse:
			return AT_AddConstraint;
		case AT_DropConstraintRecurse:
			return AT_DropConstraint;
		case AT_ValidateConstraintRecurse:
			return AT_ValidateConstraint;
		default:
			break;
	}
#endif
	return command->subtype;
}

/* Raise 42501 if the current role may not run the planned query. */
static inline void
cq_check_plan_privileges(PlannedStmt *plan)
{
#if PG_VERSION_NUM >= 160000
	ExecCheckPermissions(plan->rtable, plan->permInfos, true);
#else
	ExecCheckRTPerms(plan->rtable, true);
#endif
}

/* Whether the current role may call the function. */
static inline AclResult
cq_function_privilege(Oid function)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ProcedureRelationId, function, GetUserId(), ACL_EXECUTE);
#else
	return pg_proc_aclcheck(function, GetUserId(), ACL_EXECUTE);
#endif
}

/* Raise 42501 unless the user could SET ROLE to that role. */
static inline void
cq_check_can_be_role(Oid user, Oid role)
{
#if PG_VERSION_NUM >= 160000
	check_can_set_role(user, role);
#else
	check_is_member_of_role(user, role);
#endif
}

/* Tells this session's transactions apart. */
static inline LocalTransactionId
cq_local_transaction(void)
{
#if PG_VERSION_NUM >= 170000
	return MyProc->vxid.lxid;
#else
	return MyProc->lxid;
#endif
}

/* Begin a scan of an index, without statistics of EXPLAIN. */
static inline IndexScanDesc
cq_index_beginscan(Relation rel, Relation index, Snapshot snapshot, int nkeys)
{
#if PG_VERSION_NUM >= 190000
	return index_beginscan(rel, index, snapshot, NULL, nkeys, 0, SO_NONE);
#elif PG_VERSION_NUM >= 180000
	return index_beginscan(rel, index, snapshot, NULL, nkeys, 0);
#else
	return index_beginscan(rel, index, snapshot, nkeys, 0);
#endif
}

/* Begin a scan of a range of a table. */
static inline TableScanDesc
cq_tidrange_beginscan(Relation rel, Snapshot snapshot, ItemPointer first,
					  ItemPointer last)
{
#if PG_VERSION_NUM >= 190000
	return table_beginscan_tidrange(rel, snapshot, first, last, SO_NONE);
#else
	return table_beginscan_tidrange(rel, snapshot, first, last);
#endif
}

/* A tranche of lightweight locks with that name, which is a constant. */
static inline int
cq_lwlock_tranche(const char *name)
{
#if PG_VERSION_NUM >= 190000
	return LWLockNewTrancheId(name);
#else
	int			tranche = LWLockNewTrancheId();

	LWLockRegisterTranche(tranche, name);
	return tranche;
#endif
}

/*
 * Jsonb in the making, all zeros at first.  result is the value pushed last, the
 * whole object after the last WJB_END_OBJECT.
 */
#if PG_VERSION_NUM >= 190000
typedef JsonbInState CqJsonbState;
#else
typedef struct CqJsonbState
{
	JsonbParseState *parseState;
	JsonbValue *result;
} CqJsonbState;
#endif

static inline void
cq_jsonb_push(CqJsonbState *state, JsonbIteratorToken token, JsonbValue *value)
{
#if PG_VERSION_NUM >= 190000
	pushJsonbValue(state, token, value);
#else
	state->result = pushJsonbValue(&state->parseState, token, value);
#endif
}

/*
 * Nodes and kinds of relations that later versions have; no tree has these numbers.
 */
#if PG_VERSION_NUM < 160000
#define T_JsonConstructorExpr T_Invalid
#define T_JsonIsPredicate T_Invalid
#define T_JsonValueExpr T_Invalid
#endif
#if PG_VERSION_NUM < 170000
#define T_JsonBehavior T_Invalid
#define T_JsonExpr T_Invalid
#endif
#if PG_VERSION_NUM >= 180000
#define CQ_RTE_GROUP RTE_GROUP
#else
#define CQ_RTE_GROUP (-1)
#endif

/* pg_attribute.attgenerated of columns that are computed when they are read */
#ifndef ATTRIBUTE_GENERATED_VIRTUAL
#define ATTRIBUTE_GENERATED_VIRTUAL 'v'
#endif

/* Is that a column whose value a trigger does not see? */
static inline bool
cq_column_is_virtual(const FormData_pg_attribute *column)
{
	return column->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL;
}

/* The values that an expression of JSON itself turns into JSON. */
static inline List *
cq_json_writes(Node *node)
{
#if PG_VERSION_NUM >= 160000
	if (IsA(node, JsonConstructorExpr))
		return ((JsonConstructorExpr *) node)->args;
#endif
#if PG_VERSION_NUM >= 170000
	if (IsA(node, JsonExpr))
		return ((JsonExpr *) node)->passing_values;
#endif
	return NIL;
}

/* The type that an expression of JSON reads from JSON or text, or InvalidOid. */
static inline Oid
cq_json_reads(Node *node)
{
#if PG_VERSION_NUM >= 170000
	if (IsA(node, JsonExpr))
		return ((JsonExpr *) node)->returning->typid;
#endif
	return InvalidOid;
}

/* The server's setting of exactly that name; NULL: it has none. */
static inline struct config_generic *
cq_setting_find(const char *name)
{
#if PG_VERSION_NUM >= 160000
	return find_option(name, false, true, DEBUG5);
#else
	for (int i = 0; i < GetNumConfigOptions(); i++)
	{
		struct config_generic *setting = get_guc_variables()[i];

		if (strcmp(setting->name, name) == 0)
			return setting;
	}
	return NULL;
#endif
}

/*
 * Where the server keeps the value of one of its own settings, a bool, int (also an
 * enum's) or char *, as *type says; NULL: it has no such setting.
 */
static inline void *
cq_setting_variable(const char *name, enum config_type *type)
{
	struct config_generic *setting = cq_setting_find(name);

	if (setting == NULL)
		return NULL;
	*type = setting->vartype;
	switch (setting->vartype)
	{
#if PG_VERSION_NUM >= 190000
		case PGC_BOOL:
			return setting->_bool.variable;
		case PGC_INT:
			return setting->_int.variable;
		case PGC_STRING:
			return setting->_string.variable;
		case PGC_ENUM:
			return setting->_enum.variable;
#else
		case PGC_BOOL:
			return ((struct config_bool *) setting)->variable;
		case PGC_INT:
			return ((struct config_int *) setting)->variable;
		case PGC_STRING:
			return ((struct config_string *) setting)->variable;
		case PGC_ENUM:
			return ((struct config_enum *) setting)->variable;
#endif
		default:
			return NULL;
	}
}

/* What a signal handler passes on to another. */
#if PG_VERSION_NUM >= 190000
#define CQ_PASS_SIGNAL_ARGS postgres_signal_arg, pg_siginfo
#else
#define CQ_PASS_SIGNAL_ARGS postgres_signal_arg
#endif

#endif							/* CQ_CORE_COMPAT_H */
