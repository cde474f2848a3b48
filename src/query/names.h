/*-------------------------------------------------------------------------
 *
 * names.h
 *	  The names in the text of a query, and whether they still mean the same.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUERY_NAMES_H
#define CQ_QUERY_NAMES_H

#include "nodes/parsenodes.h"

typedef struct CqNames CqNames;

/*
 * The names in a parsed query of this text, and in its functions, with what they mean
 * now; in the current context.  functions: oids.
 */
extern CqNames *cq_names_find(const char *query, List *functions);

/*
 * Does each of them mean what it meant then?  Reads the catalogs, so invalidations
 * may arrive.
 */
extern bool cq_names_hold(const CqNames *names);

#endif							/* CQ_QUERY_NAMES_H */
