/*-------------------------------------------------------------------------
 *
 * counter.h
 *	  A number in memory that several processes share.
 *
 * src/port/counter.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_COUNTER_H
#define PGB_COUNTER_H

#ifdef FRONTEND

/* PostgreSQL's own are for the server alone; zeroed memory is 0 in both worlds. */
typedef struct PgbCounter
{
	volatile uint64 value;
} PgbCounter;

/* Adds, and gives what it was before. */
static inline uint64
pgb_counter_add(PgbCounter *counter, uint64 amount)
{
	return __atomic_fetch_add(&counter->value, amount, __ATOMIC_SEQ_CST);
}

static inline uint64
pgb_counter_read(const PgbCounter *counter)
{
	return __atomic_load_n(&counter->value, __ATOMIC_SEQ_CST);
}

#else

#include "port/atomics.h"

typedef struct PgbCounter
{
	pg_atomic_uint64 value;
} PgbCounter;

static inline uint64
pgb_counter_add(PgbCounter *counter, uint64 amount)
{
	return pg_atomic_fetch_add_u64(&counter->value, (int64) amount);
}

static inline uint64
pgb_counter_read(const PgbCounter *counter)
{
	return pg_atomic_read_u64(unconstify(pg_atomic_uint64 *, &counter->value));
}

#endif

#endif							/* PGB_COUNTER_H */
