/*-------------------------------------------------------------------------
 *
 * tag_template.h
 *	  Tag templates: 'user:{id}' becomes 'user:17' for a row with id 17.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TABLES_TAG_TEMPLATE_H
#define CQ_TABLES_TAG_TEMPLATE_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "lib/stringinfo.h"
#include "nodes/bitmapset.h"

typedef struct CqTagTemplate CqTagTemplate;

/*
 * Compile a template for rows of the given form, in the current memory
 * context.  {column} stands for a column's value, {{ and }} for the braces
 * themselves.  Raises 22023 for a malformed template and 42703 for a column
 * that isn't there.
 */
extern CqTagTemplate *cq_tag_template_compile(const char *source,
											  TupleDesc tupdesc);

/* The columns that it names. */
extern Bitmapset *cq_tag_template_columns(const CqTagTemplate *template);

/* Are two of its columns adjacent, without a literal in between? */
extern bool cq_tag_template_is_ambiguous(const CqTagTemplate *template);

/* A column that the template names and the rows lack, NULL if there is none. */
extern char *cq_tag_template_missing(const char *source, TupleDesc tupdesc);

/*
 * Append the tag of a row to buf.  False, with garbage appended, when a column that
 * it names is NULL: such a row has no tag.  Values are written as text under fixed
 * settings (ISO dates, UTC), whatever the session's are.
 */
extern bool cq_tag_template_render(const CqTagTemplate *template,
								   HeapTuple tuple, TupleDesc tupdesc,
								   StringInfo buf);

/* Do two rows have the same tag, or both none?  False when it is not obvious. */
extern bool cq_tag_template_same(const CqTagTemplate *template,
								 HeapTuple a, HeapTuple b, TupleDesc tupdesc);

/*
 * Does a type's text depend on settings?  _fix() sets those that it can depend on to
 * fixed values, and returns what _restore() needs.
 */
extern bool cq_type_depends_on_settings(Oid type);
extern int	cq_output_settings_fix(void);
extern void cq_output_settings_restore(int nest);

#endif							/* CQ_TABLES_TAG_TEMPLATE_H */
