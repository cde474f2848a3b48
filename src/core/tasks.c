/*-------------------------------------------------------------------------
 *
 * tasks.c
 *	  The tasks of the maintenance worker.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/tasks.h"

static CqTask tasks[CQ_TASKS_MAX];
static int	ntasks = 0;

void
cq_task_register(const CqTask *task)
{
	Assert(ntasks < CQ_TASKS_MAX);
	tasks[ntasks++] = *task;
}

const CqTask *
cq_tasks(int *n)
{
	*n = ntasks;
	return tasks;
}
