/*-------------------------------------------------------------------------
 *
 * write_behind_rule.h
 *	  Rules of write-behind: making and dropping them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TABLES_WRITE_BEHIND_RULE_H
#define CQ_TABLES_WRITE_BEHIND_RULE_H

#include "utils/array.h"
#include "utils/relcache.h"

/* What a rule is to be. */
typedef struct CqBehindDefinition
{
	uint32		namespace_id;
	Oid			target;
	char		mode;			/* CQ_BEHIND_LOGGED, CQ_BEHIND_MEMORY */
	const char *conflict;		/* as in cq.write_behind */
	int32		batch_size;
	int64		delay_ms;
	Name		key_column;		/* NULL: that of the primary key */
	Name		value_column;	/* NULL: a value is a row */
	ArrayType  *columns;		/* name[], that a row fills; NULL: all */
} CqBehindDefinition;

/*
 * Make the rule; false when the namespace has one already.  The caller must own the
 * table.  Raises 42704, 42809, 42501, 42703, 428C9, 42P10, 22004 and 22023 for a table,
 * or columns, that cannot be written to.
 */
extern bool cq_behind_create_rule(const CqBehindDefinition *definition);

/*
 * Drop the rule of a namespace; raises 55000 when something is pending that is
 * not to be discarded.  Returns how many operations were discarded.
 */
extern int64 cq_behind_drop_rule(uint32 namespace_id, bool discard);

/*
 * The equality operator of the valid unique index on that column alone;
 * InvalidOid when there is none.
 */
extern Oid	cq_behind_key_operator(Relation rel, AttrNumber column);

#endif							/* CQ_TABLES_WRITE_BEHIND_RULE_H */
