\set ECHO none
-- Send n messages, or tell why they are refused.
CREATE FUNCTION pg_temp.send(queue text, n int, body text = '0') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM cq.queue_send_many(queue, array_fill(body::jsonb, ARRAY[n]));
	RETURN n || ' sent';
EXCEPTION WHEN configuration_limit_exceeded THEN
	RETURN SQLERRM;
END $$;

-- Messages of a queue in one line.
CREATE FUNCTION pg_temp.peek(queue text, state text = NULL, max int = 100) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(body #>> '{}', ' ') FROM cq.queue_peek(queue, max, state);
$$;
\set ECHO all
