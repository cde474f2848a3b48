/* common/int.h of the server, as far as the cache engine uses it */
#ifndef CQ_SHIM_INT_H
#define CQ_SHIM_INT_H

static inline bool
pg_add_s64_overflow(int64 a, int64 b, int64 *result)
{
	return __builtin_add_overflow(a, b, result);
}

#endif							/* CQ_SHIM_INT_H */
