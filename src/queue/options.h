/*-------------------------------------------------------------------------
 *
 * options.h
 *	  The options of a queue.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_OPTIONS_H
#define CQ_QUEUE_OPTIONS_H

#include "core/limits.h"
#include "datatype/timestamp.h"

/* priorities run from CQ_PRIORITY_MIN to CQ_PRIORITY_MAX, higher ones first */
#define CQ_PRIORITY_MIN (-16)
#define CQ_PRIORITY_MAX 15
#define CQ_PRIORITIES (CQ_PRIORITY_MAX - CQ_PRIORITY_MIN + 1)
#define CQ_PRIORITY_INDEX(p) ((p) - CQ_PRIORITY_MIN)
#define CQ_PRIORITY_BIT(p) (UINT32_C(1) << CQ_PRIORITY_INDEX(p))

typedef enum CqBackoff
{
	CQ_BACKOFF_CONSTANT,
	CQ_BACKOFF_LINEAR,
	CQ_BACKOFF_EXPONENTIAL
} CqBackoff;

typedef enum CqOverflow
{
	CQ_OVERFLOW_REJECT,
	CQ_OVERFLOW_BLOCK,
	CQ_OVERFLOW_DROP_OLDEST
} CqOverflow;

/* A rate; 0: no limit. */
typedef struct CqRateLimit
{
	double		per_second;
	double		burst;
} CqRateLimit;

/*
 * A token bucket (Turner, New directions in communications, 1986): holds up to
 * 'burst' tokens, gains per_second of them a second, and loses one for each
 * delivery.
 */
typedef struct CqBucket
{
	double		tokens;
	int64		filled_ms;		/* when that was so, cq_clock_ms(); 0: full */
} CqBucket;

/* 0 and empty strings stand for NULL. */
typedef struct CqQueueOptions
{
	int32		version;
	bool		paused;
	int64		lease_ms;
	int32		max_attempts;
	CqBackoff	backoff;
	int64		backoff_delay_ms;
	int64		backoff_max_ms;
	int64		max_length;
	int64		max_bytes;
	CqOverflow	overflow;
	int64		overflow_timeout_ms;
	int64		dedup_window_ms;
	int64		message_ttl_ms;
	CqRateLimit rate;
	CqRateLimit group_rate;
	int32		concurrency;
	int32		group_concurrency;
	int64		retain_ms;
	bool		release_on_disconnect;
	bool		durable_leases;
	char		dead_letter[CQ_QUEUE_NAME_BYTES_MAX + 1];
	char		notify[NAMEDATALEN];
} CqQueueOptions;

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

/*
 * How many deliveries the limit allows now, INT_MAX: any number; refills the
 * bucket.
 */
extern int	cq_bucket_tokens(CqBucket *bucket, const CqRateLimit *limit, int64 now_ms);

/* Take n of them. */
extern void cq_bucket_take(CqBucket *bucket, const CqRateLimit *limit, int n);

/* When the bucket, filled at now_ms, will have n tokens. */
extern int64 cq_bucket_time(const CqBucket *bucket, const CqRateLimit *limit,
							double n, int64 now_ms);

#endif							/* CQ_QUEUE_OPTIONS_H */
