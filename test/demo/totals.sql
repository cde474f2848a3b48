-- The member of group totals: reads, adds to the sums, and commits the offsets of what
-- it is done with, in one transaction.
\if :joined
\else
SELECT cq.group_join('history', 'totals', :member, session_bound => true) AS generation \gset
\set joined 1
\endif
CALL cq.topic_wait('history', 'totals', :member, '1 s', generation => :generation);
BEGIN;
WITH polled AS MATERIALIZED (SELECT * FROM cq.topic_poll('history', 'totals', :member, 500, :generation)), added AS (INSERT INTO demo.total AS t (bid, records, delta) SELECT (body->>'bid')::int, count(*), sum((body->>'delta')::int) FROM polled GROUP BY 1 ON CONFLICT (bid) DO UPDATE SET records = t.records + excluded.records, delta = t.delta + excluded.delta) SELECT coalesce(array_agg(partition), '{}') AS partitions, coalesce(array_agg(last), '{}') AS offsets FROM (SELECT partition, max(record_offset) AS last FROM polled GROUP BY partition) AS p \gset
SELECT coalesce(bool_and(cq.topic_commit('history', 'totals', :member, partition, last, :generation)), true) AS committed FROM unnest(:partitions::int[], :offsets::bigint[]) AS p (partition, last) \gset
\if :committed
COMMIT;
\else
ROLLBACK;
\endif
