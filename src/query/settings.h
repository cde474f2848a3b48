/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  The settings on which a query's meaning and its result depend.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUERY_SETTINGS_H
#define CQ_QUERY_SETTINGS_H

/*
 * A hash of the values that they have now in this session.  Cheap while they stay as
 * they were at the last call.
 */
extern uint64 cq_query_settings(void);

#endif							/* CQ_QUERY_SETTINGS_H */
