/*-------------------------------------------------------------------------
 *
 * launcher.h
 *	  The background worker that starts the others.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_WORKER_LAUNCHER_H
#define CQ_WORKER_LAUNCHER_H

#include "fmgr.h"

#define CQ_LAUNCHER_TYPE "cachequeue launcher"

/*
 * Register the launcher and install the hooks.  Called once, from _PG_init
 * under shared_preload_libraries.
 */
extern void cq_workers_register(void);

/* Entry point, named in BackgroundWorker.bgw_function_name. */
extern PGDLLEXPORT void cq_launcher_main(Datum main_arg);

#endif							/* CQ_WORKER_LAUNCHER_H */
