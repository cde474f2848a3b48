-- Work queues: functions.

CREATE FUNCTION cq.queue_create(
	queue text, lease interval = '30 s', max_attempts int = 25,
	backoff text = 'exponential', dead_letter text = NULL,
	max_length bigint = NULL, overflow text = 'reject',
	dedup_window interval = '5 min', message_ttl interval = NULL,
	rate_limit double precision = NULL, group_concurrency int = 1,
	retain interval = NULL, backoff_delay interval = '1 s',
	backoff_max interval = '5 min', max_bytes bigint = NULL,
	overflow_timeout interval = '10 s', rate_burst int = NULL,
	group_rate_limit double precision = NULL, group_rate_burst int = NULL,
	concurrency int = NULL, release_on_disconnect boolean = false,
	durable_leases boolean = false, notify text = NULL,
	if_not_exists boolean = false) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_create';
COMMENT ON FUNCTION cq.queue_create(text, interval, int, text, text, bigint, text, interval, interval, double precision, int, interval, interval, interval, bigint, interval, int, double precision, int, int, boolean, boolean, text, boolean) IS
'Create a queue; the options are those of the table cq.queue. dead_letter: an existing queue, NULL: <queue>.dead, created unless the caller owns one of that name. if_not_exists: one that exists with the same options stays. Raises 22023, 22004, 42710 (exists), 42704 (no such dead_letter), 42501, 53400 (cachequeue.max_queues).';

CREATE FUNCTION cq.queue_alter(
	queue text, lease interval = NULL, max_attempts int = NULL,
	backoff text = NULL, dead_letter text = NULL, max_length bigint = NULL,
	overflow text = NULL, dedup_window interval = NULL,
	message_ttl interval = NULL, rate_limit double precision = NULL,
	group_concurrency int = NULL, retain interval = NULL,
	backoff_delay interval = NULL, backoff_max interval = NULL,
	max_bytes bigint = NULL, overflow_timeout interval = NULL,
	rate_burst int = NULL, group_rate_limit double precision = NULL,
	group_rate_burst int = NULL, concurrency int = NULL,
	release_on_disconnect boolean = NULL, durable_leases boolean = NULL,
	notify text = NULL, reset text[] = '{}') RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_alter';
COMMENT ON FUNCTION cq.queue_alter(text, interval, int, text, text, bigint, text, interval, interval, double precision, int, interval, interval, interval, bigint, interval, int, double precision, int, int, boolean, boolean, text, text[]) IS
'Change options of a queue, from the end of the transaction on. NULL: as it is; reset: names of options that get back their defaults (dead_letter: none). Raises 22023, 22004, 42704, 42501.';

CREATE FUNCTION cq.queue_pause(queue text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_pause';
COMMENT ON FUNCTION cq.queue_pause(text) IS
'Deliver nothing from the end of the transaction on, until cq.queue_resume; sending and settling go on. Raises 42704, 42501.';

CREATE FUNCTION cq.queue_resume(queue text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_resume';
COMMENT ON FUNCTION cq.queue_resume(text) IS
'Deliver again, from the end of the transaction on. Raises 42704, 42501.';

CREATE FUNCTION cq.queue_drop(queue text, if_exists boolean = false) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_drop';
COMMENT ON FUNCTION cq.queue_drop(text, boolean) IS
'Drop a queue with all its messages, waiting for transactions that use it. Its dead-letter queue stays. For its owner. Raises 42704, 42501, 2BP01 (it is the dead-letter queue of another).';

CREATE FUNCTION cq.queue_send(queue text, body jsonb, headers jsonb = NULL,
	delay interval = NULL, priority int = 0, group_key text = NULL,
	dedup_key text = NULL, ttl interval = NULL) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_send';
COMMENT ON FUNCTION cq.queue_send(text, jsonb, jsonb, interval, int, text, text, interval) IS
'Send a message, which exists when the transaction commits; returns its number. headers: a JSON object; delay: not delivered earlier than that from now; priority: -16 to 15, higher ones first; group_key: delivered in order and one at a time with others of that key; dedup_key: if a message with that key was sent within the queue''s dedup_window, nothing is sent and the number of that one returned; ttl: deleted unless delivered by then, NULL: the queue''s message_ttl. Raises 22023, 22004, 42704, 42501, 53400 (the queue is full).';

CREATE FUNCTION cq.queue_send_many(queue text, bodies jsonb[], headers jsonb[] = NULL,
	delay interval = NULL, priority int = 0, group_keys text[] = NULL,
	dedup_keys text[] = NULL, ttl interval = NULL) RETURNS SETOF bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 100
AS 'MODULE_PATHNAME', 'cq_queue_send_many';
COMMENT ON FUNCTION cq.queue_send_many(text, jsonb[], jsonb[], interval, int, text[], text[], interval) IS
'Send messages in this order; returns their numbers in the same order. headers, group_keys, dedup_keys: NULL, or one for each body. Raises as cq.queue_send.';

CREATE FUNCTION cq.queue_receive(queue text, max int = 1, lease interval = NULL)
RETURNS SETOF cq.message
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'cq_queue_receive';
COMMENT ON FUNCTION cq.queue_receive(text, int, interval) IS
'Up to max (1 to 10000) messages, by priority and then by number, leased for lease (NULL: the queue''s); no rows when none is ready. Acknowledge them with cq.queue_ack before the lease ends, or they are delivered again. Raises 22023, 22004, 42704, 42501.';

CREATE FUNCTION cq.queue_take(queue text, max int = 1) RETURNS SETOF cq.message
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'cq_queue_take';
COMMENT ON FUNCTION cq.queue_take(text, int) IS
'Up to max (1 to 10000) messages, by priority and then by number, consumed when this transaction commits and back at once when it, or the savepoint, rolls back. Raises 22023, 22004, 42704, 42501.';

CREATE FUNCTION cq.queue_ack(queue text, VARIADIC receipts text[]) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_ack';
COMMENT ON FUNCTION cq.queue_ack(text, text[]) IS
'Acknowledge deliveries, in this transaction; returns how many of them were still live. Raises 22023 (not a receipt, or of another queue), 22004, 42704, 42501.';

CREATE FUNCTION cq.queue_nack(queue text, receipt text, delay interval = NULL,
	error text = NULL) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_nack';
COMMENT ON FUNCTION cq.queue_nack(text, text, interval, text) IS
'The attempt failed: deliver again after delay (NULL: what the queue''s backoff says), or move to the dead letters when it was the last attempt. False when the delivery was not live any more. Raises as cq.queue_ack.';

CREATE FUNCTION cq.queue_reject(queue text, receipt text, error text = NULL) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_reject';
COMMENT ON FUNCTION cq.queue_reject(text, text, text) IS
'Move a delivered message to the dead letters, in this transaction. False when the delivery was not live any more. Raises as cq.queue_ack, and 55000 when the queue has no dead-letter queue.';

CREATE FUNCTION cq.queue_extend(queue text, receipt text, lease interval = NULL) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_extend';
COMMENT ON FUNCTION cq.queue_extend(text, text, interval) IS
'Let the lease of a delivery end that long from now (NULL: the queue''s lease); at once, whatever becomes of the transaction. False when the delivery was not live any more. Raises as cq.queue_ack.';

CREATE FUNCTION cq.queue_purge(queue text) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_purge';
COMMENT ON FUNCTION cq.queue_purge(text) IS
'Acknowledge all messages that are committed and not in flight, in this transaction; returns how many. Raises 42704, 42501.';

CREATE FUNCTION cq.queue_peek(queue text, max int = 10, state text = NULL)
RETURNS SETOF cq.message
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'cq_queue_peek';
COMMENT ON FUNCTION cq.queue_peek(text, int, text) IS
'Up to max (1 to 10000) messages by number, without effect: those that are not acknowledged, or only those in state ready, delayed or in_flight; or archived: acknowledged and retained. Needs consume or peek. Raises 22023, 22004, 42704, 42501.';

CREATE FUNCTION cq.queue_redrive(queue text, max int = NULL, filter jsonb = NULL,
	rate double precision = NULL, target text = NULL) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_redrive';
COMMENT ON FUNCTION cq.queue_redrive(text, int, jsonb, double precision, text) IS
'Send the messages of a dead-letter queue home, in this transaction: to the queue that their headers name, or to target; whatever limits this queue has, and paused or not. max: at most so many; filter: those that contain it (@>) as an object with headers and body; rate: so many a second become ready. Returns how many. Raises 22023, 22004, 42704, 42501 (needs consume or alter here, send there), 53400.';

CREATE FUNCTION cq.queue_once(consumer text, queue text, msg_id bigint) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_once';
COMMENT ON FUNCTION cq.queue_once(text, text, bigint) IS
'True the first time for this consumer and message, in a transaction that commits, false after that: as long as the message may be delivered again. Waits for another transaction that asked the same and is open. Raises 22023, 22004, 42704, 42501.';

CREATE PROCEDURE cq.queue_wait(queue text, timeout interval = NULL, INOUT ready boolean = NULL)
LANGUAGE c
AS 'MODULE_PATHNAME', 'cq_queue_wait';
COMMENT ON PROCEDURE cq.queue_wait(text, interval, boolean) IS
'Wait until the queue has a message to deliver, at most for timeout (NULL: for ever); ready tells whether it has. Holds no snapshot. Raises 25001 inside a transaction block or a function, 22023, 42704, 42501.';

CREATE PROCEDURE cq.queue_maintain()
LANGUAGE c
AS 'MODULE_PATHNAME', 'cq_queue_maintain_now';
COMMENT ON PROCEDURE cq.queue_maintain() IS
'Do now what the maintenance worker does for the queues of this database when it is due: end leases and delays, settle what prepared transactions did, move to the dead letters, add and truncate segments. Raises 25001 inside a transaction block or a function.';

CREATE FUNCTION cq.queue_grant(queue text, role text, privilege text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_grant';
COMMENT ON FUNCTION cq.queue_grant(text, text, text) IS
'Give a role (or public) privileges: send, consume, peek, alter, purge, manage (the last three), separated by commas, or all. The role also needs USAGE on schema cq. For the owner, and who has the privileges with grant option. Raises 22023, 22004, 42704, 42501.';

CREATE FUNCTION cq.queue_revoke(queue text, role text, privilege text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_revoke';
COMMENT ON FUNCTION cq.queue_revoke(text, text, text) IS
'Take privileges away. Raises as cq.queue_grant.';

CREATE FUNCTION cq.queue_owner(queue text, new_owner text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_owner';
COMMENT ON FUNCTION cq.queue_owner(text, text) IS
'Give a queue another owner. Raises 22004, 42704 (queue, role), 42501 (not the owner, or no member of the role).';

CREATE FUNCTION cq.stat_get_queues(OUT queue text, OUT ready bigint, OUT delayed bigint,
	OUT in_flight bigint, OUT blocked bigint, OUT dead bigint, OUT uncommitted bigint,
	OUT bytes bigint, OUT oldest interval, OUT paused boolean,
	OUT sent bigint, OUT delivered bigint, OUT acknowledged bigint, OUT failed bigint,
	OUT expired bigint, OUT dead_lettered bigint, OUT timed_out bigint, OUT dropped bigint,
	OUT duplicates bigint, OUT sent_rate double precision, OUT delivered_rate double precision,
	OUT acknowledged_rate double precision, OUT segments int, OUT entries bigint,
	OUT dead_letter text, OUT held_by text) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 20
AS 'MODULE_PATHNAME', 'cq_queue_stats';
COMMENT ON FUNCTION cq.stat_get_queues() IS 'What cq.stat_queues shows.';

CREATE VIEW cq.stat_queues AS SELECT * FROM cq.stat_get_queues();
COMMENT ON VIEW cq.stat_queues IS
'One row per queue that the caller may use (pg_monitor: all): messages by state, bytes, age of the one that is next, counters since the server started, rates of the last ten seconds, and who keeps tables from being truncated.';

CREATE FUNCTION cq.stat_get_queue_consumers(OUT queue text, OUT pid int, OUT in_flight bigint,
	OUT next_expiry timestamptz) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 20
AS 'MODULE_PATHNAME', 'cq_queue_consumers';
COMMENT ON FUNCTION cq.stat_get_queue_consumers() IS 'What cq.stat_queue_consumers shows.';

CREATE VIEW cq.stat_queue_consumers AS SELECT * FROM cq.stat_get_queue_consumers();
COMMENT ON VIEW cq.stat_queue_consumers IS
'One row per queue and session that received what is in flight: how many, and when the first of these leases ends. pid is NULL for those that a transaction prepared before, or the server before its restart.';

CREATE FUNCTION cq.stat_get_queue_segments(OUT queue text, OUT segment int, OUT current boolean,
	OUT messages bigint, OUT in_memory bigint, OUT unloaded boolean, OUT message_table oid,
	OUT event_table oid) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 20
AS 'MODULE_PATHNAME', 'cq_queue_segments';
COMMENT ON FUNCTION cq.stat_get_queue_segments() IS 'What cq.queue_segments shows.';

CREATE VIEW cq.queue_segments AS
SELECT queue, segment, current, messages, in_memory, unloaded,
	pg_catalog.pg_table_size(message_table) AS message_bytes,
	pg_catalog.pg_table_size(event_table) AS event_bytes
FROM cq.stat_get_queue_segments();
COMMENT ON VIEW cq.queue_segments IS
'The tables of each queue that the caller may use (pg_monitor: all): messages since the segment was last truncated, those of them in memory, whether others may have to be read in, sizes.';
