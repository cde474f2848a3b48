/*-------------------------------------------------------------------------
 *
 * read_through.c
 *	  What cq.cache_fetch and cq.cache_query have in common as calls.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/shmem.h"
#include "executor/spi.h"
#include "query/read_through.h"
#include "sql/cache_args.h"
#include "utils/array.h"
#include "utils/builtins.h"

static bool active = false;		/* between begin and end */
static bool connected = false;	/* to SPI, since then */

void
cq_read_through_args(FunctionCallInfo fcinfo, int n, CqReadThrough *call)
{
	CqResultQuery *query = &call->query;
	const CqNamespace *name_space;

	cq_require_shared();
	call->terms.query = query;
	cq_arg_not_null(fcinfo, n, "query");
	cq_arg_not_null(fcinfo, n + 1, "args");
	name_space = cq_arg_namespace(fcinfo, n + 4,
								  CQ_NAMESPACE_READ | CQ_NAMESPACE_WRITE);
	query->name_space = name_space->id;
	call->namespace_name = PG_GETARG_TEXT_PP(n + 4);
	call->terms.ttl_ms = name_space->default_ttl_ms;
	query->query = text_to_cstring(PG_GETARG_TEXT_PP(n));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(n + 1), TEXTOID, -1, false,
					  TYPALIGN_INT, &query->args, &query->arg_nulls,
					  &query->nargs);
	if (!PG_ARGISNULL(n + 2))
		call->terms.ttl_ms = cq_interval_ms(PG_GETARG_INTERVAL_P(n + 2), 1,
											"ttl");
	if (!PG_ARGISNULL(n + 3))
		call->terms.tags = PG_GETARG_ARRAYTYPE_P(n + 3);
}

char *
cq_read_through_nulls(const CqResultQuery *query)
{
	char	   *nulls = palloc(query->nargs + 1);

	for (int i = 0; i < query->nargs; i++)
		nulls[i] = query->arg_nulls[i] ? 'n' : ' ';
	nulls[query->nargs] = '\0';
	return nulls;
}

void
cq_read_through_begin(void)
{
	if (active)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a query run by cq.cache_fetch or cq.cache_query must not call them again")));
	active = true;
}

void
cq_read_through_connect(void)
{
	Assert(active && !connected);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	connected = true;
}

void
cq_read_through_end(bool failed)
{
	bool		finish = connected && !failed;

	active = false;
	connected = false;
	cq_result_end(failed);
	if (finish)
		SPI_finish();
}
