/*-------------------------------------------------------------------------
 *
 * worker.h
 *	  Background workers: one launcher, one maintenance worker per database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_WORKER_WORKER_H
#define CQ_WORKER_WORKER_H

#include "fmgr.h"

#define CQ_LAUNCHER_TYPE "cachequeue launcher"
#define CQ_MAINTENANCE_TYPE "cachequeue maintenance"

/*
 * Register the launcher and install the hooks.  Called once, from _PG_init
 * under shared_preload_libraries.
 */
extern void cq_workers_register(void);

/* Of which cq_workers_register() is made; worker/utility.c. */
extern void cq_worker_hooks_install(void);

/* Entry points, named in BackgroundWorker.bgw_function_name. */
extern PGDLLEXPORT void cq_launcher_main(Datum main_arg);
extern PGDLLEXPORT void cq_maintenance_main(Datum main_arg);

/*
 * What both do each time they wake up, outside a transaction: exit with the
 * given code if told to, reload the configuration, accept invalidations.
 */
extern void cq_worker_handle_interrupts(int exit_code);

#endif							/* CQ_WORKER_WORKER_H */
