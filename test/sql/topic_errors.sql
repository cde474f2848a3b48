-- Topics: what is refused, and how.
\set VERBOSITY sqlstate
\pset format unaligned
\pset tuples_only on
\pset null NULL

SELECT cq.topic_create('t', 2);
SELECT cq.topic_create('c', 1, retain => NULL, compact => true);
SELECT cq.group_create('t', 'g');
SELECT cq.group_create('t', 'sh', kind => 'shared');
SELECT cq.group_join('t', 'g', 'm') AS generation \gset

-- creating
SELECT cq.topic_create('t');
SELECT cq.topic_create(NULL);
SELECT cq.topic_create('');
SELECT cq.topic_create(repeat('x', 201));
SELECT cq.topic_create(repeat('x', 200));
SELECT cq.topic_drop(repeat('x', 200));
SELECT cq.topic_create(repeat('ü', 101));
SELECT cq.topic_create('n', 0);
SELECT cq.topic_create('n', -1);
SELECT cq.topic_create('n', 1025);
SELECT cq.topic_create('n', 2147483647);
SELECT cq.topic_create('n', NULL);
SELECT cq.topic_create('n', retain => '0');
SELECT cq.topic_create('n', retain => '-1 s');
SELECT cq.topic_create('n', retain => '178000000 years');
SELECT cq.topic_create('n', retain_bytes => 0);
SELECT cq.topic_create('n', retain_bytes => -1);
SELECT cq.topic_create('n', compact => NULL);
SELECT cq.topic_create('n', tombstone_retain => NULL);
SELECT cq.topic_create('n', tombstone_retain => '-1 s');
SELECT cq.topic_create('n', tombstone_retain => '178000000 years');
SELECT count(*) FROM cq.topic WHERE name = 'n';
-- any other name is fine
SELECT cq.topic_create(E'it''s "a"\ntopic; --');
SELECT cq.group_create(E'it''s "a"\ntopic; --', E'and "a\'s"\ngroup');
SELECT cq.group_join(E'it''s "a"\ntopic; --', E'and "a\'s"\ngroup', E'm\'s\n"member"') > 0;
SELECT record_offset FROM cq.topic_publish(E'it''s "a"\ntopic; --', '1', E'a\n''"key');
SELECT topic = E'it''s "a"\ntopic; --', key = E'a\n''"key' FROM cq.topic_poll(E'it''s "a"\ntopic; --', E'and "a\'s"\ngroup', E'm\'s\n"member"');
SELECT cq.topic_grant(E'it''s "a"\ntopic; --', 'public', 'publish');
SELECT cq.topic_alter(E'it''s "a"\ntopic; --', partitions => 2);
SELECT cq.group_drop(E'it''s "a"\ntopic; --', E'and "a\'s"\ngroup');
SELECT cq.topic_drop(E'it''s "a"\ntopic; --');

-- altering, dropping
SELECT cq.topic_alter('nowhere');
SELECT cq.topic_alter(NULL);
SELECT cq.topic_alter('t', partitions => 1);
SELECT cq.topic_alter('t', partitions => 0);
SELECT cq.topic_alter('t', partitions => 1025);
SELECT cq.topic_alter('t', retain => '0');
SELECT cq.topic_alter('t', retain => '-1 day');
SELECT cq.topic_alter('t', retain_bytes => 0);
SELECT cq.topic_alter('t', tombstone_retain => '-1 s');
SELECT cq.topic_alter('t', reset => '{partitions}');
SELECT cq.topic_alter('t', reset => '{retain,retain}');
SELECT cq.topic_alter('t', reset => '{NULL}');
SELECT cq.topic_alter('t', reset => NULL);
SELECT cq.topic_alter('t', retain => '1 day', reset => '{retain}');
SELECT cq.topic_drop('nowhere');
SELECT cq.topic_drop(NULL);
SELECT cq.topic_drop('');

-- publishing
SELECT cq.topic_publish('nowhere', '1');
SELECT cq.topic_publish(NULL, '1');
SELECT cq.topic_publish('', '1');
SELECT cq.topic_publish('t', NULL);
SELECT cq.topic_publish('c', '1');
SELECT cq.topic_publish('c', '1', '') IS NOT NULL;
SELECT cq.topic_publish('c', NULL, 'k') IS NOT NULL;
SELECT cq.topic_publish('t', '1', repeat('x', 1025));
SELECT cq.topic_publish('t', '1', repeat('x', 1024)) IS NOT NULL;
SELECT cq.topic_publish('t', '1', headers => '[]');
SELECT cq.topic_publish('t', '1', headers => '"x"');
SELECT cq.topic_publish('t', '1', headers => 'null');
SELECT cq.topic_publish('t', '1', partition => 2);
SELECT cq.topic_publish('t', '1', partition => -1);
SELECT cq.topic_publish('t', '1', 'k', partition => 2147483647);
SELECT cq.topic_publish_many('nowhere', ARRAY['1']::jsonb[]);
SELECT cq.topic_publish_many('t', NULL);
SELECT cq.topic_publish_many('t', ARRAY['1', NULL]::jsonb[]);
SELECT cq.topic_publish_many('t', ARRAY['1', '2']::jsonb[], ARRAY['k']);
SELECT cq.topic_publish_many('t', ARRAY['1', '2']::jsonb[], headers => ARRAY['{}']::jsonb[]);
SELECT cq.topic_publish_many('t', ARRAY['1', '2']::jsonb[], headers => ARRAY['{}', '3']::jsonb[]);
SELECT cq.topic_publish_many('t', ARRAY['1', '2']::jsonb[], ARRAY['k', repeat('x', 1025)]);
SELECT cq.topic_publish_many('t', ARRAY['1']::jsonb[], partition => 2);
SELECT cq.topic_publish_many('c', ARRAY['1', '2']::jsonb[], ARRAY['k', NULL]);
-- nothing of it was published
SELECT count(*) FROM (SELECT * FROM cq.topic_read('t', 0) UNION ALL SELECT * FROM cq.topic_read('t', 1)) AS r;
BEGIN READ ONLY;
SELECT cq.topic_publish('t', '1');
ROLLBACK;

-- reading
SELECT * FROM cq.topic_read('nowhere', 0);
SELECT * FROM cq.topic_read(NULL, 0);
SELECT * FROM cq.topic_read('t', NULL);
SELECT * FROM cq.topic_read('t', -1);
SELECT * FROM cq.topic_read('t', 2);
SELECT * FROM cq.topic_read('t', 0, NULL);
SELECT * FROM cq.topic_read('t', 0, 0, 0);
SELECT * FROM cq.topic_read('t', 0, 0, -1);
SELECT * FROM cq.topic_read('t', 0, 0, NULL);
SELECT * FROM cq.topic_read('t', 0, 0, 2147483647);
SELECT cq.topic_offset('nowhere', 0, 'earliest');
SELECT cq.topic_offset('t', 2, 'earliest');
SELECT cq.topic_offset('t', NULL, 'earliest');
SELECT cq.topic_offset('t', 0, NULL);
SELECT cq.topic_offset('t', 0, '');
SELECT cq.topic_offset('t', 0, 'soon');
SELECT cq.topic_offset('t', 0, '-1');
SELECT cq.topic_offset('t', 0, '1.5');
SELECT cq.topic_offset('t', 0, '99999999999999999999');

-- groups
SELECT cq.group_create('t', 'g');
SELECT cq.group_create('nowhere', 'g');
SELECT cq.group_create('t', NULL);
SELECT cq.group_create('t', '');
SELECT cq.group_create('t', repeat('x', 201));
SELECT cq.group_create('t', 'n', kind => 'common');
SELECT cq.group_create('t', 'n', kind => NULL);
SELECT cq.group_create('t', 'n', start => 'middle');
SELECT cq.group_create('t', 'n', start => '-1');
SELECT cq.group_create('t', 'n', start => NULL);
SELECT cq.group_create('t', 'n', assignment => 'random');
SELECT cq.group_create('t', 'n', assignment => NULL);
SELECT cq.group_create('t', 'n', session_timeout => '0');
SELECT cq.group_create('t', 'n', session_timeout => '-1 s');
SELECT cq.group_create('t', 'n', session_timeout => '178000000 years');
SELECT cq.group_create('t', 'n', session_timeout => NULL);
-- the queue of a shared group
SELECT cq.group_create('t', repeat('y', 200), kind => 'shared');
SELECT cq.topic_create(repeat('x', 200));
SELECT cq.group_create(repeat('x', 200), repeat('y', 200), kind => 'shared');
SELECT cq.topic_drop(repeat('x', 200));
SELECT cq.queue_create('t.taken');
SELECT cq.group_create('t', 'taken', kind => 'shared');
SELECT cq.queue_drop('t.taken'), cq.queue_drop('t.taken.dead');
SELECT count(*) FROM cq.topic_group WHERE name IN ('n', 'taken');
SELECT cq.group_drop('t', 'nowhere');
SELECT cq.group_drop('nowhere', 'g');
SELECT cq.group_drop('t', NULL);

-- members
SELECT cq.group_join('nowhere', 'g', 'm');
SELECT cq.group_join('t', '', 'm');
SELECT cq.group_join('t', NULL, 'm');
SELECT cq.group_join('t', 'g', NULL);
SELECT cq.group_join('t', 'g', '');
SELECT cq.group_join('t', 'g', repeat('x', 101));
SELECT cq.group_join('t', 'g', repeat('x', 100)) > 0, cq.group_leave('t', 'g', repeat('x', 100));
SELECT cq.group_join('t', 'g', 'm', NULL);
SELECT cq.group_join('t', 'sh', 'm');
SELECT cq.group_leave('t', 'nowhere', 'm');
SELECT cq.group_leave('t', 'g', NULL);
SELECT cq.group_leave('t', 'g', 'n');
SELECT cq.group_heartbeat('t', 'nowhere', 'm');
SELECT cq.group_heartbeat('nowhere', 'g', 'm');
SELECT cq.group_heartbeat('t', 'g', NULL);
SELECT cq.group_heartbeat('t', 'g', 'm', :generation + 1);
SELECT cq.group_heartbeat('t', 'g', 'm', -1);

-- polling, committing
SELECT * FROM cq.topic_poll('nowhere', 'g', 'm');
SELECT * FROM cq.topic_poll('t', 'nowhere', 'm');
SELECT * FROM cq.topic_poll('t', 'g', 'nobody');
SELECT * FROM cq.topic_poll('t', 'g', NULL);
SELECT * FROM cq.topic_poll('t', NULL, 'm');
SELECT * FROM cq.topic_poll('t', 'g', 'm', 0);
SELECT * FROM cq.topic_poll('t', 'g', 'm', -1);
SELECT * FROM cq.topic_poll('t', 'g', 'm', NULL);
SELECT * FROM cq.topic_poll('t', 'g', 'm', auto_commit => NULL);
SELECT * FROM cq.topic_poll('t', 'g', 'm', generation => 1);
SELECT cq.topic_commit('nowhere', 'g', 'm', 0, 0);
SELECT cq.topic_commit('t', 'nowhere', 'm', 0, 0);
SELECT cq.topic_commit('t', 'g', 'm', 2, 0);
SELECT cq.topic_commit('t', 'g', 'm', -1, 0);
SELECT cq.topic_commit('t', 'g', 'm', NULL, 0);
SELECT cq.topic_commit('t', 'g', 'm', 0, NULL);
SELECT cq.topic_commit('t', 'g', 'm', 0, 9223372036854775807);
SELECT cq.topic_commit('t', 'g', 'm', 0, -9223372036854775808);
BEGIN READ ONLY;
SELECT * FROM cq.topic_poll('t', 'g', 'm', auto_commit => true);
ROLLBACK;
BEGIN READ ONLY;
SELECT cq.topic_commit('t', 'g', 'm', 0, 0);
ROLLBACK;

-- seeking, waiting
SELECT cq.topic_seek('nowhere', 'g', 'earliest');
SELECT cq.topic_seek('t', 'nowhere', 'earliest');
SELECT cq.topic_seek('t', 'g', NULL);
SELECT cq.topic_seek('t', 'g', 'soon');
SELECT cq.topic_seek('t', 'g', '-1');
SELECT cq.topic_seek('t', 'g', '99999999999999999999');
SELECT cq.topic_seek('t', 'g', 'earliest', 2);
SELECT cq.topic_seek('t', 'g', 'earliest', -1);
BEGIN;
SELECT cq.topic_seek('t', 'g', 'earliest', 0);
SELECT cq.topic_seek('t', 'g', 'latest', 1);
SELECT cq.topic_seek('t', 'g', 'latest');
ROLLBACK;
CALL cq.topic_wait('nowhere', 'g', 'm', '0');
CALL cq.topic_wait('t', 'nowhere', 'm', '0');
CALL cq.topic_wait('t', 'g', 'nobody', '0');
CALL cq.topic_wait('t', 'g', NULL, '0');
CALL cq.topic_wait('t', 'g', 'm', '-1 ms');
CALL cq.topic_wait('t', 'g', 'm', '178000000 years');
BEGIN;
CALL cq.topic_wait('t', 'g', 'm', '0');
ROLLBACK;
BEGIN;
CALL cq.topic_maintain();
ROLLBACK;

-- grants
SELECT cq.topic_grant('nowhere', 'public', 'publish');
SELECT cq.topic_grant('t', 'no such role', 'publish');
SELECT cq.topic_grant('t', 'public', 'send');
SELECT cq.topic_grant('t', NULL, 'publish');
SELECT cq.topic_grant('t', 'public', NULL);
SELECT cq.group_grant('t', 'nowhere', 'public', 'consume');
SELECT cq.group_grant('t', 'g', 'public', 'publish');
SELECT cq.topic_revoke('t', 'public', 'everything');
SELECT cq.group_revoke('t', 'g', 'public', 'publish');

-- privileges
CREATE ROLE topic_owner;
CREATE ROLE topic_publisher;
CREATE ROLE topic_consumer;
CREATE ROLE topic_helper;
CREATE ROLE topic_manager;
CREATE ROLE topic_nobody;
CREATE ROLE topic_outsider;
GRANT USAGE ON SCHEMA cq TO topic_owner, topic_publisher, topic_consumer, topic_helper, topic_manager, topic_nobody;
-- nothing for PUBLIC
SET ROLE topic_outsider;
SELECT cq.topic_publish('t', '1');
SELECT * FROM cq.stat_topics;
SET ROLE topic_owner;
SELECT cq.topic_create('mine');
CALL cq.topic_maintain();
SELECT * FROM cq.topic;
SELECT * FROM cq.topic_group;
SELECT * FROM cq.privileges;
SELECT * FROM cq.topic_segment;
RESET ROLE;
GRANT EXECUTE ON FUNCTION cq.topic_create TO topic_owner;
SET ROLE topic_owner;
SELECT cq.topic_create('mine');
SELECT cq.topic_grant('mine', 'topic_publisher', 'publish'), cq.topic_grant('mine', 'topic_consumer', 'consume'),
	cq.topic_grant('mine', 'topic_manager', 'manage');
-- the tables of a topic are nobody's, not even its owner's
RESET ROLE;
DO $$ BEGIN
	SET LOCAL ROLE topic_owner;
	EXECUTE format('SELECT FROM cq.t%s_s0', (SELECT max(substring(relname, '\d+')::int) FROM pg_class
		WHERE relname ~ '^t\d+_s0$' AND relnamespace = 'cq'::regnamespace));
END $$;
SET ROLE topic_nobody;
SELECT cq.topic_publish('mine', '1');
SELECT cq.topic_publish_many('mine', ARRAY['1']::jsonb[]);
SELECT * FROM cq.topic_read('mine', 0);
SELECT cq.topic_offset('mine', 0, 'earliest');
SELECT cq.group_create('mine', 'g');
SELECT cq.group_join('mine', 'g', 'm');
SELECT cq.topic_alter('mine', partitions => 2);
SELECT cq.topic_drop('mine');
SELECT cq.topic_grant('mine', 'topic_nobody', 'manage');
SELECT count(*) FROM cq.stat_topics;
SET ROLE topic_publisher;
SELECT record_offset FROM cq.topic_publish('mine', '1');
SELECT record_offset FROM cq.topic_publish_many('mine', ARRAY['2']::jsonb[]);
SELECT * FROM cq.topic_read('mine', 0);
SELECT cq.topic_offset('mine', 0, 'earliest');
SELECT cq.group_join('mine', 'g', 'm');
SELECT cq.topic_grant('mine', 'topic_nobody', 'publish');
SELECT topic FROM cq.stat_topics;
SET ROLE topic_consumer;
SELECT cq.group_create('mine', 'makes queues', kind => 'shared');
\set VERBOSITY default
SELECT cq.group_create('mine', 'makes queues', kind => 'shared');
\set VERBOSITY sqlstate
RESET ROLE;
GRANT EXECUTE ON FUNCTION cq.queue_create TO topic_consumer;
SET ROLE topic_consumer;
SELECT cq.group_create('mine', 'makes queues', kind => 'shared');
SELECT cq.group_drop('mine', 'makes queues');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION cq.queue_create FROM topic_consumer;
SET ROLE topic_consumer;
SELECT record_offset FROM cq.topic_read('mine', 0);
SELECT cq.topic_offset('mine', 0, 'latest');
SELECT cq.topic_publish('mine', '1');
SELECT cq.group_create('mine', 'cg', kind => 'exclusive');
SELECT cq.group_join('mine', 'cg', 'm') > 0;
SELECT record_offset FROM cq.topic_poll('mine', 'cg', 'm');
SELECT cq.topic_commit('mine', 'cg', 'm', 0, 0);
SELECT cq.topic_seek('mine', 'cg', 'earliest');
SELECT topic, group_name, member FROM cq.stat_groups;
SELECT member FROM cq.stat_group_members;
SELECT cq.topic_alter('mine', partitions => 2);
SELECT cq.topic_drop('mine');
-- privileges on a group
SET ROLE topic_helper;
SELECT cq.group_join('mine', 'cg', 'helper');
SELECT * FROM cq.topic_poll('mine', 'cg', 'm');
SELECT cq.group_leave('mine', 'cg', 'm');
SELECT cq.group_heartbeat('mine', 'cg', 'm');
SELECT cq.topic_commit('mine', 'cg', 'm', 0, 1);
SELECT cq.topic_seek('mine', 'cg', 'latest');
CALL cq.topic_wait('mine', 'cg', 'm', '0');
SELECT cq.group_grant('mine', 'cg', 'topic_helper', 'consume');
SELECT cq.group_drop('mine', 'cg');
SET ROLE topic_consumer;
SELECT cq.group_grant('mine', 'cg', 'topic_helper', 'consume');
SET ROLE topic_helper;
SELECT cq.group_join('mine', 'cg', 'helper') > 0;
SELECT record_offset FROM cq.topic_poll('mine', 'cg', 'helper');
SELECT cq.group_heartbeat('mine', 'cg', 'helper'), cq.group_leave('mine', 'cg', 'helper');
SELECT * FROM cq.topic_read('mine', 0);
SELECT cq.group_create('mine', 'hg');
SELECT cq.group_drop('mine', 'cg');
SELECT cq.group_grant('mine', 'cg', 'topic_nobody', 'consume');
SET ROLE topic_consumer;
SELECT cq.group_revoke('mine', 'cg', 'topic_helper', 'consume');
SELECT cq.group_grant('mine', 'cg', 'topic_helper', 'manage');
SELECT cq.group_grant('mine', 'cg', 'topic_helper', 'read');
SET ROLE topic_helper;
SELECT cq.group_join('mine', 'cg', 'helper');
SELECT cq.group_grant('mine', 'cg', 'topic_nobody', 'consume');
SELECT DISTINCT group_name FROM cq.stat_groups;
SELECT cq.group_drop('mine', 'cg');
-- passed on with the grant option, by SQL as for tables
SET ROLE topic_consumer;
SELECT carrier FROM cq.groups WHERE group_name = 'cg' \gset
GRANT DELETE ON :carrier TO topic_helper WITH GRANT OPTION;
SET ROLE topic_helper;
SELECT cq.group_grant('mine', 'cg', 'topic_nobody', 'consume');
SELECT cq.group_grant('mine', 'cg', 'topic_nobody', 'read');
SET ROLE topic_owner;
SELECT cq.group_revoke('mine', 'cg', 'topic_helper', 'all');
REVOKE DELETE ON :carrier FROM topic_helper CASCADE;
SELECT cq.group_owner('mine', 'cg', 'topic_helper');
SET ROLE topic_consumer;
SELECT cq.group_drop('mine', 'cg');
-- a group of somebody else's
SET ROLE topic_owner;
SELECT cq.group_create('mine', 'og');
SET ROLE topic_consumer;
SELECT cq.group_join('mine', 'og', 'm');
SELECT cq.topic_seek('mine', 'og', 'latest');
SELECT cq.group_drop('mine', 'og');
SET ROLE topic_manager;
SELECT cq.topic_alter('mine', partitions => 3);
SELECT cq.group_join('mine', 'og', 'm') > 0;
SELECT cq.group_drop('mine', 'og');
SELECT cq.topic_publish('mine', '1');
SELECT cq.topic_grant('mine', 'topic_nobody', 'publish');
SET ROLE topic_owner;
SELECT cq.group_drop('mine', 'og');
SELECT cq.topic_grant('mine', 'topic_nobody', 'publish');
SET ROLE topic_nobody;
SELECT record_offset >= 0 FROM cq.topic_publish('mine', '1');
SET ROLE topic_owner;
SELECT cq.topic_revoke('mine', 'topic_nobody', 'publish');
SET ROLE topic_nobody;
SELECT cq.topic_publish('mine', '1');
RESET ROLE;
SELECT cq.topic_grant('mine', 'public', 'consume');
SET ROLE topic_nobody;
SELECT count(*) FROM cq.topic_read('mine', 0);
RESET ROLE;
SELECT cq.topic_revoke('mine', 'public', 'consume');
SET ROLE topic_nobody;
SELECT count(*) FROM cq.topic_read('mine', 0);
-- a member of a role has its privileges
RESET ROLE;
GRANT topic_publisher TO topic_nobody;
SET ROLE topic_nobody;
SELECT record_offset >= 0 FROM cq.topic_publish('mine', '1');
-- consume taken back: not even one's own groups are left
RESET ROLE;
REVOKE topic_publisher FROM topic_nobody;
SELECT cq.topic_grant('mine', 'topic_nobody', 'consume');
SET ROLE topic_nobody;
SELECT cq.group_join('mine', 'own', 'm') > 0;
RESET ROLE;
SELECT cq.topic_revoke('mine', 'topic_nobody', 'consume');
SET ROLE topic_nobody;
SELECT * FROM cq.topic_poll('mine', 'own', 'm');
SELECT cq.group_grant('mine', 'own', 'topic_helper', 'consume');
RESET ROLE;

-- somebody meddled with the tables
SELECT cq.topic_create('meddled');
DO $$ BEGIN
	EXECUTE (SELECT format('ALTER TABLE cq.t%s_s0 ADD COLUMN surprise int', topic_id) FROM cq.topic WHERE name = 'meddled');
END $$;
SELECT cq.topic_publish('meddled', '1');
DO $$ BEGIN
	EXECUTE (SELECT format('DROP TABLE cq.t%s_s0', topic_id) FROM cq.topic WHERE name = 'meddled');
END $$;
SELECT cq.topic_drop('meddled');

SELECT cq.topic_drop(name) FROM cq.topic ORDER BY name;
REVOKE EXECUTE ON FUNCTION cq.topic_create FROM topic_owner;
REVOKE USAGE ON SCHEMA cq FROM topic_owner, topic_publisher, topic_consumer, topic_helper, topic_manager, topic_nobody;
DROP ROLE topic_owner, topic_publisher, topic_consumer, topic_helper, topic_manager, topic_nobody, topic_outsider;
