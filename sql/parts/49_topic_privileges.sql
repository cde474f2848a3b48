-- Topics: privileges.  The functions that PUBLIC may call ask for the privilege
-- on the topic or group themselves; creating topics has to be granted.

REVOKE ALL ON cq.topic, cq.topic_group, cq.topic_segment FROM PUBLIC;
REVOKE ALL ON SEQUENCE cq.topic_topic_id_seq, cq.topic_group_group_id_seq FROM PUBLIC;
REVOKE ALL ON FUNCTION
	cq._topic_changed(),
	cq.topic_create(text, int, interval, bigint, boolean, interval, boolean),
	cq.topic_publication_create(text, text, int),
	cq.topic_replica_create(text, int, int, int),
	cq.topic_replica_promote(text)
FROM PUBLIC;
REVOKE ALL ON PROCEDURE cq.topic_maintain() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	cq.topic_alter(text, int, interval, bigint, boolean, interval, text[]),
	cq.topic_drop(text, boolean),
	cq.topic_grant(text, text, text),
	cq.topic_revoke(text, text, text),
	cq.topic_owner(text, text),
	cq.topic_publish(text, jsonb, text, jsonb, int),
	cq.topic_publish_many(text, jsonb[], text[], jsonb[], int),
	cq.group_create(text, text, text, text, text, interval, boolean),
	cq.group_drop(text, text, boolean),
	cq.group_grant(text, text, text, text),
	cq.group_revoke(text, text, text, text),
	cq.group_owner(text, text, text),
	cq.group_join(text, text, text, boolean),
	cq.group_leave(text, text, text, bigint),
	cq.group_heartbeat(text, text, text, bigint),
	cq.topic_poll(text, text, text, int, bigint, boolean),
	cq.topic_commit(text, text, text, int, bigint, bigint),
	cq.topic_seek(text, text, text, int),
	cq.topic_offset(text, int, text),
	cq.topic_read(text, int, bigint, int),
	cq.stat_get_topics(),
	cq.stat_get_groups(),
	cq.stat_get_group_members()
TO PUBLIC;
GRANT EXECUTE ON PROCEDURE cq.topic_wait(text, text, text, interval, boolean, bigint) TO PUBLIC;
GRANT SELECT ON cq.stat_topics, cq.stat_groups, cq.stat_group_members TO PUBLIC;
