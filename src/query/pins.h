/*-------------------------------------------------------------------------
 *
 * pins.h
 *	  Tables of which a query reads only the rows with a given key.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUERY_PINS_H
#define CQ_QUERY_PINS_H

#include "nodes/parsenodes.h"

/* One appearance of a watched table in a query, and the tag of its rows. */
typedef struct CqPin CqPin;

/*
 * The pin of entry rtindex of the query's range table, in the current context;
 * NULL when the query may read other rows, too.  Keeps pointers into the query.
 */
extern CqPin *cq_query_pin(Query *query, int rtindex);

/* The table. */
extern Oid	cq_pin_relation(const CqPin *pin);

/*
 * The slot of the tag of the rows that are read with these values of the
 * parameters.  False when they have none: a key is NULL.
 */
extern bool cq_pin_slot(const CqPin *pin, const Datum *values,
						const bool *nulls, uint32 *slot);

#endif							/* CQ_QUERY_PINS_H */
