/*-------------------------------------------------------------------------
 *
 * rate.h
 *	  How fast: token buckets that limit it, counters that measure it.
 *
 * Nothing here locks or raises.  The owner of a bucket or a counter guards it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_DISPATCH_RATE_H
#define CQ_QUEUE_DISPATCH_RATE_H

/* A limit; per_second 0: none. */
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
typedef struct CqTokenBucket
{
	double		tokens;
	int64		filled_ms;		/* when that was so, cq_clock_ms(); 0: full */
} CqTokenBucket;

/* How often something happened, second by second. */
#define CQ_RATE_SECONDS 12

typedef struct CqRate
{
	int64		second;			/* of cq_clock_ms(), the latest one counted */
	uint32		n[CQ_RATE_SECONDS]; /* by second modulo CQ_RATE_SECONDS */
} CqRate;

/* Refill the bucket: how many deliveries it allows now, INT_MAX: any number. */
extern int	cq_tokens_left(CqTokenBucket *bucket, const CqRateLimit *limit, int64 now_ms);

/* Take n of them, whether they are there or not. */
extern void cq_tokens_take(CqTokenBucket *bucket, const CqRateLimit *limit, int n);

/* When the bucket, refilled at now_ms, will have n tokens. */
extern int64 cq_tokens_time(const CqTokenBucket *bucket, const CqRateLimit *limit,
							double n, int64 now_ms);

/* Count n that happen now. */
extern void cq_rate_count(CqRate *rate, uint32 n);

/* How many a second there were lately. */
extern double cq_rate_per_second(const CqRate *rate);

#endif							/* CQ_QUEUE_DISPATCH_RATE_H */
