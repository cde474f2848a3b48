-- Topics and consumer groups: functions and views.

CREATE FUNCTION cq.topic_create(topic text, partitions int = 1,
	retain interval = '7 days', retain_bytes bigint = NULL, compact boolean = false,
	tombstone_retain interval = '1 day', if_not_exists boolean = false) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_create';
COMMENT ON FUNCTION cq.topic_create(text, int, interval, bigint, boolean, interval, boolean) IS
'Create a topic; the options are those of the table cq.topic. if_not_exists: one that exists with the same options stays. Raises 22023, 22004, 42710 (exists), 53400 (cachequeue.max_topics, topic_memory).';

CREATE FUNCTION cq.topic_alter(topic text, partitions int = NULL,
	retain interval = NULL, retain_bytes bigint = NULL, compact boolean = NULL,
	tombstone_retain interval = NULL, reset text[] = '{}') RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_alter';
COMMENT ON FUNCTION cq.topic_alter(text, int, interval, bigint, boolean, interval, text[]) IS
'Change options of a topic, from the end of the transaction on. NULL: as it is; reset: retain and retain_bytes may be named, which then have no limit. Partitions can be added only. Raises 22023, 42704, 42501.';

CREATE FUNCTION cq.topic_drop(topic text, if_exists boolean = false) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_drop';
COMMENT ON FUNCTION cq.topic_drop(text, boolean) IS
'Drop a topic with its records and groups, waiting for transactions that use it. For its owner. Raises 42704, 42501.';

CREATE FUNCTION cq.topic_grant(topic text, role text, privilege text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_grant';
COMMENT ON FUNCTION cq.topic_grant(text, text, text) IS
'Give a role (or public) privileges on a topic: publish, consume, read, alter, manage (the last two), separated by commas, or all. For the owner, and who has the privileges with grant option. Raises 22023, 22004, 42704, 42501.';

CREATE FUNCTION cq.topic_revoke(topic text, role text, privilege text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_revoke';
COMMENT ON FUNCTION cq.topic_revoke(text, text, text) IS
'Take back what cq.topic_grant gave. Raises 42704, 42501, 22023.';

CREATE FUNCTION cq.topic_owner(topic text, new_owner text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_owner';
COMMENT ON FUNCTION cq.topic_owner(text, text) IS
'Give a topic another owner. Raises 22004, 42704 (topic, role), 42501 (not the owner, or no member of the role).';

CREATE FUNCTION cq.topic_publication_create(topic text, publication text, tables int = 16) RETURNS int
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_publication_create';
COMMENT ON FUNCTION cq.topic_publication_create(text, text, int) IS
'Prepare a topic for logical replication: create the publications <publication> and <publication>_limits, and so many tables for segments, which is all that it will use from then on. Returns the topic_id that cq.topic_replica_create needs. Raises 42704, 42501, 22023, 42710 (a publication exists).';

CREATE FUNCTION cq.topic_replica_create(topic text, topic_id int, partitions int = 1,
	tables int = 16) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_replica_create';
COMMENT ON FUNCTION cq.topic_replica_create(text, int, int, int) IS
'Create a topic whose records come by logical replication, from one with that topic_id and as many partitions and tables; then subscribe to both publications in one subscription. It has groups of its own. Raises 22023, 22004, 42710 (the name or topic_id is taken), 53400.';

CREATE FUNCTION cq.topic_replica_promote(topic text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_replica_promote';
COMMENT ON FUNCTION cq.topic_replica_promote(text) IS
'Make a replica a topic of its own, to be published to; drop the subscription first. Raises 42704, 42501, 55000 (it is no replica).';

CREATE FUNCTION cq.topic_publish(topic text, body jsonb, key text = NULL,
	headers jsonb = NULL, partition int = NULL,
	OUT partition int, OUT record_offset bigint) RETURNS record
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_publish';
COMMENT ON FUNCTION cq.topic_publish(text, jsonb, text, jsonb, int) IS
'Append a record and return where it is. Without partition the key decides (as in Kafka), without key all records of a transaction go to one partition. body NULL: the key was deleted. Raises 42704, 42501, 22023, 22004, 54000 (key too long).';

CREATE FUNCTION cq.topic_publish_many(topic text, bodies jsonb[], keys text[] = NULL,
	headers jsonb[] = NULL, partition int = NULL,
	OUT partition int, OUT record_offset bigint) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_publish_many';
COMMENT ON FUNCTION cq.topic_publish_many(text, jsonb[], text[], jsonb[], int) IS
'The same for many records; returns where each of them is, in their order. Arrays of another length than bodies: 22023.';

CREATE FUNCTION cq.group_create(topic text, group_name text, kind text = 'exclusive',
	start text = 'earliest', assignment text = 'sticky',
	session_timeout interval = '45 s', if_not_exists boolean = false) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_group_create';
COMMENT ON FUNCTION cq.group_create(text, text, text, text, text, interval, boolean) IS
'Create a consumer group. kind: exclusive (a partition belongs to one member) or shared (the queue <topic>.<group> gets the records); start: earliest, latest, a timestamp or an offset; assignment: sticky or range; if_not_exists: one that exists with the same options stays. Raises 42704, 42501, 42710, 22023.';

CREATE FUNCTION cq.group_drop(topic text, group_name text, if_exists boolean = false) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_group_drop';
COMMENT ON FUNCTION cq.group_drop(text, text, boolean) IS
'Drop a group with its offsets, and the queue of a shared one. For the owners of group and topic. Raises 42704, 42501.';

CREATE FUNCTION cq.group_grant(topic text, group_name text, role text, privilege text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_group_grant';
COMMENT ON FUNCTION cq.group_grant(text, text, text, text) IS
'Give a role (or public) privileges on a group: consume, read (its statistics), separated by commas, or all. For the owners of group and topic. Raises 22023, 22004, 42704, 42501.';

CREATE FUNCTION cq.group_revoke(topic text, group_name text, role text, privilege text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_group_revoke';
COMMENT ON FUNCTION cq.group_revoke(text, text, text, text) IS
'Take back what cq.group_grant gave. Raises 42704, 42501, 22023.';

CREATE FUNCTION cq.group_owner(topic text, group_name text, new_owner text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_group_owner';
COMMENT ON FUNCTION cq.group_owner(text, text, text) IS
'Give a group another owner. Raises 22004, 42704 (topic, group, role), 42501 (not the owner, or no member of the role).';

CREATE FUNCTION cq.group_join(topic text, group_name text, member text,
	session_bound boolean = false) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_group_join';
COMMENT ON FUNCTION cq.group_join(text, text, text, boolean) IS
'Join a group, which is created unless it exists, and return the generation of the member. Takes effect at once. session_bound: the end of this session ends the membership. Raises 42704, 42501, 22023, 42809 (a shared group), 53400.';

CREATE FUNCTION cq.group_leave(topic text, group_name text, member text,
	generation bigint = NULL) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_group_leave';
COMMENT ON FUNCTION cq.group_leave(text, text, text, bigint) IS
'Leave a group, at the end of the transaction. False: it is no member of that generation. Raises 42704, 42501.';

CREATE FUNCTION cq.group_heartbeat(topic text, group_name text, member text,
	generation bigint = NULL) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_group_heartbeat';
COMMENT ON FUNCTION cq.group_heartbeat(text, text, text, bigint) IS
'Tell that the member is alive, which polling, committing and waiting do too. False: it is no member of that generation: join again. Raises 42704, 42501.';

CREATE FUNCTION cq.topic_poll(topic text, group_name text, member text,
	max int = 100, generation bigint = NULL, auto_commit boolean = false) RETURNS SETOF cq.record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 100
AS 'MODULE_PATHNAME', 'cq_topic_poll';
COMMENT ON FUNCTION cq.topic_poll(text, text, text, int, bigint, boolean) IS
'Return the next records of the partitions that the member owns and move its position behind them; a rollback moves it back. auto_commit: commit these offsets with this transaction. Raises 42704, 42501, 22023, 55000 (no member of that generation), 40001 (lost the partition meanwhile).';

CREATE FUNCTION cq.topic_commit(topic text, group_name text, member text,
	partition int, record_offset bigint, generation bigint = NULL) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_commit';
COMMENT ON FUNCTION cq.topic_commit(text, text, text, int, bigint, bigint) IS
'Commit, with this transaction, that the group is done with the partition up to and including that record. False: the member does not own the partition (any more), has not polled so far, or was further already. If it loses the partition before the transaction ends, COMMIT raises 40001. Raises 42704, 42501, 22023.';

CREATE FUNCTION cq.topic_seek(topic text, group_name text, to_position text,
	partition int = NULL) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_topic_seek';
COMMENT ON FUNCTION cq.topic_seek(text, text, text, int) IS
'Have the group go on, from the end of the transaction, at earliest, latest, a timestamp or an offset, in one partition or all. Transactions of members that have not committed by then are refused with 40001. Raises 42704, 42501, 22023, 22007, 55000 (twice in a transaction), 40001.';

CREATE FUNCTION cq.topic_offset(topic text, partition int, at_position text) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cq_topic_offset';
COMMENT ON FUNCTION cq.topic_offset(text, int, text) IS
'The offset that earliest, latest (of the next record), or a timestamp stands for in a partition. Raises 42704, 42501, 22023, 22007.';

CREATE FUNCTION cq.topic_read(topic text, partition int, from_offset bigint = 0,
	max int = 100) RETURNS SETOF cq.record
LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 100
AS 'MODULE_PATHNAME', 'cq_topic_read';
COMMENT ON FUNCTION cq.topic_read(text, int, bigint, int) IS
'Return records of a partition from an offset on, without a group and without any effect; on a standby too. Raises 42704, 42501, 22023.';

CREATE PROCEDURE cq.topic_wait(topic text, group_name text, member text,
	timeout interval = NULL, INOUT ready boolean = NULL, generation bigint = NULL)
LANGUAGE c
AS 'MODULE_PATHNAME', 'cq_topic_wait';
COMMENT ON PROCEDURE cq.topic_wait(text, text, text, interval, boolean, bigint) IS
'Wait, without a snapshot, until the member has something to poll; ready is false after timeout (NULL: none). Counts as a heartbeat. Raises 25001 in a transaction block, 42704, 42501, 22023, 55000 (no member).';

CREATE PROCEDURE cq.topic_maintain()
LANGUAGE c
AS 'MODULE_PATHNAME', 'cq_topic_maintain_now';
COMMENT ON PROCEDURE cq.topic_maintain() IS
'Do at once what the maintenance worker does for topics: retention, compaction, limits for standbys, feeding shared groups. Raises 25001 in a transaction block.';

CREATE FUNCTION cq.stat_get_topics(OUT topic text, OUT partition int, OUT start_offset bigint,
	OUT end_offset bigint, OUT stable_offset bigint, OUT open_transactions bigint,
	OUT published bigint, OUT segments int, OUT bytes bigint, OUT held_by text) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cq_topic_stats';
COMMENT ON FUNCTION cq.stat_get_topics() IS 'Behind the view cq.stat_topics.';

CREATE VIEW cq.stat_topics AS SELECT * FROM cq.stat_get_topics();
COMMENT ON VIEW cq.stat_topics IS 'One row for each partition of the topics that the reader may use.';
COMMENT ON COLUMN cq.stat_topics.start_offset IS 'Of the first record that is kept; NULL: there is none.';
COMMENT ON COLUMN cq.stat_topics.end_offset IS 'Of the next record to be published, or below it.';
COMMENT ON COLUMN cq.stat_topics.stable_offset IS 'Readers stop below it: it is the lowest one of an open transaction, or end_offset.';
COMMENT ON COLUMN cq.stat_topics.open_transactions IS 'Transactions that have published to the partition and not ended.';
COMMENT ON COLUMN cq.stat_topics.published IS 'Records committed since the server was started.';
COMMENT ON COLUMN cq.stat_topics.segments IS 'Segments of the topic.';
COMMENT ON COLUMN cq.stat_topics.bytes IS 'Size of all tables of the topic.';
COMMENT ON COLUMN cq.stat_topics.held_by IS 'Who has a snapshot that keeps tables of the topic from being truncated; NULL: nobody.';

CREATE FUNCTION cq.stat_get_groups(OUT topic text, OUT group_name text, OUT kind text,
	OUT partition int, OUT member text, OUT generation bigint, OUT polled bigint,
	OUT committed bigint, OUT end_offset bigint, OUT lag bigint, OUT lag_time interval,
	OUT committed_at timestamptz) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cq_group_stats';
COMMENT ON FUNCTION cq.stat_get_groups() IS 'Behind the view cq.stat_groups.';

CREATE VIEW cq.stat_groups AS SELECT * FROM cq.stat_get_groups();
COMMENT ON VIEW cq.stat_groups IS 'One row for each group and partition of the topics that the reader may use.';
COMMENT ON COLUMN cq.stat_groups.member IS 'Who owns the partition; NULL: nobody.';
COMMENT ON COLUMN cq.stat_groups.polled IS 'Offset of the next record to be polled; NULL: the owner has not polled yet.';
COMMENT ON COLUMN cq.stat_groups.committed IS 'Offset of the next record after those that the group is done with.';
COMMENT ON COLUMN cq.stat_groups.lag IS 'end_offset less committed: records that the group is not done with; gaps count.';
COMMENT ON COLUMN cq.stat_groups.lag_time IS 'Age of the first record that the group is not done with; zero: there is none.';
COMMENT ON COLUMN cq.stat_groups.committed_at IS 'When an offset was committed last, since the server was started.';

CREATE FUNCTION cq.stat_get_group_members(OUT topic text, OUT group_name text, OUT member text,
	OUT generation bigint, OUT joined_at timestamptz, OUT heartbeat_until timestamptz,
	OUT pid int, OUT partitions int[]) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cq_group_members';
COMMENT ON FUNCTION cq.stat_get_group_members() IS 'Behind the view cq.stat_group_members.';

CREATE VIEW cq.stat_group_members AS SELECT * FROM cq.stat_get_group_members();
COMMENT ON VIEW cq.stat_group_members IS 'The members of groups of the topics that the reader may use.';
COMMENT ON COLUMN cq.stat_group_members.heartbeat_until IS 'When it loses its partitions, unless it is heard of.';
COMMENT ON COLUMN cq.stat_group_members.pid IS 'The session that it is bound to; NULL: none.';
COMMENT ON COLUMN cq.stat_group_members.partitions IS 'What it owns.';
