/*-------------------------------------------------------------------------
 *
 * miscadmin.h
 *	  Nobody interrupts a stand-alone build.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_SHIM_MISCADMIN_H
#define CQ_SHIM_MISCADMIN_H

#define CHECK_FOR_INTERRUPTS() ((void) 0)

#endif							/* CQ_SHIM_MISCADMIN_H */
