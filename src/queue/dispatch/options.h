/*-------------------------------------------------------------------------
 *
 * options.h
 *	  The options of a queue, as a plain struct.
 *
 * queue/options.c knows their names, types and defaults.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_DISPATCH_OPTIONS_H
#define CQ_QUEUE_DISPATCH_OPTIONS_H

#include "core/limits.h"
#include "queue/dispatch/rate.h"

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

#endif							/* CQ_QUEUE_DISPATCH_OPTIONS_H */
