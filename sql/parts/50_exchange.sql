-- Exchanges: functions and views.

CREATE FUNCTION cq.exchange_create(exchange text, kind text, alternate text = NULL,
	if_not_exists boolean = false) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_exchange_create';
COMMENT ON FUNCTION cq.exchange_create(text, text, text, boolean) IS
'Create an exchange of kind direct, fanout, topic or headers. alternate: an exchange that gets what matches nothing in this one. if_not_exists: one that is the same stays. Raises 22023, 22004, 42710 (exists), 42704, 42501.';

CREATE FUNCTION cq.exchange_alter(exchange text, alternate text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_exchange_alter';
COMMENT ON FUNCTION cq.exchange_alter(text, text) IS
'Change the alternate of an exchange; NULL: none. Raises 22023 (also: it would lead to itself), 22004, 42704, 42501.';

CREATE FUNCTION cq.exchange_drop(exchange text, if_exists boolean = false) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_exchange_drop';
COMMENT ON FUNCTION cq.exchange_drop(text, boolean) IS
'Drop an exchange with its bindings. For its owner. Raises 42704, 42501, 2BP01 (another exchange is bound to it or has it as its alternate).';

CREATE FUNCTION cq.exchange_bind(exchange text, target_kind text, target text,
	routing_key text = '', headers jsonb = NULL, match text = 'all') RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_exchange_bind';
COMMENT ON FUNCTION cq.exchange_bind(text, text, text, text, jsonb, text) IS
'Bind an exchange to a queue, a topic or another exchange. routing_key: for kind direct the key, for kind topic a pattern of words between dots, * for one word and # for any number; headers: for kind headers those to match, all or any of them, null for any value. False: it was bound so already. Raises 22023 (also: it would lead to itself), 22004, 54000, 42704, 42501.';

CREATE FUNCTION cq.exchange_unbind(exchange text, target_kind text, target text,
	routing_key text = '', headers jsonb = NULL, match text = 'all') RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_exchange_unbind';
COMMENT ON FUNCTION cq.exchange_unbind(text, text, text, text, jsonb, text) IS
'Remove the binding that cq.exchange_bind made with the same arguments. False: there was none. For who may alter the exchange, and for the owner of the target. Raises as that.';

CREATE FUNCTION cq.exchange_publish(exchange text, routing_key text, body jsonb,
	headers jsonb = NULL, mandatory boolean = false, key text = NULL) RETURNS int
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_exchange_publish';
COMMENT ON FUNCTION cq.exchange_publish(text, text, jsonb, jsonb, boolean, text) IS
'Send a message to each queue and topic that the exchange leads to, in this transaction; returns how many. Its headers get cq_exchange and cq_routing_key. mandatory: raise P0002 when there is none; key: the group_key in queues, the key in topics. Raises 22023, 22004, 54000, 42704, 42501, and what cq.queue_send and cq.topic_publish raise.';

CREATE FUNCTION cq.exchange_route(exchange text, routing_key text, headers jsonb = NULL,
	OUT target_kind text, OUT target text) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 10
AS 'MODULE_PATHNAME', 'cq_exchange_route';
COMMENT ON FUNCTION cq.exchange_route(text, text, jsonb) IS
'The queues and topics that cq.exchange_publish would send to; nothing is sent. Raises 22023, 22004, 54000, 42704, 42501.';

CREATE FUNCTION cq.exchange_grant(exchange text, role text, privileges text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_exchange_grant';
COMMENT ON FUNCTION cq.exchange_grant(text, text, text) IS
'Give a role (or public) privileges: publish, route (cq.exchange_route, and to see the bindings), alter, manage (the last two), separated by commas, or all. The role also needs USAGE on schema cq. For the owner, and who has the privileges with grant option. Raises 22023, 22004, 42704, 42501.';

CREATE FUNCTION cq.exchange_revoke(exchange text, role text, privileges text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_exchange_revoke';
COMMENT ON FUNCTION cq.exchange_revoke(text, text, text) IS
'Take privileges away. Raises as cq.exchange_grant.';

CREATE FUNCTION cq.exchange_owner(exchange text, new_owner text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_exchange_owner';
COMMENT ON FUNCTION cq.exchange_owner(text, text) IS
'Give an exchange another owner. Raises 22004, 42704 (exchange, role), 42501 (not the owner, or no member of the role).';

CREATE VIEW cq.exchange_bindings WITH (security_barrier) AS
SELECT e.name AS exchange, e.kind,
	CASE WHEN b.queue_id IS NOT NULL THEN 'queue' WHEN b.topic_id IS NOT NULL THEN 'topic' ELSE 'exchange' END AS target_kind,
	COALESCE(q.name, t.name, x.name) AS target,
	b.routing_key, b.headers, b.match
FROM cq.exchange AS e
	JOIN cq.exchange_binding AS b USING (exchange_id)
	LEFT JOIN cq.queue AS q ON q.queue_id = b.queue_id
	LEFT JOIN cq.topic AS t ON t.topic_id = b.topic_id
	LEFT JOIN cq.exchange AS x ON x.exchange_id = b.target_id
WHERE pg_catalog.has_table_privilege(e.carrier, 'SELECT, INSERT, UPDATE')
	OR pg_catalog.pg_has_role('pg_monitor', 'USAGE');
COMMENT ON VIEW cq.exchange_bindings IS
'The bindings of the exchanges that the reader has some privilege on; of all for pg_monitor.';
