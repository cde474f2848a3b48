/*-------------------------------------------------------------------------
 *
 * catalog.c
 *	  Relations of schema cq, found by their names.
 *
 * The schema belongs to the extension, so a name in it stands for one relation
 * at a time.  Each lookup asks the system caches: nothing is kept here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "core/catalog.h"
#include "utils/lsyscache.h"

Oid
cq_schema(void)
{
	return get_namespace_oid("cq", false);
}

Oid
cq_relation_if_exists(const char *format,...)
{
	char		name[NAMEDATALEN];
	va_list		args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	return get_relname_relid(name, cq_schema());
}

Oid
cq_relation(const char *name)
{
	/* the carrier of the namespace default came with version 1.1 */
	if (!OidIsValid(cq_relation_if_exists("namespace_0")))
		cq_version_error();
	return cq_relation_of_any_version(name);
}

Oid
cq_relation_of_any_version(const char *name)
{
	Oid			relid = cq_relation_if_exists("%s", name);

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation cq.%s does not exist", name)));
	return relid;
}

void
cq_version_error(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the SQL objects of extension cachequeue are older than its library"),
			 errhint("ALTER EXTENSION cachequeue UPDATE.")));
}
