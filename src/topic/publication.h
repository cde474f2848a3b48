/*-------------------------------------------------------------------------
 *
 * publication.h
 *	  Publications of a topic, for logical replication.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_PUBLICATION_H
#define CQ_TOPIC_PUBLICATION_H

#include "nodes/pg_list.h"
#include "topic/definition.h"

/*
 * Create <publication> and <publication>_limits for so many tables of the topic,
 * which they go with.  Raises 42710.
 */
extern void cq_publications_create(CqTopicDef *def, const char *publication, int ntables);

/*
 * The names of the publications of the extension's owner that consist of tables
 * of this topic, and rows of cq.topic_segment, only.
 */
extern List *cq_publications_find(int32 topic_id);

/* Drop those of them that are still there. */
extern void cq_publications_drop(List *names);

#endif							/* CQ_TOPIC_PUBLICATION_H */
