-- Channels: arguments, what is fetched, who may.
\set VERBOSITY sqlstate
\pset format unaligned
\pset tuples_only on
\pset null NULL

-- arguments
SELECT cq.channel_publish(NULL, 'x');
SELECT cq.channel_publish('c', NULL);
SELECT cq.channel_publish('', 'x');
SELECT cq.channel_publish(repeat('c', 64), 'x');
SELECT cq.channel_publish(repeat('ä', 32), 'x');
SELECT cq.channel_publish(repeat('c', 63), 'x');
SELECT cq.channel_publish(E'it''s "a"\n\\channel; DROP', '');
SELECT cq.channel_fetch(NULL);
\set VERBOSITY terse
SELECT cq.channel_publish(repeat('c', 64), 'x');
\set VERBOSITY sqlstate

-- what can be sent is its own reference
SELECT cq.channel_fetch(''), cq.channel_fetch('plain'), cq.channel_fetch('cq_ref'), cq.channel_fetch(' cq_ref:1');
SELECT cq.channel_fetch(repeat('x', 20000)) = repeat('x', 20000);

-- nothing has been stored
SELECT cq.channel_publish('c', repeat('x', 7999));
SELECT cq.channel_publish('c', 'cq_re');
SELECT count(*) FROM (TABLE cq.channel_payload_0 UNION ALL TABLE cq.channel_payload_1) AS p;
SELECT cq.channel_fetch('cq_ref:1');

-- now it is: one byte more, in bytes and not characters; what looks like a reference
SELECT cq.channel_publish('c', repeat('x', 8000));
SELECT cq.channel_publish('c', repeat('ä', 4000));
SELECT cq.channel_publish('c', 'cq_ref:');
SELECT cq.channel_publish('c', 'cq_ref:1');
SELECT cq.channel_publish('c', repeat('x', 1000000));
SELECT id, octet_length(payload), length(cq.channel_fetch('cq_ref:' || id)), cq.channel_fetch('cq_ref:' || id) = payload
FROM (TABLE cq.channel_payload_0 UNION ALL TABLE cq.channel_payload_1) AS p
ORDER BY octet_length(payload), id;

-- no references
SELECT r, cq.channel_fetch('cq_ref:' || r) FROM unnest(ARRAY['', '0', '-1', '1x', 'x', '1 ', '2147483647', '2147483648', '99999999999999999999']) AS r;

-- a transaction sees its own; a rollback leaves none
BEGIN;
SELECT cq.channel_publish('c', repeat('y', 9000));
SELECT max(id) AS id FROM (TABLE cq.channel_payload_0 UNION ALL TABLE cq.channel_payload_1) AS p \gset
SELECT length(cq.channel_fetch('cq_ref:' || :id));
SAVEPOINT s;
SELECT cq.channel_publish('c', repeat('z', 9000));
SELECT cq.channel_fetch('cq_ref:' || :id + 1) = repeat('z', 9000);
ROLLBACK TO s;
SELECT cq.channel_fetch('cq_ref:' || :id + 1);
SELECT length(cq.channel_fetch('cq_ref:' || :id));
ROLLBACK;
SELECT cq.channel_fetch('cq_ref:' || :id);

-- read-only: what is sent as it is can be
BEGIN READ ONLY;
SELECT cq.channel_publish('c', 'x');
SELECT cq.channel_fetch('x');
SELECT cq.channel_publish('c', repeat('x', 8000));
ROLLBACK;

-- not in two phases, unless it was rolled back
BEGIN;
SELECT cq.channel_publish('c', 'x');
PREPARE TRANSACTION 'cq_test_channel';
BEGIN;
SAVEPOINT s;
SELECT cq.channel_publish('c', 'x');
ROLLBACK TO s;
PREPARE TRANSACTION 'cq_test_channel';
ROLLBACK PREPARED 'cq_test_channel';

-- anybody with USAGE, who does not see the tables
\set VERBOSITY terse
CREATE ROLE cq_test_listener;
SET ROLE cq_test_listener;
SELECT cq.channel_publish('c', 'x');
RESET ROLE;
GRANT USAGE ON SCHEMA cq TO cq_test_listener;
SELECT min(id) AS id FROM (TABLE cq.channel_payload_0 UNION ALL TABLE cq.channel_payload_1) AS p \gset
SET ROLE cq_test_listener;
SELECT cq.channel_publish('c', 'x');
SELECT cq.channel_publish('c', repeat('x', 8000));
SELECT length(cq.channel_fetch('cq_ref:' || :id));
TABLE cq.channel_payload_0;
TABLE cq.channel_payload_1;
SELECT nextval('cq.channel_payload_id');
RESET ROLE;
REVOKE USAGE ON SCHEMA cq FROM cq_test_listener;
DROP ROLE cq_test_listener;
