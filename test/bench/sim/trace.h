/*-------------------------------------------------------------------------
 *
 * trace.h
 *	  A sequence of requests to a cache: read from a file, or generated.
 *
 * A trace is built with trace_add, one request after the other, and finished
 * with trace_finish.  Objects are then known by small numbers, in the order of
 * their first request.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TRACE_H
#define CQ_TRACE_H

/* bytes of each key; the engine stores them, the models count them */
#define TRACE_KEY_BYTES 20

#define NO_REQUEST PG_UINT32_MAX

typedef enum TraceOp
{
	TRACE_GET,					/* and store it after a miss */
	TRACE_SET					/* store it whatever is there */
} TraceOp;

typedef struct TraceRequest
{
	int64		time_ms;		/* ascending */
	uint32		object;
	uint32		value_len;
	uint32		ttl_ms;			/* if stored by this request; 0: none */
	uint32		next;			/* request of the same object, NO_REQUEST */
	TraceOp		op;
} TraceRequest;

typedef struct Trace
{
	char		name[64];
	TraceRequest *requests;
	uint32		nrequests;
	uint32		nobjects;
	uint64		footprint;		/* bytes of all objects' keys and values */
	uint32		once;			/* objects requested only once */

	uint32		allocated;		/* requests */
	uint64	   *ids;			/* hash table: identifier of an object ... */
	uint32	   *objects;		/* ... and its number + 1, or 0 */
	uint32		table_size;		/* a power of 2 */
} Trace;

/* How a text file is laid out; columns count from 1, 0 is none. */
typedef struct TraceFormat
{
	enum
	{
		TRACE_CSV,
		TRACE_LIRS,
		TRACE_ADDRESS,
		TRACE_ARC
	}			kind;
	char		delimiter;
	bool		has_header;
	int			time_column;	/* seconds, may have decimals */
	int			id_column;
	int			size_column;
	int			ttl_column;		/* seconds */
	int			op_column;
} TraceFormat;

extern void trace_init(Trace *trace, const char *name);
extern void trace_add(Trace *trace, uint64 id, TraceOp op, int64 time_ms,
					  uint32 value_len, uint32 ttl_ms);
extern void trace_finish(Trace *trace);
extern void trace_free(Trace *trace);

/*
 * Parse "lirs", "address", "arc" or "csv[,time-col=N][,obj-id-col=N]
 * [,obj-size-col=N][,ttl-col=N][,op-col=N][,delimiter=C][,has-header]".
 */
extern bool trace_parse_format(const char *text, TraceFormat *format);

/*
 * Append the requests of a file, at most limit; of a name that ends in .gz
 * what zcat makes of it.  Exits with a message if that cannot be done.
 * value_len: for all objects, 0: those of the file.
 */
extern void trace_read(Trace *trace, const char *path,
					   const TraceFormat *format, uint32 limit,
					   uint32 value_len);

/* The bytes that an object occupies at least, wherever it is stored. */
static inline uint64
request_bytes(const TraceRequest *request)
{
	return TRACE_KEY_BYTES + (uint64) request->value_len;
}

#endif							/* CQ_TRACE_H */
