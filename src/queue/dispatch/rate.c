/*-------------------------------------------------------------------------
 *
 * rate.c
 *	  How fast: token buckets that limit it, counters that measure it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>

#include "core/clock.h"
#include "core/limits.h"
#include "queue/dispatch/rate.h"

int
cq_tokens_left(CqTokenBucket *bucket, const CqRateLimit *limit, int64 now_ms)
{
	if (limit->per_second == 0)
		return INT_MAX;
	if (bucket->filled_ms == 0)
		bucket->tokens = limit->burst;
	else
		bucket->tokens = Min(limit->burst, bucket->tokens +
							 (now_ms - bucket->filled_ms) * limit->per_second / 1000);
	bucket->filled_ms = now_ms;

	/* not one less for a rounding error */
	return (int) Min(bucket->tokens + 1e-6, INT_MAX - 1);
}

void
cq_tokens_take(CqTokenBucket *bucket, const CqRateLimit *limit, int n)
{
	if (limit->per_second != 0)
		bucket->tokens -= n;
}

int64
cq_tokens_time(const CqTokenBucket *bucket, const CqRateLimit *limit, double n, int64 now_ms)
{
	double		missing = n - bucket->tokens;

	if (limit->per_second == 0 || missing <= 0)
		return now_ms;
	return now_ms + (int64) Min(ceil(missing * 1000 / limit->per_second),
								CQ_INTERVAL_MS_MAX);
}

void
cq_rate_count(CqRate *rate, uint32 n)
{
	int64		second = cq_clock_ms() / 1000;

	if (second - rate->second >= CQ_RATE_SECONDS)
	{
		memset(rate, 0, sizeof(*rate));
		rate->second = second;
	}
	while (rate->second < second)
		rate->n[++rate->second % CQ_RATE_SECONDS] = 0;
	rate->n[second % CQ_RATE_SECONDS] += n;
}

double
cq_rate_per_second(const CqRate *rate)
{
	int64		second = cq_clock_ms() / 1000;
	uint64		n = 0;

	/* the current second is not over and does not count */
	for (int64 s = second - (CQ_RATE_SECONDS - 2); s < second; s++)
	{
		if (s <= rate->second && s > rate->second - CQ_RATE_SECONDS && s >= 0)
			n += rate->n[s % CQ_RATE_SECONDS];
	}
	return (double) n / (CQ_RATE_SECONDS - 2);
}
