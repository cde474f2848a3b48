/*-------------------------------------------------------------------------
 *
 * maintenance.h
 *	  The maintenance worker of one database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_WORKER_MAINTENANCE_H
#define CQ_WORKER_MAINTENANCE_H

#include "fmgr.h"

#define CQ_MAINTENANCE_TYPE "cachequeue maintenance"

/* Entry point, named in BackgroundWorker.bgw_function_name. */
extern PGDLLEXPORT void cq_maintenance_main(Datum main_arg);

#endif							/* CQ_WORKER_MAINTENANCE_H */
