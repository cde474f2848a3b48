-- pgbench's TPC-B, some accounts and branches more often than others, and each
-- transaction publishes an event about it.  Two of a hundred are rolled back.
\set aid random_zipfian(1, 100000 * :scale, 1.2)
\set bid random_zipfian(1, :scale, 1.2)
\set tid 10 * (:bid - 1) + random(1, 10)
\set delta random(-5000, 5000)
\set fate random(1, 100)
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid;
UPDATE pgbench_branches SET bbalance = bbalance + :delta WHERE bid = :bid;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP);
SELECT cq.exchange_publish('events', 'branch.' || :bid, jsonb_build_object('aid', :aid::int, 'bid', :bid::int, 'delta', :delta::int), key => :aid::text);
\if :fate <= 2
ROLLBACK;
\else
COMMIT;
\endif
