-- The demonstration's own objects, on top of pgbench's tables.
\set ON_ERROR_STOP on
SET client_min_messages = warning;

-- A change of an account invalidates what is tagged with it; a change of a
-- branch or of one of its tellers what is tagged with the branch.
SELECT cq.cache_watch('pgbench_accounts', ARRAY['account:{aid}']);
SELECT cq.cache_watch('pgbench_branches', ARRAY['branch:{bid}']);
SELECT cq.cache_watch('pgbench_tellers', ARRAY['branch:{bid}']);

-- A short lease, so that what the killed worker held comes back soon.  The account
-- is the group key; its messages may be worked on at the same time, all of them.
SELECT cq.queue_create('ledger', lease => '3 s', group_concurrency => 1000);

-- The writers publish to an exchange, from which the queue gets each event once, and
-- the topic too, in the partition of the account.
SELECT cq.topic_create('history', partitions => 4);
SELECT cq.exchange_create('events', 'topic');
SELECT cq.exchange_bind('events', 'queue', 'ledger', 'branch.#');
SELECT cq.exchange_bind('events', 'topic', 'history', 'branch.*');

-- The roles that the load runs as, with the privileges that the documentation gives them.
\ir ../../docs/examples/roles.sql

CREATE SCHEMA demo;

-- Where the workers write what the messages say; a message that is applied
-- twice breaks the primary key.
CREATE TABLE demo.ledger (
	msg_id bigint PRIMARY KEY,
	aid int NOT NULL,
	delta int NOT NULL,
	attempt int NOT NULL,
	worker text NOT NULL DEFAULT current_setting('application_name')
);

-- Where the members of group audit write the records that they have read; one that
-- is read twice breaks the primary key.
CREATE TABLE demo.audit (
	partition int NOT NULL,
	record_offset bigint NOT NULL,
	aid int NOT NULL,
	delta int NOT NULL,
	member text NOT NULL,
	PRIMARY KEY (partition, record_offset)
);

-- What group totals has added up.
CREATE TABLE demo.total (
	bid int PRIMARY KEY,
	records bigint NOT NULL,
	delta bigint NOT NULL
);

-- Comparisons of a cached value with the tables, and those that failed.
CREATE UNLOGGED SEQUENCE demo.account_comparisons;
CREATE UNLOGGED SEQUENCE demo.branch_comparisons;
CREATE TABLE demo.mismatch (
	found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	what text NOT NULL,
	cached text,
	actual text
);

-- Both values come from one statement, hence from one snapshot.
CREATE FUNCTION demo.compare(what text, counter regclass, cached text, actual text)
RETURNS boolean
LANGUAGE plpgsql
AS $$
BEGIN
	PERFORM nextval(counter);
	IF cached IS NOT DISTINCT FROM actual THEN
		RETURN true;
	END IF;
	INSERT INTO demo.mismatch (what, cached, actual) VALUES (what, cached, actual);
	RETURN false;
END
$$;

-- What the cache is asked for about a branch.
CREATE FUNCTION demo.branch_query() RETURNS text
LANGUAGE sql IMMUTABLE
RETURN $$SELECT jsonb_build_object('bid', b.bid, 'balance', b.bbalance,
	'tellers', count(*), 'highest', max(t.tbalance), 'lowest', min(t.tbalance))
FROM pgbench_branches b JOIN pgbench_tellers t USING (bid)
WHERE b.bid = $1::int GROUP BY b.bid$$;

CREATE FUNCTION demo.branch(bid int) RETURNS jsonb
LANGUAGE sql VOLATILE
RETURN cq.cache_fetch('branch:' || bid, demo.branch_query(), ARRAY[bid::text],
	ttl => '1 min', tags => ARRAY['branch:' || bid]);

-- The same without the cache.
CREATE FUNCTION demo.branch_uncached(bid int) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
	result jsonb;
BEGIN
	EXECUTE demo.branch_query() INTO result USING bid;
	RETURN result;
END
$$;

-- Microseconds of one execution of a statement inside the server, median of 100
-- times 200; $1 is a different number from 1 to 1000 each time.
CREATE FUNCTION demo.measure(statement text) RETURNS numeric
LANGUAGE plpgsql
AS $$
DECLARE
	began timestamptz;
	ran numeric[] := '{}';
BEGIN
	EXECUTE format('CREATE FUNCTION pg_temp.measured(times int) RETURNS void LANGUAGE plpgsql AS '
		'%L', format('DECLARE result text; n int; BEGIN FOR i IN 1..times LOOP '
		'n := i * 37 %% 1000 + 1; result := (%s); END LOOP; END', statement));
	PERFORM pg_temp.measured(1000);
	FOR i IN 1..100 LOOP
		began := clock_timestamp();
		PERFORM pg_temp.measured(200);
		ran := ran || extract(epoch FROM clock_timestamp() - began) * 1000000 / 200;
	END LOOP;
	DROP FUNCTION pg_temp.measured(int);
	RETURN (SELECT round((percentile_cont(0.5) WITHIN GROUP (ORDER BY us))::numeric, 2)
		FROM unnest(ran) AS us);
END
$$;

-- What the roles may do with tables.
GRANT USAGE ON SCHEMA demo TO app, worker;
GRANT SELECT, UPDATE ON pgbench_accounts, pgbench_tellers, pgbench_branches TO app;
GRANT INSERT ON pgbench_history, demo.mismatch TO app;
GRANT USAGE ON SEQUENCE demo.account_comparisons, demo.branch_comparisons TO app;
GRANT INSERT ON demo.ledger, demo.audit TO worker;
GRANT SELECT, INSERT, UPDATE ON demo.total TO worker;
