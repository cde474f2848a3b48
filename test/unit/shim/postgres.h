/*-------------------------------------------------------------------------
 *
 * postgres.h
 *	  The few of the server's names that the cache engine, the dispatcher of
 *	  queues and the trie of exchanges use, so that they build without the
 *	  server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_SHIM_POSTGRES_H
#define CQ_SHIM_POSTGRES_H

#ifndef CQ_STANDALONE
#error "the shim is for stand-alone builds only"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int8_t int8;
typedef int16_t int16;
typedef int32_t int32;
typedef int64_t int64;
typedef uint8_t uint8;
typedef uint16_t uint16;
typedef uint32_t uint32;
typedef uint32 Oid;
typedef uint64_t uint64;
typedef size_t Size;

#define pg_usleep(microseconds) usleep(microseconds)

#define palloc(bytes) malloc(bytes)
#define palloc0(bytes) calloc(1, bytes)
#define repalloc(pointer, bytes) realloc(pointer, bytes)
#define pfree(pointer) free(pointer)

#define INT64CONST(x) INT64_C(x)
#define UINT64CONST(x) UINT64_C(x)
#define PG_INT64_MIN INT64_MIN
#define PG_INT64_MAX INT64_MAX
#define PG_UINT32_MAX UINT32_MAX

#define Min(x, y) ((x) < (y) ? (x) : (y))
#define Max(x, y) ((x) > (y) ? (x) : (y))
#define lengthof(array) (sizeof(array) / sizeof((array)[0]))
#define likely(x) __builtin_expect((x) != 0, 1)
#define unlikely(x) __builtin_expect((x) != 0, 0)

#define PG_CACHE_LINE_SIZE 128
#define CACHELINEALIGN(len) \
	(((uintptr_t) (len) + PG_CACHE_LINE_SIZE - 1) & \
	 ~(uintptr_t) (PG_CACHE_LINE_SIZE - 1))
#define FLEXIBLE_ARRAY_MEMBER
#define NAMEDATALEN 64

#define StaticAssertDecl(condition, message) _Static_assert(condition, message)
#ifdef USE_ASSERT_CHECKING
#define Assert(condition) \
	do { \
		if (!(condition)) \
		{ \
			fprintf(stderr, "%s:%d: assertion failed: %s\n", \
					__FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)
#else
#define Assert(condition) ((void) true)
#endif

#endif							/* CQ_SHIM_POSTGRES_H */
