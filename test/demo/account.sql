-- Cache-aside as an application does it: three statements, each a transaction
-- of its own; the lease says when the balance was read.
\set aid random_zipfian(1, 100000 * :scale, 1.2)
SELECT value, found, lease FROM cq.cache_get_or_lease('account:' || :aid) \gset
\if :found
\else
SELECT abalance FROM pgbench_accounts WHERE aid = :aid \gset
SELECT cq.cache_set('account:' || :aid, :abalance::text, '1 min', ARRAY['account:' || :aid], lease => :lease);
\endif
