/*
 * utils/timestamp.h of the server, as far as the dispatcher uses it: a system
 * time that goes with core/clock.h
 */
#ifndef CQ_SHIM_UTILS_TIMESTAMP_H
#define CQ_SHIM_UTILS_TIMESTAMP_H

#include "core/clock.h"
#include "datatype/timestamp.h"

static inline TimestampTz
GetCurrentTimestamp(void)
{
	return cq_clock_ms() * 1000;
}

#endif							/* CQ_SHIM_UTILS_TIMESTAMP_H */
