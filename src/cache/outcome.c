/*-------------------------------------------------------------------------
 *
 * outcome.c
 *	  Outcomes of look-ups and sets, and counting them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/outcome.h"
#include "cache/request.h"

void
cq_count_refused(const CqKey *key, CqCounter reason)
{
	cq_count_namespace(key->state, CQ_COUNT_SETS_REFUSED, 1);
	cq_count(reason, 1);
}

CqCounter
cq_refusal(const CqView *p, int i)
{
	if (p->xmax == 0)			/* there was no view */
		return CQ_COUNT_REFUSED_BYPASS;
	return i < CQ_BASIC_SLOTS - 1 ? CQ_COUNT_REFUSED_EPOCH :
		CQ_COUNT_REFUSED_CHANGED;
}
