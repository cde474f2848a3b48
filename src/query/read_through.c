/*-------------------------------------------------------------------------
 *
 * read_through.c
 *	  What cq.cache_fetch and cq.cache_query have in common as calls.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "query/read_through.h"

static bool active = false;		/* between begin and end */
static bool connected = false;	/* to SPI, since then */

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
