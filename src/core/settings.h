/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  The settings cachequeue.*; see docs/configuration.md.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_SETTINGS_H
#define CQ_CORE_SETTINGS_H

typedef enum CqRememberMisses
{
	CQ_REMEMBER_TRANSACTION,
	CQ_REMEMBER_SESSION
} CqRememberMisses;

/* fixed at server start */
extern int	cq_cache_memory_kb;
extern int	cq_dependency_slots;
extern int	cq_queue_memory_kb;
extern int	cq_max_queues;
extern int	cq_topic_memory_kb;
extern int	cq_max_topics;
extern int	cq_max_databases;

/* reloadable */
extern int	cq_value_size_max;	/* bytes */
extern int	cq_segment_rows;	/* messages in a segment before rotation */
extern bool cq_warm_restart;	/* save the cache at shutdown, load it at
								 * start */

/* superuser */
extern double cq_verify_sample; /* of hits on query results, 0 to 1 */

/* any user */
extern int	cq_load_wait_ms;	/* for another session's load; 0: not at all,
								 * -1: until it has ended */
extern int	cq_remember_misses; /* CqRememberMisses */

#ifdef CQ_FAULTS
/*
 * Debug builds only: names one consistency rule to leave out, so that the
 * tests can be seen to notice.  See core/faults.h.
 */
extern char *cq_fault;

/* Debug builds only: name of the CQ_PAUSE() to wait at. */
extern char *cq_pause_at;
#endif

extern void cq_settings_define(void);

#endif							/* CQ_CORE_SETTINGS_H */
