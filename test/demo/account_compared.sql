-- The same, but a hit is compared with the table in the same statement.
\set aid random_zipfian(1, 100000 * :scale, 1.2)
SELECT found, lease, abalance, CASE WHEN found THEN demo.compare('account ' || aid, 'demo.account_comparisons', value, abalance::text) END AS equal FROM pgbench_accounts a, cq.cache_get_or_lease('account:' || a.aid) c WHERE aid = :aid \gset
\if :found
\else
SELECT cq.cache_set('account:' || :aid, :abalance::text, '1 min', ARRAY['account:' || :aid], lease => :lease);
\endif
