/*
 * port/atomics.h of the server, as far as stand-alone builds use it: reads and
 * writes are unordered, all else is a full barrier.
 */
#ifndef CQ_SHIM_ATOMICS_H
#define CQ_SHIM_ATOMICS_H

#define pg_compiler_barrier() __asm__ __volatile__("" ::: "memory")
#define pg_read_barrier() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define pg_write_barrier() __atomic_thread_fence(__ATOMIC_RELEASE)

typedef struct pg_atomic_uint32
{
	uint32		value;
} pg_atomic_uint32;

static inline void
pg_atomic_init_u32(pg_atomic_uint32 *p, uint32 value)
{
	p->value = value;
}

static inline uint32
pg_atomic_read_u32(pg_atomic_uint32 *p)
{
	return __atomic_load_n(&p->value, __ATOMIC_RELAXED);
}

static inline void
pg_atomic_write_u32(pg_atomic_uint32 *p, uint32 value)
{
	__atomic_store_n(&p->value, value, __ATOMIC_RELAXED);
}

static inline uint32
pg_atomic_fetch_add_u32(pg_atomic_uint32 *p, uint32 value)
{
	return __atomic_fetch_add(&p->value, value, __ATOMIC_SEQ_CST);
}

static inline uint32
pg_atomic_fetch_sub_u32(pg_atomic_uint32 *p, uint32 value)
{
	return __atomic_fetch_sub(&p->value, value, __ATOMIC_SEQ_CST);
}

static inline uint32
pg_atomic_sub_fetch_u32(pg_atomic_uint32 *p, uint32 value)
{
	return __atomic_sub_fetch(&p->value, value, __ATOMIC_SEQ_CST);
}

typedef struct pg_atomic_uint64
{
	uint64		value;
} pg_atomic_uint64;

static inline void
pg_atomic_init_u64(pg_atomic_uint64 *p, uint64 value)
{
	p->value = value;
}

static inline uint64
pg_atomic_read_u64(pg_atomic_uint64 *p)
{
	return __atomic_load_n(&p->value, __ATOMIC_RELAXED);
}

static inline void
pg_atomic_write_u64(pg_atomic_uint64 *p, uint64 value)
{
	__atomic_store_n(&p->value, value, __ATOMIC_RELAXED);
}

static inline uint64
pg_atomic_fetch_add_u64(pg_atomic_uint64 *p, uint64 value)
{
	return __atomic_fetch_add(&p->value, value, __ATOMIC_SEQ_CST);
}

static inline uint64
pg_atomic_fetch_sub_u64(pg_atomic_uint64 *p, uint64 value)
{
	return __atomic_fetch_sub(&p->value, value, __ATOMIC_SEQ_CST);
}

static inline uint64
pg_atomic_add_fetch_u64(pg_atomic_uint64 *p, uint64 value)
{
	return __atomic_add_fetch(&p->value, value, __ATOMIC_SEQ_CST);
}

#endif							/* CQ_SHIM_ATOMICS_H */
