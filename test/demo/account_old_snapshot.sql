-- Hits are compared with the table under a snapshot that grows older while the
-- writers go on.
\set a random_zipfian(1, 100000 * :scale, 1.2)
\set b random_zipfian(1, 100000 * :scale, 1.2)
\set c random_zipfian(1, 100000 * :scale, 1.2)
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(demo.compare('account ' || aid, 'demo.account_comparisons', value, abalance::text)) FROM pgbench_accounts a, cq.cache_get_or_lease('account:' || a.aid) c WHERE aid IN (:a, :b, :c, 1, 2, 3) AND found;
\sleep 5 ms
SELECT count(demo.compare('account ' || aid, 'demo.account_comparisons', value, abalance::text)) FROM pgbench_accounts a, cq.cache_get_or_lease('account:' || a.aid) c WHERE aid IN (:a, :b, :c, 1, 2, 3) AND found;
\sleep 5 ms
SELECT count(demo.compare('account ' || aid, 'demo.account_comparisons', value, abalance::text)) FROM pgbench_accounts a, cq.cache_get_or_lease('account:' || a.aid) c WHERE aid IN (:a, :b, :c, 1, 2, 3) AND found;
COMMIT;
