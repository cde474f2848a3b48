/*-------------------------------------------------------------------------
 *
 * publication.c
 *	  Publications of a topic, for logical replication.
 *
 * A publication depends on the topic's carrier, so it goes with it.  A dump does
 * not have that dependency: one that was restored is found by its tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_type.h"
#include "core/object.h"
#include "core/owner.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "topic/publication.h"
#include "utils/builtins.h"

static void
execute(const char *command)
{
	(void) cq_execute_as_owner(command, 0, NULL, NULL, NULL);
}

/* Have the publication go with the topic, also by DROP EXTENSION. */
static void
bind(const char *publication, const CqTopicDef *def)
{
	CommandCounterIncrement();
	cq_carrier_own(def->object.carrier, PublicationRelationId,
				   get_publication_oid(publication, false));
}

void
cq_publications_create(CqTopicDef *def, const char *publication, int ntables)
{
	const char *limits = psprintf("%s_limits", publication);
	int32		topic_id = def->topic_id;
	StringInfoData tables;

	initStringInfo(&tables);
	for (int k = 0; k < ntables; k++)
		appendStringInfo(&tables, "cq.t%d_s%d, ", topic_id, k);
	execute(psprintf("CREATE PUBLICATION %s FOR TABLE %scq.topic_segment WHERE (topic_id = %d)",
					 quote_identifier(publication), tables.data, topic_id));
	execute(psprintf("CREATE PUBLICATION %s FOR TABLE cq.t%d_c0 WHERE (group_id = 0), "
					 "cq.t%d_c1 WHERE (group_id = 0) WITH (publish = 'insert')",
					 quote_identifier(limits), topic_id, topic_id));
	bind(publication, def);
	bind(limits, def);
}

List *
cq_publications_find(int32 topic_id)
{
	static const char *const command =
	"SELECT p.pubname FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid "
	"JOIN pg_class c ON c.oid = r.prrelid "
	"WHERE p.pubowner = $2 AND NOT p.puballtables "
	"AND NOT EXISTS (SELECT FROM pg_publication_namespace n WHERE n.pnpubid = p.oid) "
	"GROUP BY p.pubname HAVING bool_or(c.relname ~ $1 AND c.relnamespace = 'cq'::regnamespace) "
	"AND bool_and((c.relname ~ $1 OR c.relname = 'topic_segment') "
	"AND c.relnamespace = 'cq'::regnamespace)";
	Oid			types[] = {TEXTOID, OIDOID};
	Datum		values[2];
	MemoryContext caller = CurrentMemoryContext;
	List	   *names = NIL;
	CqRoleScope scope;

	values[0] = CStringGetTextDatum(psprintf("^t%d_[sc][0-9]+$", topic_id));
	values[1] = ObjectIdGetDatum(cq_extension_owner());
	cq_role_begin(&scope, cq_extension_owner());
	SPI_connect();
	if (SPI_execute_with_args(command, 2, types, values, NULL, true, 0) < 0)
		elog(ERROR, "SPI_execute_with_args failed: %s", command);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *name = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		MemoryContext old = MemoryContextSwitchTo(caller);

		names = lappend(names, pstrdup(name));
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	cq_role_end(&scope);
	return names;
}

void
cq_publications_drop(List *names)
{
	ListCell   *cell;

	foreach(cell, names)
	{
		if (OidIsValid(get_publication_oid(lfirst(cell), true)))
			execute(psprintf("DROP PUBLICATION %s", quote_identifier(lfirst(cell))));
	}
}
