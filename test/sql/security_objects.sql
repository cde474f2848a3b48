-- Owners and privileges as those of carriers; with whose rights our commands run.
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;

CREATE ROLE cq_test_owner;
CREATE ROLE cq_test_heir;
CREATE ROLE cq_test_app;
GRANT USAGE ON SCHEMA cq TO cq_test_owner, cq_test_heir, cq_test_app;
GRANT EXECUTE ON FUNCTION cq.queue_create, cq.topic_create, cq.exchange_create, cq.namespace_create TO cq_test_owner;

-- one object of each kind, and its view
CREATE VIEW objects AS
SELECT 'queue' AS kind, queue AS object, owner::text, carrier FROM cq.queues
UNION ALL SELECT 'topic', topic, owner::text, carrier FROM cq.topics
UNION ALL SELECT 'group', group_name, owner::text, carrier FROM cq.groups
UNION ALL SELECT 'exchange', exchange, owner::text, carrier FROM cq.exchanges
UNION ALL SELECT 'namespace', namespace, owner::text, carrier FROM cq.namespaces;
SELECT count(*) AS tables FROM pg_class WHERE relnamespace = 'cq'::regnamespace \gset
ALTER DEFAULT PRIVILEGES FOR ROLE cq_test_owner IN SCHEMA cq GRANT INSERT ON TABLES TO cq_test_app;
SET ROLE cq_test_owner;
SELECT cq.queue_create('work', dead_letter => NULL), cq.topic_create('log'), cq.exchange_create('hub', 'fanout'), cq.namespace_create('own');
SELECT cq.group_create('log', 'readers');
RESET ROLE;
SELECT kind, object, owner FROM objects WHERE owner = 'cq_test_owner' ORDER BY 1, 2;

-- default privileges were those of the creator
SELECT kind, object, privileges FROM cq.privileges WHERE role = 'cq_test_app' ORDER BY 1, 2;
SET ROLE cq_test_app;
SELECT cq.queue_send('work', '1') > 0, cq.cache_set('k', 'v', namespace => 'own');
SELECT * FROM cq.queue_receive('work');
RESET ROLE;

-- GRANT and REVOKE
SELECT carrier AS work FROM cq.queues WHERE queue = 'work' \gset
SELECT carrier AS own FROM cq.namespaces WHERE namespace = 'own' \gset
GRANT DELETE ON :work TO cq_test_app;
GRANT SELECT ON :own TO cq_test_app;
REVOKE INSERT ON :own FROM cq_test_app;
SET ROLE cq_test_app;
SELECT body FROM cq.queue_take('work');
SELECT cq.cache_get('k', 'own');
SELECT cq.cache_set('k', 'w', namespace => 'own');
-- no more than these, not even on the view
\set VERBOSITY sqlstate
SELECT * FROM :work;
\set VERBOSITY terse
RESET ROLE;

-- with grant option one passes on what one has, and nothing else
GRANT TRUNCATE ON :work TO cq_test_app WITH GRANT OPTION;
SET ROLE cq_test_app;
SELECT cq.queue_grant('work', 'cq_test_heir', 'purge');
SELECT cq.queue_grant('work', 'cq_test_heir', 'consume');
SELECT cq.queue_drop('work');
RESET ROLE;
SELECT role, privileges FROM cq.privileges WHERE object = 'work' AND role = 'cq_test_heir';

-- all of an owner's objects, and nobody else's
SELECT cq.queue_create('of another', dead_letter => 'work');
SET ROLE cq_test_owner;
SELECT cq.grant_on_all('queue', 'cq_test_heir', 'peek,send');
SELECT cq.revoke_on_all('queue', 'cq_test_heir', 'all');
RESET ROLE;
SELECT object FROM cq.privileges WHERE role = 'cq_test_heir';
SELECT cq.queue_drop('of another');

-- other owners: only of one's own objects, to a role that one is in
SET ROLE cq_test_owner;
\set VERBOSITY sqlstate
SELECT cq.queue_owner('work', 'cq_test_heir');
\set VERBOSITY terse
RESET ROLE;
GRANT cq_test_heir TO cq_test_owner;
SET ROLE cq_test_app;
SELECT cq.queue_owner('work', 'cq_test_app');
SET ROLE cq_test_owner;
SELECT cq.queue_owner('work', 'cq_test_heir'), cq.topic_owner('log', 'cq_test_heir'), cq.group_owner('log', 'readers', 'cq_test_heir'),
    cq.exchange_owner('hub', 'cq_test_heir'), cq.namespace_owner('own', 'cq_test_heir');
RESET ROLE;
SELECT cq.namespace_owner('default', 'cq_test_heir');
SELECT kind, object, owner FROM objects WHERE owner LIKE 'cq_test_%' ORDER BY 1, 2;
REASSIGN OWNED BY cq_test_heir TO cq_test_owner;
SELECT kind, object, owner FROM objects WHERE owner LIKE 'cq_test_%' ORDER BY 1, 2;

-- a carrier may have another name, and be elsewhere
ALTER VIEW :work RENAME TO cq_test_work;
CREATE SCHEMA cq_test_elsewhere;
ALTER VIEW cq.cq_test_work SET SCHEMA cq_test_elsewhere;
SET ROLE cq_test_app;
SELECT cq.queue_send('work', '2') > 0;
RESET ROLE;

-- whoever has something cannot be dropped; DROP OWNED, and DROP VIEW, drop objects
DROP ROLE cq_test_owner;
DROP VIEW cq_test_elsewhere.cq_test_work;
SELECT cq.queue_send('work', '3');
DROP OWNED BY cq_test_app;
DROP OWNED BY cq_test_heir;
DROP OWNED BY cq_test_owner;
SELECT kind, object FROM objects WHERE object IN ('work', 'work.dead', 'log', 'readers', 'hub', 'own');
SELECT count(*) = :tables FROM pg_class WHERE relnamespace = 'cq'::regnamespace;

-- The search_path of the caller means nothing to our commands, those of event triggers
-- included, nor do functions and operators of his that are named as ours are.
GRANT USAGE ON SCHEMA cq TO cq_test_owner, cq_test_heir;
GRANT EXECUTE ON FUNCTION cq.queue_create, cq.topic_create, cq.exchange_create, cq.namespace_create TO cq_test_owner;
CREATE SCHEMA cq_test_evil AUTHORIZATION cq_test_owner;
SET ROLE cq_test_owner;
CREATE FUNCTION cq_test_evil.caught() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'caught as %', current_user; END $$;
CREATE FUNCTION cq_test_evil.eq(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT cq_test_evil.caught()';
CREATE FUNCTION cq_test_evil.eq(oid, oid) RETURNS boolean LANGUAGE sql AS 'SELECT cq_test_evil.caught()';
CREATE FUNCTION cq_test_evil.eq(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT cq_test_evil.caught()';
CREATE FUNCTION cq_test_evil.add(int, int) RETURNS int LANGUAGE sql AS 'SELECT cq_test_evil.caught()::int';
CREATE OPERATOR cq_test_evil.= (LEFTARG = int, RIGHTARG = int, FUNCTION = cq_test_evil.eq);
CREATE OPERATOR cq_test_evil.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = cq_test_evil.eq);
CREATE OPERATOR cq_test_evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = cq_test_evil.eq);
CREATE OPERATOR cq_test_evil.+ (LEFTARG = int, RIGHTARG = int, FUNCTION = cq_test_evil.add);
CREATE FUNCTION cq_test_evil.format(text, VARIADIC text[]) RETURNS text LANGUAGE sql AS 'SELECT cq_test_evil.caught()::text';
CREATE FUNCTION cq_test_evil.nextval(text) RETURNS bigint LANGUAGE sql AS 'SELECT cq_test_evil.caught()::int';
CREATE FUNCTION cq_test_evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz WHERE cq_test_evil.caught()';
CREATE TEMP TABLE pg_class (oid oid);
SET search_path = cq_test_evil, pg_temp, pg_catalog;
SELECT 1 = 1;
SELECT cq.queue_create('work', lease => '1 min', durable_leases => true), cq.topic_create('log'), cq.exchange_create('hub', 'direct'), cq.namespace_create('own', '1 h');
SELECT cq.queue_create('work', lease => '1 min', durable_leases => true, if_not_exists => true), cq.topic_create('log', if_not_exists => true),
    cq.exchange_create('hub', 'direct', if_not_exists => true), cq.namespace_create('own', '1 h', if_not_exists => true);
SELECT cq.group_create('log', 'readers'), cq.group_create('log', 'queue', 'shared');
SELECT cq.exchange_bind('hub', 'queue', 'work', 'k'), cq.exchange_bind('hub', 'topic', 'log', 'k');
SELECT cq.exchange_publish('hub', 'k', '1', key => 'k');
SELECT cq.queue_alter('work', max_attempts => 7), cq.topic_alter('log', partitions => 2), cq.namespace_alter('own', '2 h'), cq.exchange_alter('hub', NULL);
SELECT cq.queue_pause('work'), cq.queue_resume('work');
SELECT cq.queue_nack('work', receipt, '0') FROM cq.queue_receive('work');
SELECT cq.queue_once('me', 'work', 1), cq.queue_send('work', '2', dedup_key => 'd') > 0;
SELECT cq.group_join('log', 'readers', 'me') > 0;
SELECT count(*) FROM cq.topic_poll('log', 'readers', 'me', auto_commit => true);
SELECT cq.topic_seek('log', 'readers', 'earliest');
SELECT cq.channel_publish('c', repeat('x', 10000)), cq.channel_fetch('no reference');
SELECT cq.queue_grant('work', 'cq_test_heir', 'all'), cq.topic_grant('log', 'cq_test_heir', 'all'), cq.group_grant('log', 'readers', 'cq_test_heir', 'all'),
    cq.exchange_grant('hub', 'cq_test_heir', 'all'), cq.namespace_grant('own', 'cq_test_heir', 'all');
SELECT cq.grant_on_all('queue', 'cq_test_heir', 'send') > 0;
SELECT count(*) > 0 FROM cq.queues, cq.topics, cq.groups, cq.exchanges, cq.namespaces, cq.privileges;
SELECT count(*) > 0 FROM cq.stat_queues, cq.stat_topics, cq.stat_groups, cq.exchange_bindings, cq.queue_segments;
CREATE TABLE cq_test_evil.t (id int PRIMARY KEY, v text);
SELECT cq.cache_watch('cq_test_evil.t', ARRAY['t:{id}'], '{"key": "t:{id}", "namespace": "own"}');
RESET ROLE;
SELECT cq.namespace_grant('default', 'cq_test_a', 'invalidate');
SET ROLE cq_test_a;
SELECT cq.cache_watch('cq_test_evil.t', ARRAY['t:{id}'], '{"key": "t:{id}", "namespace": "own"}');
INSERT INTO cq_test_evil.t VALUES (1, 'a');
ALTER TABLE cq_test_evil.t ADD w int;
SELECT count(*) FROM cq.cache_watches;
SELECT cq.cache_unwatch('cq_test_evil.t');
SELECT cq.cache_write_behind('own', 'cq_test_evil.t', 'logged', delay => '1 day', columns => '{v}');
SELECT cq.cache_set('2', '{"v": "b"}'::jsonb, namespace => 'own');
SELECT cq.cache_flush('own');
SELECT cq.cache_write_behind_drop('own', true);
SELECT cq.exchange_unbind('hub', 'queue', 'work', 'k');
SELECT cq.queue_purge('work') > 0;
SELECT cq.group_drop('log', 'queue'), cq.exchange_drop('hub'), cq.queue_drop('work'), cq.queue_drop('work.dead'), cq.namespace_drop('own');
-- by the event trigger
SELECT carrier AS log FROM cq.topics WHERE topic LIKE 'log' \gset
SET client_min_messages = error;
DROP VIEW :log;
RESET search_path;
SELECT count(*) FROM cq.topics WHERE topic = 'log';
RESET ROLE;
DROP TABLE pg_temp.pg_class;

DROP OWNED BY cq_test_app;
DROP OWNED BY cq_test_heir;
DROP OWNED BY cq_test_owner;
DROP SCHEMA cq_test_elsewhere;
DROP VIEW objects;
DROP ROLE cq_test_owner, cq_test_heir, cq_test_app;
