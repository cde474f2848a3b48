/*-------------------------------------------------------------------------
 *
 * watch.c
 *	  What a table's watch means to the rest of the extension.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "cache/slots.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "miscadmin.h"
#include "tables/watch.h"
#include "tables/watch_spec.h"
#include "tables/watch_triggers.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* The tag is the text that cq.cache_table_tag() returns. */
uint32
cq_relation_slot(Oid relid)
{
	char		tag[32];

	snprintf(tag, sizeof(tag), "table:%u", relid);
	return cq_slot_of_tag(MyDatabaseId, tag, strlen(tag));
}

/* By its triggers, too: one may have been dropped by hand. */
bool
cq_relation_is_watched(Oid relid)
{
	CqWatchSpec *spec = cq_watch_spec(relid);
	Relation	rel = relation_open(relid, NoLock);
	bool		result = cq_watch_spec_exists(spec) &&
	cq_watch_trigger_fires(rel, CQ_WATCH_ROW) &&
	cq_watch_trigger_fires(rel, CQ_WATCH_STATEMENT) &&
	cq_watch_trigger_fires(rel, CQ_WATCH_TRUNCATE);

	relation_close(rel, NoLock);
	return result;
}

List *
cq_relation_templates(Oid relid)
{
	return cq_watch_spec(relid)->templates;
}

char *
cq_relation_name(Oid relid)
{
	char	   *name = get_rel_name(relid);
	Oid			schema = get_rel_namespace(relid);

	if (!OidIsValid(relid))
		return pstrdup("-");
	if (name == NULL)
		return psprintf("%u", relid);
	if (schema == PG_CATALOG_NAMESPACE || isAnyTempNamespace(schema))
		return pstrdup(quote_identifier(name));
	return quote_qualified_identifier(get_namespace_name(schema), name);
}
