-- Work queues: functions.

CREATE FUNCTION cq.queue_create(queue text, lease interval = '30 s',
	max_attempts int = 25, dead_letter text = NULL) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_create';
COMMENT ON FUNCTION cq.queue_create(text, interval, int, text) IS
'Create a queue. lease: time a delivery may take, > 0; max_attempts: deliveries before a message goes to the dead letters, NULL: any number; dead_letter: an existing queue for those, NULL: <queue>.dead, created unless it exists. Raises 22023, 22004, 42710 (exists), 42704 (no such dead_letter), 42501, 53400 (cachequeue.max_queues).';

CREATE FUNCTION cq.queue_drop(queue text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_drop';
COMMENT ON FUNCTION cq.queue_drop(text) IS
'Drop a queue with all its messages, waiting for transactions that use it. Its dead-letter queue stays. Raises 42704, 42501, 2BP01 (it is the dead-letter queue of another).';

CREATE FUNCTION cq.queue_send(queue text, body jsonb, headers jsonb = NULL,
	delay interval = NULL) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_send';
COMMENT ON FUNCTION cq.queue_send(text, jsonb, jsonb, interval) IS
'Send a message, which exists when the transaction commits; returns its number. headers: a JSON object; delay: not delivered earlier than that from now. Raises 22023, 22004, 42704, 42501.';

CREATE FUNCTION cq.queue_send_many(queue text, bodies jsonb[], headers jsonb[] = NULL,
	delay interval = NULL) RETURNS SETOF bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 100
AS 'MODULE_PATHNAME', 'cq_queue_send_many';
COMMENT ON FUNCTION cq.queue_send_many(text, jsonb[], jsonb[], interval) IS
'Send messages in this order; returns their numbers in the same order. headers: NULL or one for each body. Raises as cq.queue_send.';

CREATE FUNCTION cq.queue_receive(queue text, max int = 1, lease interval = NULL)
RETURNS SETOF cq.message
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'cq_queue_receive';
COMMENT ON FUNCTION cq.queue_receive(text, int, interval) IS
'Up to max (1 to 10000) messages, oldest first, leased for lease (NULL: the queue''s); no rows when none is ready. Acknowledge them with cq.queue_ack before the lease ends, or they are delivered again. Raises 22023, 22004, 42704, 42501.';

CREATE FUNCTION cq.queue_take(queue text, max int = 1) RETURNS SETOF cq.message
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'cq_queue_take';
COMMENT ON FUNCTION cq.queue_take(text, int) IS
'Up to max (1 to 10000) messages, oldest first, consumed when this transaction commits and back at once when it, or the savepoint, rolls back. Raises 22023, 22004, 42704, 42501.';

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
'The attempt failed: deliver again after delay (NULL: 1 s, doubled with each attempt up to 5 min, give or take a quarter), or move to the dead letters when it was the last attempt. False when the delivery was not live any more. Raises as cq.queue_ack.';

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
'Give a role (or public) the privilege to send, consume or manage. The role also needs USAGE on schema cq. Raises 22023, 42704, 42501.';

CREATE FUNCTION cq.queue_revoke(queue text, role text, privilege text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_queue_revoke';
COMMENT ON FUNCTION cq.queue_revoke(text, text, text) IS
'Take a privilege away. Raises 22023, 42704, 42501.';

CREATE FUNCTION cq._queue_stats(OUT queue text, OUT ready bigint, OUT delayed bigint,
	OUT in_flight bigint, OUT dead bigint, OUT uncommitted bigint, OUT oldest interval,
	OUT sent bigint, OUT delivered bigint, OUT acknowledged bigint, OUT failed bigint,
	OUT expired bigint, OUT dead_lettered bigint, OUT segments int, OUT entries bigint,
	OUT dead_letter text) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 20
AS 'MODULE_PATHNAME', 'cq_queue_stats';
COMMENT ON FUNCTION cq._queue_stats() IS 'What cq.stat_queues shows.';

CREATE VIEW cq.stat_queues AS SELECT * FROM cq._queue_stats();
COMMENT ON VIEW cq.stat_queues IS
'One row per queue that the caller may use (pg_monitor: all): messages by state, age of the oldest ready one, counters since the server started.';
