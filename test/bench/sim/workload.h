/*-------------------------------------------------------------------------
 *
 * workload.h
 *	  Made-up traces that behave like public ones.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_WORKLOAD_H
#define CQ_WORKLOAD_H

#include "trace.h"

typedef struct Generator Generator;

typedef struct Workload
{
	const char *name;
	const char *like;			/* what it stands for */
	void		(*make) (Generator *generator);
	double		skew;			/* of Zipf's law, where it applies */
} Workload;

extern const Workload workloads[];
extern const int nworkloads;

/*
 * Append about nrequests requests.  The same arguments make the same trace.
 * value_len: of all objects; 0: as long as they are in what is imitated.
 */
extern void workload_make(const Workload *workload, uint32 nrequests,
						  uint32 value_len, Trace *trace);

#endif							/* CQ_WORKLOAD_H */
