/*-------------------------------------------------------------------------
 *
 * value.h
 *	  Cached values and their types.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_VALUE_H
#define CQ_CACHE_VALUE_H

/* What a value was stored as; a get of another type is an error. */
typedef enum CqValueType
{
	CQ_VALUE_TEXT = 1,
	CQ_VALUE_BYTEA,
	CQ_VALUE_JSONB,
	CQ_VALUE_COUNTER,			/* int64 in native byte order; reads as text */
	CQ_VALUE_NOTHING,			/* of a query: no row, or NULL */
	CQ_VALUE_ROWS				/* of a query: its rows (query/rows.c) */
} CqValueType;

/* A value found; data is valid until the backend's next look-up. */
typedef struct CqValue
{
	const char *data;
	uint32		len;
	uint8		type;
	int64		expires_ms;
	uint64		version;		/* 0: set by this transaction */
	bool		dependent;
} CqValue;

/* Name of a value's type, for messages. */
extern const char *cq_value_type_name(uint8 type);

/* Whether cq_value_datum returns a value of the wanted type. */
extern bool cq_value_reads_as(const CqValue *value, CqValueType wanted);

/*
 * The value as a datum of the wanted type, palloc'd; a counter reads as text.
 * Raises 42809 for a value of another type.
 */
extern Datum cq_value_datum(const CqValue *value, CqValueType wanted);

#endif							/* CQ_CACHE_VALUE_H */
