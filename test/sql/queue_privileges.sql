-- Work queue: who may do what.
\set VERBOSITY terse

CREATE ROLE cq_test_owner;
CREATE ROLE cq_test_member IN ROLE cq_test_owner;
CREATE ROLE cq_test_sender;
CREATE ROLE cq_test_consumer;
GRANT USAGE ON SCHEMA cq TO cq_test_owner, cq_test_member, cq_test_sender, cq_test_consumer;

SET ROLE cq_test_owner;
SELECT cq.queue_create('orders');
RESET ROLE;
GRANT EXECUTE ON FUNCTION cq.queue_create TO cq_test_owner;
SET ROLE cq_test_owner;
SELECT cq.queue_create('orders');
SELECT cq.queue_send('orders', '1') IS NOT NULL AS sent;
SELECT body FROM cq.queue_take('orders');
SELECT count(*) FROM cq.queue;

-- a member of the owner may do as the owner
SET ROLE cq_test_member;
SELECT cq.queue_send('orders', '2') IS NOT NULL AS sent;

-- without a grant nothing
SET ROLE cq_test_sender;
SELECT cq.queue_send('orders', '3');
SELECT * FROM cq.queue_receive('orders');
SELECT * FROM cq.queue_take('orders');
SELECT cq.queue_ack('orders', repeat('A', 32));
CALL cq.queue_wait('orders', '1 ms');
CALL cq.queue_maintain();
SELECT cq.queue_purge('orders');
SELECT cq.queue_drop('orders');
SELECT cq.queue_grant('orders', 'cq_test_sender', 'send');
SELECT * FROM cq.stat_queues;
SELECT count(*) FROM cq.privileges;
SELECT count(*) FROM cq.queues;

SET ROLE cq_test_owner;
SELECT cq.queue_grant('orders', 'cq_test_sender', 'send');
SELECT cq.queue_grant('orders', 'cq_test_consumer', 'consume');
SELECT cq.queue_grant('orders', 'cq_test_nobody', 'send');
SELECT cq.queue_grant('orders', 'cq_test_sender', 'eat');
SELECT cq.queue_grant('orders', NULL, 'send');

SET ROLE cq_test_sender;
SELECT cq.queue_send('orders', '3') IS NOT NULL AS sent;
SELECT * FROM cq.queue_receive('orders');
SELECT queue FROM cq.stat_queues;
SET ROLE cq_test_consumer;
SELECT cq.queue_send('orders', '4');
-- dead letters are moved for him, though he may not send there
SELECT cq.queue_reject('orders', receipt) FROM cq.queue_receive('orders');
SELECT * FROM cq.queue_receive('orders.dead');
SELECT body FROM cq.queue_take('orders', 2);
SELECT cq.queue_purge('orders');

SET ROLE cq_test_owner;
SELECT cq.queue_revoke('orders', 'cq_test_sender', 'send');
SELECT cq.queue_grant('orders', 'public', 'manage');
SET ROLE cq_test_sender;
SELECT cq.queue_send('orders', '5');
SELECT cq.queue_purge('orders');

-- a dead-letter queue must be one's own to send to
RESET ROLE;
GRANT EXECUTE ON FUNCTION cq.queue_create TO cq_test_sender;
SELECT cq.queue_create('private');
SELECT queue_id AS id FROM cq.queue WHERE name = 'orders' \gset
SET ROLE cq_test_sender;
SELECT cq.queue_create('leak', dead_letter => 'private');

-- no way into the tables
\set VERBOSITY sqlstate
\set table 'cq.q' :id '_s0'
SELECT * FROM :table;
\set VERBOSITY terse
RESET ROLE;
SELECT relowner = (SELECT extowner FROM pg_extension WHERE extname = 'cachequeue') AS extension_owner, count(*) > 0 AS some
FROM pg_class WHERE relnamespace = 'cq'::regnamespace AND relname ~ '^q\d+_' GROUP BY 1;

-- roles that are gone
SELECT object, role, privileges, grantable FROM cq.privileges WHERE kind = 'queue' AND role <> current_user ORDER BY object, role COLLATE "C";
DROP ROLE cq_test_consumer;
DROP OWNED BY cq_test_consumer;
DROP ROLE cq_test_consumer;
SELECT object, role FROM cq.privileges WHERE kind = 'queue' AND object = 'orders' ORDER BY role COLLATE "C";
SELECT cq.queue_send('orders', '6') IS NOT NULL AS sent;
SELECT body FROM cq.queue_take('orders');

SELECT cq.queue_drop('orders'), cq.queue_drop('private');
SELECT cq.queue_drop('orders.dead'), cq.queue_drop('private.dead');
SELECT count(*) FROM cq.privileges WHERE kind = 'queue';
REVOKE ALL ON SCHEMA cq FROM cq_test_owner, cq_test_member, cq_test_sender;
REVOKE ALL ON FUNCTION cq.queue_create FROM cq_test_owner, cq_test_sender;
DROP ROLE cq_test_member, cq_test_owner, cq_test_sender;
