/*-------------------------------------------------------------------------
 *
 * limits.h
 *	  Version and limits of the extension.
 *
 * Everything here is part of the documented interface (docs/configuration.md,
 * "Limits"); sizes are in bytes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_LIMITS_H
#define CQ_CORE_LIMITS_H

#define CQ_VERSION "1.1"

/* cache */
#define CQ_KEY_BYTES_MAX 1024
#define CQ_NAMESPACE_BYTES_MAX 63
#define CQ_TAG_BYTES_MAX 1024
#define CQ_TAGS_MAX 64
#define CQ_VALUE_BYTES_CEILING (64 * 1024 * 1024)
#define CQ_WRITE_THROUGH_ROWS_MAX 10000 /* of a transaction */
#define CQ_WRITE_THROUGH_BYTES_MAX (16 * 1024 * 1024)
#define CQ_MEMORY_QUOTA_MIN (64 * 1024)

/* queue */
#define CQ_QUEUE_NAME_BYTES_MAX 255
#define CQ_RECEIVE_MAX 10000

/* exchanges */
#define CQ_EXCHANGE_NAME_BYTES_MAX 200
#define CQ_ROUTING_KEY_BYTES_MAX 1024

/* longest interval accepted for a TTL, lease, delay or timeout: 100 years */
#define CQ_INTERVAL_MS_MAX INT64CONST(3155760000000)

#endif							/* CQ_CORE_LIMITS_H */
