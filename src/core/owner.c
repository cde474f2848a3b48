/*-------------------------------------------------------------------------
 *
 * owner.c
 *	  Running commands as another role than the caller.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "core/catalog.h"
#include "core/owner.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/rel.h"

Oid
cq_extension_owner(void)
{
	Relation	rel = table_open(cq_relation_of_any_version("namespace"), AccessShareLock);
	Oid			owner = rel->rd_rel->relowner;

	table_close(rel, AccessShareLock);
	return owner;
}

void
cq_role_begin(CqRoleScope *scope, Oid role)
{
	scope->guc_level = NewGUCNestLevel();
	GetUserIdAndSecContext(&scope->user, &scope->context);
	SetUserIdAndSecContext(role, scope->context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("standard_conforming_strings", "on", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("quote_all_identifiers", "off", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("default_table_access_method", "heap", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("default_tablespace", "", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

void
cq_role_end(const CqRoleScope *scope)
{
	AtEOXact_GUC(false, scope->guc_level);
	SetUserIdAndSecContext(scope->user, scope->context);
}

/* in the string of SPI_execute_with_args() */
#define SPI_NULL 'n'
#define SPI_NOT_NULL ' '

int32
cq_execute_as_owner(const char *command, int nargs, Oid *types, Datum *values,
					const char *nulls)
{
	int32		result = -1;
	CqRoleScope scope;

	cq_role_begin(&scope, cq_extension_owner());
	SPI_connect();
	if (SPI_execute_with_args(command, nargs, types, values, nulls, false, 0) < 0)
		elog(ERROR, "SPI_execute_with_args failed: %s", command);
	if (SPI_tuptable != NULL && SPI_processed > 0)
	{
		bool		isnull;

		result = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0],
											 SPI_tuptable->tupdesc, 1, &isnull));
	}
	SPI_finish();
	cq_role_end(&scope);
	return result;
}

void
cq_parameter_add(CqParameters *parameters, Oid type, Datum value, bool isnull)
{
	int			i = parameters->n++;

	Assert(i < CQ_PARAMETERS_MAX);
	parameters->types[i] = type;
	parameters->values[i] = value;
	parameters->nulls[i] = isnull ? SPI_NULL : SPI_NOT_NULL;
}

int32
cq_execute_with(const char *command, CqParameters *parameters)
{
	return cq_execute_as_owner(command, parameters->n, parameters->types,
							   parameters->values, parameters->nulls);
}

int32
cq_execute_with_int(const char *command, int32 parameter)
{
	CqParameters parameters = {0};

	cq_parameter_add(&parameters, INT4OID, Int32GetDatum(parameter), false);
	return cq_execute_with(command, &parameters);
}
