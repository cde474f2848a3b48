/*-------------------------------------------------------------------------
 *
 * definitions.h
 *	  What a backend remembers of named objects, by name and by number.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_DEFINITIONS_H
#define CQ_CORE_DEFINITIONS_H

#include "core/catalog.h"
#include "core/object.h"
#include "nodes/pg_list.h"

/* the longest name of any kind, in bytes */
#define CQ_NAME_BYTES_MAX 255

/* The members that the struct of every kind begins with. */
#define CQ_DEFINITION_MEMBERS \
	char		name[CQ_NAME_BYTES_MAX + 1];	/* hash key */ \
	uint64		epoch;			/* of its kind; another one: read it again */ \
	CqObject	object			/* number, owner, privileges */

/*
 * Stays at its address for the life of the backend.  It changes when it is found
 * and something has changed meanwhile.
 */
typedef struct CqDefinition
{
	CQ_DEFINITION_MEMBERS;
} CqDefinition;

typedef struct CqDefinitionKind
{
	CqObjectKind kind;			/* columns 1 and 2 of its table: number, name */
	int			carrier_column;
	int			name_bytes_max;
	Size		bytes;			/* of the struct that begins with CqDefinition */

	/*
	 * Read what follows the common members from the row of the object.  same:
	 * what they were is of the same object; otherwise of another one, or
	 * zeros. The common members, but for the name, are set after that.
	 */
	void		(*read) (CqDefinition *def, const CqRow *row, bool same);
} CqDefinitionKind;

/* Once per kind, from _PG_init; the descriptor must stay. */
extern void cq_definitions_register(const CqDefinitionKind *kind);

/*
 * The definition by that name or number, or NULL.  Raises 55000 when the
 * extension's SQL objects are older than the library.
 */
extern CqDefinition *cq_definition_find(CqObjectKind kind, const char *name);
extern CqDefinition *cq_definition_by_id(CqObjectKind kind, int32 id);

/* The same as find, read again in any case. */
extern CqDefinition *cq_definition_read(CqObjectKind kind, const char *name);

/* All definitions of the kind, without order; freshly read. */
extern List *cq_definitions_all(CqObjectKind kind);

/* Changes of the kind become known to all backends at commit. */
extern void cq_definitions_changed(CqObjectKind kind);

/* Whether nothing of its kind has changed since it was read, as far as we know. */
extern bool cq_definition_is_current(const CqDefinition *def);

/* Advances whenever a definition of the kind may have changed. */
extern uint64 cq_definitions_epoch(CqObjectKind kind);

/*
 * Memory contexts for what a definition points to.  A new one goes with the
 * transaction, hence with an error, until it takes the place of *current (NULL:
 * none yet).  What was there before stays until the transaction ends, for callers
 * up the stack that use it.
 */
extern MemoryContext cq_definition_context_new(void);
extern void cq_definition_context_set(MemoryContext *current, MemoryContext context);

#endif							/* CQ_CORE_DEFINITIONS_H */
