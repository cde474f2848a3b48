-- Exchanges: who may do what.
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on

CREATE ROLE cq_test_owner;
CREATE ROLE cq_test_member IN ROLE cq_test_owner;
CREATE ROLE cq_test_other;
GRANT USAGE ON SCHEMA cq TO cq_test_owner, cq_test_other;
SELECT cq.queue_create('inbox'), cq.queue_create('secret');
SELECT cq.exchange_create('theirs', 'fanout');

-- creating has to be granted
SET ROLE cq_test_owner;
SELECT cq.exchange_create('news', 'topic');
RESET ROLE;
GRANT EXECUTE ON FUNCTION cq.exchange_create TO cq_test_owner;
SET ROLE cq_test_owner;
SELECT cq.exchange_create('news', 'topic');

-- binding needs the right to send there, or to manage the exchange there
SELECT cq.exchange_bind('news', 'queue', 'inbox', '#');
SELECT cq.exchange_bind('news', 'exchange', 'theirs', '#');
SELECT cq.exchange_alter('news', 'theirs');
SELECT cq.exchange_create('more', 'topic', alternate => 'theirs');
RESET ROLE;
SELECT cq.queue_grant('inbox', 'cq_test_owner', 'send');
SELECT cq.exchange_grant('theirs', 'cq_test_owner', 'publish');
SET ROLE cq_test_owner;
SELECT cq.exchange_bind('news', 'queue', 'inbox', '#');
SELECT cq.exchange_bind('news', 'exchange', 'theirs', '#');
SELECT cq.exchange_bind('theirs', 'queue', 'inbox', '#');
SELECT cq.exchange_publish('news', 'a', '1'), cq.exchange_publish('theirs', 'a', '1');
RESET ROLE;
SELECT cq.exchange_grant('theirs', 'cq_test_owner', ' publish, manage ');
SET ROLE cq_test_owner;
SELECT cq.exchange_bind('news', 'exchange', 'theirs', '#');
SELECT cq.exchange_bind('theirs', 'queue', 'secret');

-- members of the owner's role are owners
SET ROLE cq_test_member;
SELECT cq.exchange_publish('news', 'a', '2');

-- others are nothing until they are granted something
SET ROLE cq_test_other;
SELECT cq.exchange_publish('news', 'a', '3');
SELECT cq.exchange_route('news', 'a');
SELECT cq.exchange_bind('news', 'queue', 'inbox', '#');
SELECT cq.exchange_unbind('news', 'queue', 'inbox', '#');
SELECT cq.exchange_alter('news', NULL);
SELECT cq.exchange_drop('news');
SELECT cq.exchange_grant('news', 'cq_test_other', 'all');
SELECT cq.exchange_revoke('news', 'public', 'all');
SELECT * FROM cq.exchange_bindings;
SELECT count(*) FROM cq.exchange;
SELECT count(*) FROM cq.exchange_binding;
SELECT count(*) FROM cq.exchanges;

-- publishing needs no right on the queue
SET ROLE cq_test_owner;
SELECT cq.exchange_grant('news', 'cq_test_other', 'publish');
SET ROLE cq_test_other;
SELECT cq.queue_send('inbox', '4');
SELECT cq.exchange_publish('news', 'a', '4');
SELECT * FROM cq.exchange_route('news', 'a');
SELECT exchange, target_kind, target, routing_key FROM cq.exchange_bindings ORDER BY 1, 2, 3;
SELECT cq.exchange_bind('news', 'queue', 'inbox', 'b');
-- nothing of other exchanges shows to a function that tells
CREATE FUNCTION pg_temp.tell(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'sees %', $1; RETURN true; END $$;
SELECT exchange FROM cq.exchange_bindings WHERE pg_temp.tell(exchange) ORDER BY 1;

-- unbinding needs no right on the target any more
RESET ROLE;
SELECT cq.queue_revoke('inbox', 'cq_test_owner', 'send');
SET ROLE cq_test_owner;
SELECT cq.exchange_publish('news', 'a', '5');
SELECT cq.exchange_unbind('news', 'queue', 'inbox', '#');
SELECT cq.exchange_publish('news', 'a', '6');

-- taking away
SELECT cq.exchange_revoke('news', 'cq_test_other', 'all');
SET ROLE cq_test_other;
SELECT cq.exchange_publish('news', 'a', '7');
RESET ROLE;
SELECT cq.exchange_grant('news', 'public', 'publish');
SET ROLE cq_test_other;
SELECT cq.exchange_publish('news', 'a', '8');

RESET ROLE;
SELECT body FROM cq.queue_take('inbox', 100) ORDER BY msg_id;
SELECT cq.exchange_drop('news'), cq.exchange_drop('theirs');
SELECT cq.queue_drop('inbox'), cq.queue_drop('secret'), cq.queue_drop('inbox.dead'), cq.queue_drop('secret.dead');
SELECT object, role, privileges FROM cq.privileges WHERE kind = 'exchange';
REVOKE USAGE ON SCHEMA cq FROM cq_test_owner, cq_test_other;
REVOKE EXECUTE ON FUNCTION cq.exchange_create FROM cq_test_owner;
DROP FUNCTION pg_temp.tell;
DROP ROLE cq_test_member, cq_test_owner, cq_test_other;
