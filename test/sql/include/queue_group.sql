\set ECHO none
-- For tests of groups, in queue g.

-- The first letter of a message says what group it is of; '-': of none.
CREATE FUNCTION pg_temp.send(VARIADIC bodies text[]) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(cq.queue_send('g', to_jsonb(b), group_key => nullif(left(b, 1), '-'))) FROM unnest(bodies) AS b;
$$;
CREATE TEMP TABLE held (body text, receipt text, attempt int);
CREATE FUNCTION pg_temp.receive(lease interval = NULL) RETURNS text LANGUAGE sql AS $$
	WITH m AS (
		INSERT INTO held SELECT body #>> '{}', receipt, attempt FROM cq.queue_receive('g', 10, lease)
		RETURNING body, attempt)
	SELECT string_agg(body || '/' || attempt, ' ') FROM m;
$$;
CREATE FUNCTION pg_temp.take(max int = 10) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg((body #>> '{}') || '/' || attempt, ' ') FROM cq.queue_take('g', max);
$$;
-- receipt of the latest delivery
CREATE FUNCTION pg_temp.r(body text) RETURNS text LANGUAGE sql AS $$
	SELECT receipt FROM held WHERE body = $1 ORDER BY attempt DESC LIMIT 1;
$$;
CREATE VIEW pg_temp.state AS SELECT ready, blocked, delayed, in_flight FROM cq.stat_queues WHERE queue = 'g';
\set ECHO all
