-- Work queues: privileges.  The functions that PUBLIC may call ask for the
-- privilege on the queue themselves; creating queues has to be granted.

REVOKE ALL ON cq.queue, cq.queue_secret FROM PUBLIC;
REVOKE ALL ON SEQUENCE cq.queue_queue_id_seq FROM PUBLIC;
REVOKE ALL ON FUNCTION
	cq._queue_changed(),
	cq.queue_create(text, interval, int, text, text, bigint, text, interval, interval, double precision, int, interval, interval, interval, bigint, interval, int, double precision, int, int, boolean, boolean, text, boolean)
FROM PUBLIC;
REVOKE ALL ON PROCEDURE cq.queue_maintain() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	cq.queue_alter(text, interval, int, text, text, bigint, text, interval, interval, double precision, int, interval, interval, interval, bigint, interval, int, double precision, int, int, boolean, boolean, text, text[]),
	cq.queue_pause(text),
	cq.queue_resume(text),
	cq.queue_drop(text, boolean),
	cq.queue_send(text, jsonb, jsonb, interval, int, text, text, interval),
	cq.queue_send_many(text, jsonb[], jsonb[], interval, int, text[], text[], interval),
	cq.queue_receive(text, int, interval),
	cq.queue_take(text, int),
	cq.queue_ack(text, text[]),
	cq.queue_nack(text, text, interval, text),
	cq.queue_reject(text, text, text),
	cq.queue_extend(text, text, interval),
	cq.queue_purge(text),
	cq.queue_peek(text, int, text),
	cq.queue_redrive(text, int, jsonb, double precision, text),
	cq.queue_once(text, text, bigint),
	cq.queue_grant(text, text, text),
	cq.queue_revoke(text, text, text),
	cq.queue_owner(text, text),
	cq.stat_get_queues(),
	cq.stat_get_queue_consumers(),
	cq.stat_get_queue_segments()
TO PUBLIC;
GRANT EXECUTE ON PROCEDURE cq.queue_wait(text, interval, boolean) TO PUBLIC;
GRANT SELECT ON cq.stat_queues, cq.stat_queue_consumers, cq.queue_segments TO PUBLIC;
