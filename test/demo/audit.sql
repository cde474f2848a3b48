-- A member of group audit: reads, writes down what it has read, and commits the
-- offsets, in one transaction.
\if :joined
\else
SELECT cq.group_join('history', 'audit', :member, session_bound => true) AS generation \gset
\set joined 1
\endif
CALL cq.topic_wait('history', 'audit', :member, '1 s', generation => :generation);
BEGIN;
INSERT INTO demo.audit (partition, record_offset, aid, delta, member) SELECT partition, record_offset, (body->>'aid')::int, (body->>'delta')::int, :member FROM cq.topic_poll('history', 'audit', :member, 200, :generation, auto_commit => true);
\sleep :pause ms
COMMIT;
