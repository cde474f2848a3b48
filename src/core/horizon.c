/*-------------------------------------------------------------------------
 *
 * horizon.c
 *	  What the snapshots that are in use may still see.
 *
 * TRUNCATE is not MVCC: to a snapshot from before it the table is empty.  And a
 * snapshot may be used for the table long after it was taken: pg_dump takes its
 * snapshot before its locks, and so do REPEATABLE READ transactions and queries on
 * a standby.  So there is one rule for every table that is truncated here:
 *
 *		A table is truncated only when, had the transactions that made its rows
 *		superfluous deleted them, VACUUM could remove them.
 *
 * A transaction makes a row superfluous when it settles the message, copies the row
 * elsewhere, or drops its segment, and commits.  Once all rows are superfluous, a
 * mark is taken, the next transaction id; the transactions that made them so are
 * below it.  The table is truncated when the horizon, which is that of VACUUM, has
 * passed the mark: no session or prepared transaction of this database, no
 * replication slot and no standby with hot_standby_feedback has a snapshot any more
 * that does not see all of them.  However long that takes.
 *
 * A mark is kept in shared memory, if at all: a process that finds none takes a new
 * one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "core/horizon.h"
#include "core/owner.h"
#include "executor/spi.h"
#include "storage/procarray.h"
#include "utils/builtins.h"

FullTransactionId
cq_horizon(Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	TransactionId xid = GetOldestNonRemovableTransactionId(rel);
	FullTransactionId next = ReadNextFullTransactionId();
	uint32		epoch = EpochFromFullTransactionId(next);

	table_close(rel, AccessShareLock);
	if (xid > XidFromFullTransactionId(next))
		epoch--;
	return FullTransactionIdFromEpochAndXid(epoch, xid);
}

/*
 * The holders of snapshots that count, and how old these are.  VACUUMs are not among
 * them, nor is what a slot keeps of the system catalogs only.  A transaction id
 * keeps back the snapshots that are taken while it is in progress: of several
 * with the same age it is the cause.
 */
static const char *const holders =
"SELECT * FROM ("
" SELECT age, CASE age WHEN age(backend_xid) THEN 0 ELSE 2 END AS rank, xact_start,"
"  CASE WHEN backend_type = 'walsender' AND datid IS NULL"
"   THEN format('standby \"%s\" (feedback), pid %s, backend_xmin %s',"
"    application_name, pid, backend_xmin)"
"   ELSE format('pid %s%s, %s, %s', pid,"
"    CASE WHEN backend_type <> 'client backend' THEN ', ' || backend_type END,"
"    CASE age WHEN age(backend_xid) THEN 'backend_xid ' || backend_xid::text"
"     ELSE 'backend_xmin ' || backend_xmin::text END,"
"    coalesce(state, 'in progress')) END AS holder"
" FROM (SELECT *, greatest(age(backend_xmin), age(backend_xid)) AS age"
"  FROM pg_stat_activity) AS a"
" WHERE (datname = current_database() OR datid IS NULL)"
"  AND pid NOT IN (SELECT pid FROM pg_stat_progress_vacuum)"
" UNION ALL SELECT age(xmin), 1, NULL,"
"  format('replication slot \"%s\", xmin %s', slot_name, xmin)"
" FROM pg_replication_slots"
" UNION ALL SELECT age(transaction), 0, NULL, format('prepared transaction \"%s\"', gid)"
" FROM pg_prepared_xacts WHERE database = current_database()"
") AS h WHERE age > age($1::xid) ORDER BY age DESC, rank, xact_start LIMIT 1";

/* Of a query as the owner: the text in the last column of its only row. */
static char *
query_holder(TransactionId mark)
{
	static SPIPlanPtr plan = NULL;
	MemoryContext caller = CurrentMemoryContext;
	Oid			types[] = {TEXTOID};
	Datum		values[1];
	char	   *holder = NULL;

	values[0] = CStringGetTextDatum(psprintf("%u", mark));
	SPI_connect();
	if (plan == NULL)
	{
		SPIPlanPtr	made = SPI_prepare(holders, 1, types);

		if (made == NULL || SPI_keepplan(made) != 0)
			elog(ERROR, "SPI_prepare failed");
		plan = made;
	}
	if (SPI_execute_plan(plan, values, NULL, true, 1) < 0)
		elog(ERROR, "SPI_execute_plan failed");
	if (SPI_processed > 0)
		holder = MemoryContextStrdup(caller, SPI_getvalue(SPI_tuptable->vals[0],
														  SPI_tuptable->tupdesc, 4));
	SPI_finish();
	return holder;
}

char *
cq_horizon_holder(FullTransactionId mark)
{
	CqRoleScope scope;
	char	   *holder;

	/* the owner may see other people's sessions */
	cq_role_begin(&scope, cq_extension_owner());
	holder = query_holder(XidFromFullTransactionId(mark));
	cq_role_end(&scope);
	return holder;
}
