-- Queues, topics, groups, exchanges and namespaces as objects with owners and
-- privileges: what they have in common.

CREATE FUNCTION cq.grant_on_all(kind text, role text, privileges text) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_grant_on_all';
COMMENT ON FUNCTION cq.grant_on_all(text, text, text) IS
'Give a role (or public) privileges on all objects of a kind (queue, topic, group, exchange, namespace) that the caller owns; returns how many these are. Those made later: ALTER DEFAULT PRIVILEGES IN SCHEMA cq. Raises 22023, 22004, 42704.';

CREATE FUNCTION cq.revoke_on_all(kind text, role text, privileges text) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_revoke_on_all';
COMMENT ON FUNCTION cq.revoke_on_all(text, text, text) IS
'Take privileges away on all objects of a kind that the caller owns; returns how many these are. Raises 22023, 22004, 42704.';

CREATE VIEW cq.queues WITH (security_barrier) AS
SELECT q.name AS queue, c.relowner::regrole AS owner, q.carrier, q.created_at, q.paused, q.lease, q.max_attempts,
	q.backoff, q.backoff_delay, q.backoff_max, q.dead_letter, q.max_length, q.max_bytes, q.overflow,
	q.overflow_timeout, q.dedup_window, q.message_ttl, q.rate_limit, q.rate_burst, q.group_rate_limit,
	q.group_rate_burst, q.concurrency, q.group_concurrency, q.retain, q.release_on_disconnect,
	q.durable_leases, q.notify
FROM cq.queue AS q JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) q.carrier
WHERE pg_catalog.pg_has_role(c.relowner, 'USAGE') OR pg_catalog.has_table_privilege(c.oid, 'SELECT')
	OR pg_catalog.pg_has_role('pg_monitor', 'USAGE');
COMMENT ON VIEW cq.queues IS 'Queues and their options, of which the reader is owner or may peek; all for pg_monitor. carrier is the view whose owner and privileges are those of the queue.';

CREATE VIEW cq.topics WITH (security_barrier) AS
SELECT t.name AS topic, c.relowner::regrole AS owner, t.carrier, t.created_at, t.partitions, t.retain,
	t.retain_bytes, t.compact, t.tombstone_retain, t.replica
FROM cq.topic AS t JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) t.carrier
WHERE pg_catalog.pg_has_role(c.relowner, 'USAGE') OR pg_catalog.has_table_privilege(c.oid, 'SELECT')
	OR pg_catalog.pg_has_role('pg_monitor', 'USAGE');
COMMENT ON VIEW cq.topics IS 'Topics and their options, of which the reader is owner or may read; all for pg_monitor.';

CREATE VIEW cq.groups WITH (security_barrier) AS
SELECT t.name AS topic, g.name AS group_name, c.relowner::regrole AS owner, g.carrier, g.created_at, g.kind,
	g.assignment, g.session_timeout,
	(SELECT q.name FROM cq.queue AS q WHERE q.queue_id OPERATOR(pg_catalog.=) g.queue_id) AS queue
FROM cq.topic_group AS g JOIN cq.topic AS t USING (topic_id)
	JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) g.carrier
WHERE pg_catalog.pg_has_role(c.relowner, 'USAGE') OR pg_catalog.has_table_privilege(c.oid, 'SELECT')
	OR pg_catalog.has_table_privilege(t.carrier, 'SELECT')
	OR pg_catalog.pg_has_role('pg_monitor', 'USAGE');
COMMENT ON VIEW cq.groups IS 'Consumer groups of which the reader is owner or may read, or whose topic he may read; all for pg_monitor.';

CREATE VIEW cq.exchanges WITH (security_barrier) AS
SELECT e.name AS exchange, c.relowner::regrole AS owner, e.carrier, e.created_at, e.kind,
	(SELECT a.name FROM cq.exchange AS a WHERE a.exchange_id OPERATOR(pg_catalog.=) e.alternate) AS alternate
FROM cq.exchange AS e JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) e.carrier
WHERE pg_catalog.pg_has_role(c.relowner, 'USAGE') OR pg_catalog.has_table_privilege(c.oid, 'SELECT')
	OR pg_catalog.pg_has_role('pg_monitor', 'USAGE');
COMMENT ON VIEW cq.exchanges IS 'Exchanges of which the reader is owner or may see the routes; all for pg_monitor.';

CREATE VIEW cq.namespaces WITH (security_barrier) AS
SELECT n.name AS namespace, c.relowner::regrole AS owner, c.oid::regclass AS carrier, n.default_ttl, n.memory_quota
FROM (SELECT 'default' COLLATE "C", NULL::interval, NULL::bigint, 'cq.namespace_0'::pg_catalog.regclass
	UNION ALL
	SELECT d.name, d.default_ttl, d.memory_quota, d.carrier FROM cq.namespace AS d)
	AS n (name, default_ttl, memory_quota, carrier)
	JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) n.carrier
WHERE pg_catalog.pg_has_role(c.relowner, 'USAGE') OR pg_catalog.has_table_privilege(c.oid, 'SELECT')
	OR pg_catalog.pg_has_role('pg_monitor', 'USAGE');
COMMENT ON VIEW cq.namespaces IS 'Namespaces of the cache and their options, of which the reader is owner or may read; all for pg_monitor.';

CREATE VIEW cq.privileges WITH (security_barrier) AS
SELECT o.kind, o.name AS object, o.topic,
	CASE WHEN a.grantee OPERATOR(pg_catalog.=) 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END AS role,
	pg_catalog.string_agg(w.word, ',' ORDER BY w.n) AS privileges,
	pg_catalog.bool_and(a.is_grantable) AS grantable
FROM (SELECT 'queue', q.name, NULL::text, q.carrier FROM cq.queue AS q
	UNION ALL SELECT 'topic', t.name, NULL, t.carrier FROM cq.topic AS t
	UNION ALL SELECT 'group', g.name, t.name, g.carrier FROM cq.topic_group AS g JOIN cq.topic AS t USING (topic_id)
	UNION ALL SELECT 'exchange', e.name, NULL, e.carrier FROM cq.exchange AS e
	UNION ALL SELECT 'namespace', n.name, NULL, n.carrier FROM cq.namespace AS n
	UNION ALL SELECT 'namespace', 'default', NULL, 'cq.namespace_0'::pg_catalog.regclass)
	AS o (kind, name, topic, carrier)
	JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) o.carrier
	CROSS JOIN LATERAL pg_catalog.aclexplode(COALESCE(c.relacl, pg_catalog.acldefault('r', c.relowner))) AS a
	JOIN (VALUES ('queue', 'INSERT', 'send', 1), ('queue', 'DELETE', 'consume', 2), ('queue', 'SELECT', 'peek', 3),
		('queue', 'UPDATE', 'alter', 4), ('queue', 'TRUNCATE', 'purge', 5),
		('topic', 'INSERT', 'publish', 1), ('topic', 'DELETE', 'consume', 2), ('topic', 'SELECT', 'read', 3),
		('topic', 'UPDATE', 'alter', 4), ('group', 'DELETE', 'consume', 1), ('group', 'SELECT', 'read', 2),
		('exchange', 'INSERT', 'publish', 1), ('exchange', 'SELECT', 'route', 2), ('exchange', 'UPDATE', 'alter', 3),
		('namespace', 'SELECT', 'read', 1), ('namespace', 'INSERT', 'write', 2),
		('namespace', 'UPDATE', 'invalidate', 3), ('namespace', 'DELETE', 'clear', 4))
		AS w (kind, privilege, word, n)
		ON w.kind OPERATOR(pg_catalog.=) o.kind AND w.privilege OPERATOR(pg_catalog.=) a.privilege_type
WHERE pg_catalog.pg_has_role(c.relowner, 'USAGE') OR pg_catalog.pg_has_role('pg_monitor', 'USAGE')
GROUP BY o.kind, o.name, o.topic, a.grantee;
COMMENT ON VIEW cq.privileges IS 'Who may do what: a row for each object that the reader owns (all for pg_monitor) and role that has privileges on it. topic is that of a group; grantable tells whether all of them may be passed on.';

-- carriers may be dropped by DROP VIEW, DROP OWNED and others
CREATE FUNCTION cq._objects_dropped(carriers oid[]) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cq_objects_dropped';
COMMENT ON FUNCTION cq._objects_dropped(oid[]) IS 'Deletes the definitions of objects whose carriers are gone; these have just been dropped. Raises 55000.';

CREATE FUNCTION cq._carrier_dropped() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	views oid[];
BEGIN
	views := ARRAY(SELECT o.objid FROM pg_event_trigger_dropped_objects() AS o
	               WHERE o.object_type = 'view' AND NOT o.is_temporary);
	-- nothing of ours is left to call when the extension itself goes
	IF views <> '{}'
	   AND NOT EXISTS (SELECT FROM pg_event_trigger_dropped_objects() AS o
	           WHERE o.classid = 'pg_extension'::regclass AND o.object_name = 'cachequeue') THEN
		PERFORM cq._objects_dropped(views);
	END IF;
END
$$;
COMMENT ON FUNCTION cq._carrier_dropped() IS 'Event trigger: dropping a carrier drops the queue, topic, group, exchange or namespace.';

CREATE EVENT TRIGGER cachequeue_carrier ON sql_drop EXECUTE FUNCTION cq._carrier_dropped();
ALTER EVENT TRIGGER cachequeue_carrier ENABLE ALWAYS;

REVOKE ALL ON FUNCTION cq.grant_on_all(text, text, text), cq.revoke_on_all(text, text, text),
	cq._objects_dropped(oid[]), cq._carrier_dropped()
FROM PUBLIC;
-- these ask for ownership of each object; the views show what the reader owns or may read
GRANT EXECUTE ON FUNCTION cq.grant_on_all(text, text, text), cq.revoke_on_all(text, text, text) TO PUBLIC;
GRANT SELECT ON cq.queues, cq.topics, cq.groups, cq.exchanges, cq.namespaces, cq.privileges TO PUBLIC;
