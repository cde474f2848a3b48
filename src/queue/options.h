/*-------------------------------------------------------------------------
 *
 * options.h
 *	  The options of a queue: names, types, defaults, checks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_OPTIONS_H
#define CQ_QUEUE_OPTIONS_H

#include "datatype/timestamp.h"
#include "queue/dispatch/options.h"

/* The options as columns of cq.queue, from CQ_QUEUE_COLUMN_OPTIONS on. */
typedef enum CqOption
{
	CQ_OPTION_LEASE,
	CQ_OPTION_MAX_ATTEMPTS,
	CQ_OPTION_BACKOFF,
	CQ_OPTION_DEAD_LETTER,
	CQ_OPTION_MAX_LENGTH,
	CQ_OPTION_OVERFLOW,
	CQ_OPTION_DEDUP_WINDOW,
	CQ_OPTION_MESSAGE_TTL,
	CQ_OPTION_RATE_LIMIT,
	CQ_OPTION_GROUP_CONCURRENCY,
	CQ_OPTION_RETAIN,
	CQ_OPTION_BACKOFF_DELAY,
	CQ_OPTION_BACKOFF_MAX,
	CQ_OPTION_MAX_BYTES,
	CQ_OPTION_OVERFLOW_TIMEOUT,
	CQ_OPTION_RATE_BURST,
	CQ_OPTION_GROUP_RATE_LIMIT,
	CQ_OPTION_GROUP_RATE_BURST,
	CQ_OPTION_CONCURRENCY,
	CQ_OPTION_RELEASE_ON_DISCONNECT,
	CQ_OPTION_DURABLE_LEASES,
	CQ_OPTION_NOTIFY,
	CQ_OPTIONS
} CqOption;

/* An option's name, which is that of its column and parameter, and its type. */
extern const char *cq_option_name(CqOption option);
extern Oid	cq_option_type(CqOption option);

/* The option of that name; raises 22023 when there is none. */
extern CqOption cq_option_named(const char *name);

/* Its default, as queue_create has it. */
extern Datum cq_option_default(CqOption option, bool *isnull);

/*
 * Check a value; raises 22004 or 22023.  Whether a dead-letter queue exists is
 * not looked at.
 */
extern void cq_option_check(CqOption option, Datum value, bool isnull);

/* Options from the values of their columns, which have been checked. */
extern void cq_options_read(CqQueueOptions *options, const Datum *values,
							const bool *nulls);

/* Are they the same, version and pause aside? */
extern bool cq_options_same(const CqQueueOptions *a, const CqQueueOptions *b);

/* Delay before the next delivery after so many attempts. */
extern int64 cq_backoff_ms(const CqQueueOptions *options, int attempts);

/* When a message sent at that time without a ttl of its own expires; 0: never. */
static inline TimestampTz
cq_options_expiry(const CqQueueOptions *options, TimestampTz sent_at)
{
	return (options->message_ttl_ms == 0) ? 0 :
		sent_at + options->message_ttl_ms * 1000;
}

#endif							/* CQ_QUEUE_OPTIONS_H */
