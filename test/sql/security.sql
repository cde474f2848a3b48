-- The security test: what roles without the right to must not be able to do.
--
-- Numbered sections, each an attack.  cq_attack_victim owns the objects that are attacked,
-- cq_attack_mallory has USAGE on the schema and what a section grants her;
-- cq_attack_super stands for a superuser.  try() runs a command and returns its SQLSTATE, or
-- "done"; "denied" is 42501.
--
-- Elsewhere: watches in detail (security_watch), carriers and search_path
-- (security_objects), hostile values by the thousand (make soak ARGS=surface).
\set SHOW_CONTEXT never
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
SET client_min_messages = error;

CREATE ROLE cq_attack_victim;
CREATE ROLE cq_attack_mallory;
CREATE ROLE cq_attack_group;
CREATE ROLE cq_attack_super SUPERUSER;
GRANT USAGE ON SCHEMA cq TO cq_attack_victim, cq_attack_mallory;
GRANT EXECUTE ON FUNCTION cq.queue_create, cq.topic_create, cq.exchange_create, cq.namespace_create
    TO cq_attack_victim, cq_attack_mallory;
CREATE SCHEMA cq_attack;
GRANT ALL ON SCHEMA cq_attack TO cq_attack_victim, cq_attack_mallory;
CREATE FUNCTION cq_attack.try(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
    RETURN 'done';
EXCEPTION WHEN insufficient_privilege THEN
    RETURN 'denied';
WHEN OTHERS THEN
    RETURN sqlstate;
END $$;
-- the same for what returns a value
CREATE FUNCTION cq_attack.value(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE command INTO result;
    RETURN coalesce(result, 'NULL');
EXCEPTION WHEN insufficient_privilege THEN
    RETURN 'denied';
WHEN OTHERS THEN
    RETURN sqlstate;
END $$;
SET search_path = cq_attack;

SET ROLE cq_attack_victim;
SELECT cq.queue_create('v'), cq.topic_create('v'), cq.exchange_create('v', 'fanout'), cq.namespace_create('v');
SELECT cq.group_create('v', 'v'), cq.exchange_bind('v', 'queue', 'v');
SELECT cq.queue_send('v', '"secret"'), (cq.topic_publish('v', '"secret"')).record_offset, cq.cache_set('k', 'secret', namespace => 'v');

\echo # 1. internal functions, with NULL, nothing, and arrays of all shapes
RESET ROLE;
CREATE VIEW internal_calls AS
SELECT p.proname, p.proisstrict AS strict,
       format('SELECT cq.%I(%s)', p.proname,
              (SELECT string_agg(CASE WHEN a.type::text ~ '\[\]$' THEN format('%L::%s', shape, a.type)
                                      WHEN a.type::text IN ('oid', 'regclass') THEN format('%L::%s', value, a.type)
                                      WHEN a.type::text = 'jsonb' THEN format('%L::%s', '{}', a.type)
                                      ELSE format('NULL::%s', a.type) END, ', ' ORDER BY a.n)
               FROM unnest(p.proargtypes::regtype[]) WITH ORDINALITY AS a (type, n))) AS call
FROM pg_proc AS p,
     unnest(ARRAY[NULL, '{}', '{NULL}', '{1,NULL}', '{{1,2},{3,4}}', '[5:6]={1,2}']) AS shape,
     unnest(ARRAY[NULL, '0', '1259', '4294967295']) AS value
WHERE p.pronamespace = 'cq'::regnamespace AND p.proname ^@ '_';
GRANT SELECT ON internal_calls TO cq_attack_mallory;
SET ROLE cq_attack_mallory;
SELECT count(*) > 100, count(DISTINCT proname) > 15 FROM internal_calls;
-- (39P01: the trigger functions of watched tables, which everybody may name in CREATE TRIGGER)
SELECT DISTINCT CASE state WHEN 'denied' THEN '' ELSE proname || ' ' END || state AS result
FROM (SELECT proname, try(call) AS state FROM internal_calls WHERE NOT strict OR call !~ 'NULL::') AS calls ORDER BY 1;
-- (strict ones are not even called with NULL)
SELECT DISTINCT value(call) FROM internal_calls WHERE strict AND call ~ 'NULL::';

\echo # 2. the other functions, by somebody with USAGE and no more
RESET ROLE;
CREATE ROLE cq_attack_nobody;
GRANT USAGE ON SCHEMA cq, cq_attack TO cq_attack_nobody;
CREATE VIEW public_calls AS
SELECT p.proname,
       format('%s cq.%I(%s%s)', CASE p.prokind WHEN 'p' THEN 'CALL' ELSE 'SELECT' END, p.proname,
              (SELECT string_agg(CASE WHEN a.type::text ~ '\[\]$' THEN format('%L::%s', shape, a.type)
                                      WHEN a.type::text = 'text' THEN format('%L::%s', value, a.type)
                                      ELSE format('NULL::%s', a.type) END, ', ' ORDER BY a.n)
               FROM unnest((p.proargtypes::regtype[])[0:p.pronargs - CASE WHEN p.provariadic = 0 THEN 1 ELSE 2 END]) WITH ORDINALITY AS a (type, n)),
              CASE WHEN p.provariadic <> 0 THEN
                  format('%sVARIADIC %L::%s', CASE WHEN p.pronargs > 1 THEN ', ' END, shape, p.proargtypes[p.pronargs - 1]::regtype)
              END) AS call
FROM pg_proc AS p,
     unnest(ARRAY[NULL, '{}', '{NULL}', '{1,NULL}', '{{1,2},{3,4}}', '[5:6]={1,2}']) AS shape,
     unnest(ARRAY[NULL, '', 'v', 'v.dead', 'default', repeat('x', 3000)]) AS value
WHERE p.pronamespace = 'cq'::regnamespace AND p.proname !~ '^(_|stat_|channel_)'
  AND p.prorettype <> 'record'::regtype;
GRANT SELECT ON public_calls TO cq_attack_nobody;
SET ROLE cq_attack_nobody;
SELECT count(*) > 2000, count(DISTINCT proname) > 60 FROM public_calls;
-- what does something without any privilege on an object
SELECT DISTINCT proname FROM (SELECT proname, try(call) AS state FROM public_calls) AS calls WHERE state = 'done' ORDER BY 1;
-- and with valid arguments
SELECT name, value(command) FROM (VALUES
    ('send', $$SELECT cq.queue_send('v', '1')$$), ('receive', $$SELECT cq.queue_receive('v')$$), ('take', $$SELECT cq.queue_take('v')$$),
    ('peek', $$SELECT cq.queue_peek('v')$$), ('alter', $$SELECT cq.queue_alter('v', max_length => 1)$$), ('pause', $$SELECT cq.queue_pause('v')$$),
    ('purge', $$SELECT cq.queue_purge('v')$$), ('drop', $$SELECT cq.queue_drop('v')$$), ('owner', $$SELECT cq.queue_owner('v', 'cq_attack_nobody')$$),
    ('grant', $$SELECT cq.queue_grant('v', 'cq_attack_nobody', 'send')$$), ('once', $$SELECT cq.queue_once('c', 'v', 1)$$),
    ('redrive', $$SELECT cq.queue_redrive('v.dead')$$), ('create', $$SELECT cq.queue_create('n')$$),
    ('publish', $$SELECT cq.topic_publish('v', '1')$$), ('read', $$SELECT cq.topic_read('v', 0)$$), ('join', $$SELECT cq.group_join('v', 'v', 'm')$$),
    ('join new', $$SELECT cq.group_join('v', 'w', 'm')$$), ('seek', $$SELECT cq.topic_seek('v', 'v', 'latest')$$), ('group drop', $$SELECT cq.group_drop('v', 'v')$$),
    ('topic alter', $$SELECT cq.topic_alter('v', 5)$$), ('topic drop', $$SELECT cq.topic_drop('v')$$), ('exchange publish', $$SELECT cq.exchange_publish('v', '', '1')$$),
    ('bind', $$SELECT cq.exchange_bind('v', 'queue', 'v', 'k')$$), ('unbind', $$SELECT cq.exchange_unbind('v', 'queue', 'v')$$), ('route', $$SELECT cq.exchange_route('v', '')$$),
    ('get', $$SELECT cq.cache_get('k', 'v')$$), ('set', $$SELECT cq.cache_set('k', 'x', namespace => 'v')$$), ('delete', $$SELECT cq.cache_delete('k', 'v')$$),
    ('clear', $$SELECT cq.cache_clear('v')$$), ('fetch', $$SELECT cq.cache_fetch('k', 'SELECT 1', namespace => 'v')$$), ('namespace drop', $$SELECT cq.namespace_drop('v')$$),
    ('write behind', $$SELECT cq.cache_write_behind('v', 'pg_class', 'logged')$$), ('watch', $$SELECT cq.cache_watch('pg_class')$$)) AS v (name, command)
WHERE value(command) <> 'denied';
SELECT (SELECT count(*) FROM cq.queues) + (SELECT count(*) FROM cq.topics) + (SELECT count(*) FROM cq.groups) + (SELECT count(*) FROM cq.exchanges)
     + (SELECT count(*) FROM cq.namespaces) + (SELECT count(*) FROM cq.privileges) + (SELECT count(*) FROM cq.stat_queues) + (SELECT count(*) FROM cq.stat_topics)
     + (SELECT count(*) FROM cq.stat_groups) + (SELECT count(*) FROM cq.exchange_bindings) + (SELECT count(*) FROM cq.queue_segments) + (SELECT count(*) FROM cq.cache_watches)
     + (SELECT count(*) FROM cq.cache_pending) + (SELECT count(*) FROM cq.stat_write_behind) + (SELECT count(*) FROM cq.cache_dead_letters) AS sees;

\echo # 3. relations of the schema
SELECT privilege, string_agg(c.relname, ' ' ORDER BY c.relname COLLATE "C")
FROM pg_class AS c, unnest('{INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) AS privilege
WHERE c.relnamespace = 'cq'::regnamespace AND c.relkind IN ('r', 'v', 'p') AND has_table_privilege(c.oid, privilege) GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM pg_class AS c
WHERE c.relnamespace = 'cq'::regnamespace AND c.relkind = 'r' AND has_table_privilege(c.oid, 'SELECT')
   OR c.relnamespace = 'cq'::regnamespace AND c.relkind = 'S' AND has_sequence_privilege(c.oid, 'USAGE,SELECT,UPDATE');
SELECT try('CREATE VIEW cq.queue_77777 AS SELECT 1'), try('CREATE TABLE cq.q77777_s0 ()'), try('DROP EVENT TRIGGER cachequeue_ddl'),
    try('DROP EXTENSION cachequeue'), try('ALTER EXTENSION cachequeue DROP TABLE cq.queue');
-- more than SELECT on a view would let everybody lock what is below it: the namespaces, and even
-- pg_class, without which nobody can do anything in this database
BEGIN;
SELECT try('LOCK TABLE cq.cache_dead_letters IN ACCESS EXCLUSIVE MODE');
SELECT relation::regclass FROM pg_locks WHERE pid = pg_backend_pid() AND mode = 'AccessExclusiveLock' ORDER BY relation::regclass::text COLLATE "C";
ROLLBACK;

\echo # 4. the namespace default: closed, and what was granted can be revoked
SELECT value($$SELECT cq.cache_get('cq_attack')$$), value($$SELECT cq.cache_set('cq_attack', 'x')$$), value($$SELECT cq.cache_clear()$$);
RESET ROLE;
SELECT cq.namespace_grant('default', 'cq_attack_nobody', 'read');
SET ROLE cq_attack_nobody;
SELECT value($$SELECT cq.cache_get('cq_attack')$$), value($$SELECT cq.cache_set('cq_attack', 'x')$$), value($$SELECT cq.cache_incr('cq_attack')$$), value($$SELECT cq.cache_touch('cq_attack', '1 s')$$),
    value($$SELECT cq.cache_delete('cq_attack')$$), value($$SELECT cq.cache_fetch('cq_attack', 'SELECT 1')$$), value($$SELECT cq.cache_clear()$$),
    value($$SELECT cq.namespace_grant('default', 'public', 'write')$$), value($$SELECT cq.namespace_drop('default')$$);
RESET ROLE;
SELECT cq.namespace_revoke('default', 'cq_attack_nobody', 'read');
SET ROLE cq_attack_nobody;
SELECT value($$SELECT cq.cache_get('cq_attack')$$);
RESET ROLE;

\echo # 5. tags need a privilege
SELECT cq.namespace_grant('default', 'cq_attack_victim', 'read,write');
SET ROLE cq_attack_victim;
SELECT lease AS l FROM cq.cache_get_or_lease('tagged') \gset
SELECT cq.cache_set('tagged', 'yes', tags => '{user:17}', lease => :l);
SET ROLE cq_attack_mallory;
SELECT value($$SELECT cq.cache_invalidate('user:17')$$);
SET ROLE cq_attack_victim;
SELECT cq.cache_get('tagged');
-- nor by watching a table of one's own
SET ROLE cq_attack_mallory;
CREATE TABLE tags (tag text);
SELECT try($$SELECT cq.cache_watch('tags', ARRAY['{tag}'])$$);
INSERT INTO tags VALUES ('user:17');
DROP TABLE tags;
SET ROLE cq_attack_victim;
SELECT cq.cache_get('tagged');

\echo # 6. forging entries of others by triggers and write-through
SET ROLE cq_attack_mallory;
CREATE TABLE forge (id int PRIMARY KEY, v text);
SELECT try($$SELECT cq.cache_watch('forge', write_through => '{"key": "k", "namespace": "v"}')$$);
SELECT try($$SELECT cq.cache_watch('forge', write_through => '{"key": "k{id}", "namespace": "v"}')$$);
CREATE TRIGGER t AFTER INSERT ON forge FOR EACH ROW EXECUTE FUNCTION cq._watch_write('k', 'v', '1');
SELECT try($$INSERT INTO forge VALUES (1, 'forged')$$);
DROP TRIGGER t ON forge;
-- each of the trigger functions, at every occasion there is; nothing may come of it but errors
CREATE TABLE watched (id int PRIMARY KEY, v text);
SELECT cq.cache_watch('watched');
CREATE VIEW forge_view AS SELECT * FROM forge;
CREATE TEMP TABLE forge_temp (LIKE forge);
DO $$
DECLARE
    made int := 0;
    command text;
    statement text;
    target text;
BEGIN
    FOR command, target IN
        SELECT format('CREATE %s TRIGGER t %s %s ON %s %s FOR EACH %s EXECUTE FUNCTION cq.%s(%s)',
                      CASE time WHEN 'DEFERRED' THEN 'CONSTRAINT' END, CASE time WHEN 'DEFERRED' THEN 'AFTER' ELSE time END, event, r,
                      CASE time WHEN 'DEFERRED' THEN 'INITIALLY DEFERRED' END, level, f, args), r
        FROM unnest('{forge,watched,forge_view,forge_temp}'::text[]) AS r, unnest('{BEFORE,AFTER,INSTEAD OF,DEFERRED}'::text[]) AS time,
             unnest('{INSERT,UPDATE,UPDATE OF v,DELETE,TRUNCATE}'::text[]) AS event, unnest('{ROW,STATEMENT}'::text[]) AS level,
             unnest('{_watch_row,_watch_statement,_watch_truncate,_watch_write}'::text[]) AS f, unnest(ARRAY['', $a$'k{id}', 'v'$a$]) AS args
    LOOP
        CONTINUE WHEN try(command) <> 'done';
        made := made + 1;
        FOREACH statement IN ARRAY '{INSERT INTO %s VALUES (1\, NULL)\,(2\,repeat($a$x$a$\,5000)),UPDATE %s SET id = id + 10,UPDATE %s SET v = v || v,DELETE FROM %s,TRUNCATE %s}'::text[] LOOP
            PERFORM try(format(statement, target) || '; SET CONSTRAINTS ALL IMMEDIATE');
        END LOOP;
        EXECUTE format('DROP TRIGGER t ON %s', target);
        PERFORM try(format('TRUNCATE %s', target));
    END LOOP;
    RAISE INFO 'many triggers: %', made > 500;
END $$;
SELECT try('CREATE TRIGGER t AFTER INSERT ON forge EXECUTE FUNCTION cq._namespace_changed()'), try('CREATE TRIGGER t AFTER INSERT ON forge EXECUTE FUNCTION cq._queue_changed()'),
    try('CREATE EVENT TRIGGER t ON sql_drop EXECUTE FUNCTION cq._sql_drop()'), try('SELECT cq._ddl_command_end()');
SET ROLE cq_attack_victim;
SELECT cq.cache_get('k', 'v'), cq.cache_get('k1', 'v');

\echo # 7. a writer whose privilege was revoked
SELECT cq.namespace_grant('v', 'cq_attack_mallory', 'write'), cq.queue_grant('v', 'cq_attack_mallory', 'send'), cq.topic_grant('v', 'cq_attack_mallory', 'publish');
SET ROLE cq_attack_mallory;
SELECT cq.cache_watch('forge', write_through => '{"key": "forge{id}", "namespace": "v"}');
INSERT INTO forge VALUES (1, 'allowed');
PREPARE send AS SELECT cq.queue_send('v', '"more"') > 0;
EXECUTE send;
SET ROLE cq_attack_victim;
SELECT cq.cache_get_jsonb('forge1', 'v');
SELECT cq.namespace_revoke('v', 'cq_attack_mallory', 'write'), cq.queue_revoke('v', 'cq_attack_mallory', 'send'), cq.topic_revoke('v', 'cq_attack_mallory', 'publish');
SET ROLE cq_attack_mallory;
UPDATE forge SET v = 'forged';
INSERT INTO forge VALUES (2, 'forged');
EXECUTE send;
SELECT value($$SELECT cq.topic_publish('v', '1')$$), value($$SELECT cq.cache_set('k', 'x', namespace => 'v')$$);
SET ROLE cq_attack_victim;
SELECT cq.cache_get_jsonb('forge1', 'v'), cq.cache_get_jsonb('forge2', 'v');
-- a namespace of the same name is not the same
SELECT cq.namespace_create('again'), cq.namespace_grant('again', 'cq_attack_mallory', 'write');
SET ROLE cq_attack_mallory;
SELECT cq.cache_watch('forge', write_through => '{"key": "forge{id}", "namespace": "again"}');
SET ROLE cq_attack_victim;
SELECT cq.namespace_drop('again'), cq.namespace_create('again'), cq.namespace_grant('again', 'cq_attack_mallory', 'write');
SET ROLE cq_attack_mallory;
INSERT INTO forge VALUES (3, 'forged');
SET ROLE cq_attack_victim;
SELECT cq.cache_get_jsonb('forge3', 'again');
SELECT cq.namespace_drop('again');

\echo # 8. objects of others, by their carriers and by names
RESET ROLE;
CREATE TABLE carriers AS
SELECT 'queue' AS kind, carrier::oid FROM cq.queues WHERE queue = 'v' UNION ALL SELECT 'topic', carrier FROM cq.topics WHERE topic = 'v'
UNION ALL SELECT 'group', carrier FROM cq.groups WHERE topic = 'v' UNION ALL SELECT 'exchange', carrier FROM cq.exchanges WHERE exchange = 'v'
UNION ALL SELECT 'namespace', carrier FROM cq.namespaces WHERE namespace = 'v';
GRANT SELECT ON carriers TO cq_attack_mallory;
SET ROLE cq_attack_mallory;
SELECT attack, string_agg(DISTINCT try(format(attack, carrier::regclass)), ' ') FROM carriers,
    unnest(ARRAY['DROP VIEW %s', 'DROP VIEW %s CASCADE', 'ALTER VIEW %s RENAME TO x', 'ALTER VIEW %s SET SCHEMA cq_attack', 'ALTER VIEW %s OWNER TO cq_attack_mallory',
                 'CREATE OR REPLACE VIEW %s AS SELECT 1 AS x', 'CREATE RULE r AS ON INSERT TO %s DO INSTEAD NOTHING',
                 'CREATE TRIGGER t INSTEAD OF INSERT ON %s FOR EACH ROW EXECUTE FUNCTION cq._watch_row()', 'GRANT ALL ON %s TO cq_attack_mallory WITH GRANT OPTION',
                 'SELECT * FROM %s', 'DELETE FROM %s', 'INSERT INTO %s VALUES (1)', 'LOCK TABLE %s IN ACCESS SHARE MODE', 'COMMENT ON VIEW %s IS ''x''']) WITH ORDINALITY AS a (attack, n)
GROUP BY attack, n ORDER BY n;
SELECT value($$SELECT cq.queue_send('v', '1')$$), value($$SELECT cq.cache_get('k', 'v')$$);
-- one's own carrier may look as one likes: nobody reads it, and nothing but one's own object goes by it
SELECT cq.queue_create('m'), cq.namespace_create('m');
CREATE TABLE ran_as (who text);
GRANT INSERT ON ran_as TO PUBLIC;
CREATE FUNCTION evil() RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO cq_attack.ran_as VALUES (current_user); RETURN 'v'; END $$;
SELECT format('ALTER VIEW %s SET SCHEMA cq_attack', carrier) AS move FROM cq.queues WHERE queue = 'm' \gset
SELECT (SELECT relname FROM pg_class WHERE oid = carrier) AS name FROM cq.queues WHERE queue = 'm' \gset
:move;
CREATE OR REPLACE VIEW cq_attack.:"name" AS SELECT cq_attack.evil() AS queue;
CREATE RULE r AS ON DELETE TO cq_attack.:"name" DO INSTEAD SELECT cq_attack.evil();
ALTER VIEW cq_attack.:"name" RENAME TO "x""; DROP ROLE cq_attack_victim; --";
SELECT cq.queue_send('m', '1') > 0, cq.queue_grant('m', 'cq_attack_victim', 'all');
RESET ROLE;
SELECT cq.queue_grant('m', 'cq_attack_victim', 'send'), cq.grant_on_all('queue', 'cq_attack_victim', 'peek') > 0, cq.revoke_on_all('queue', 'cq_attack_victim', 'peek') > 0;
SELECT count(*) FILTER (WHERE queue = 'm') FROM cq.queues;
SELECT count(*) > 0 FROM cq.privileges, cq.stat_queues;
SELECT cq.queue_drop('m'), cq.queue_drop('m.dead'), cq.namespace_drop('m');
SELECT * FROM ran_as;
-- the queue of a shared group by the names of others
SET ROLE cq_attack_mallory;
SELECT cq.queue_create('v.shared', dead_letter => NULL);
SET ROLE cq_attack_victim;
SELECT try($$SELECT cq.group_create('v', 'shared', 'shared')$$);
SET ROLE cq_attack_mallory;
SELECT cq.queue_drop('v.shared'), cq.queue_drop('v.shared.dead');
SELECT cq.topic_create('v.a');
SELECT cq.group_create('v.a', 'b', 'shared');
SET ROLE cq_attack_victim;
-- topic v, group a.b is not topic v.a, group b
SELECT try($$SELECT cq.group_create('v', 'a.b', 'shared')$$), try($$SELECT cq.group_drop('v', 'a.b')$$), try($$SELECT cq.queue_drop('v.a.b')$$), try($$SELECT cq.group_drop('v.a', 'b')$$);
SET ROLE cq_attack_mallory;
SELECT try($$SELECT cq.queue_drop('v.a.b')$$);
SELECT cq.topic_drop('v.a');
-- a view on what is below does not keep the owner from dropping his queue
RESET ROLE;
SELECT format('CREATE TEMP VIEW blocker AS SELECT * FROM cq.q%s_s0', queue_id) AS block FROM cq.queue WHERE name = 'v.dead' \gset
SET ROLE cq_attack_nobody;
:block;
SET ROLE cq_attack_victim;
SELECT try($$SELECT cq.queue_alter('v', reset => '{dead_letter}'); SELECT cq.queue_drop('v.dead')$$);
SET ROLE cq_attack_nobody;
SELECT to_regclass('blocker');
SET ROLE cq_attack_victim;
SELECT cq.queue_create('v.dead'), cq.queue_alter('v', dead_letter => 'v.dead');

\echo # 9. dead letters
SET ROLE cq_attack_mallory;
SELECT cq.queue_create('pay.dead');
SET ROLE cq_attack_victim;
SELECT try($$SELECT cq.queue_create('pay')$$), try($$SELECT cq.queue_create('pay', dead_letter => 'pay.dead')$$), try($$SELECT cq.queue_alter('v', dead_letter => 'pay.dead')$$);
SELECT count(*) FROM cq.queues WHERE queue = 'pay';
-- a superuser owns everything, and yet his queue does not adopt the stranger's
SET ROLE cq_attack_super;
SELECT try($$SELECT cq.queue_create('pay')$$);
RESET ROLE;
SELECT cq.queue_drop('pay.dead');
-- redrive: by one's own rights, to where one may send
SET ROLE cq_attack_victim;
SELECT cq.queue_grant('v.dead', 'cq_attack_mallory', 'consume');
SELECT cq.queue_purge('v') > 0, cq.queue_send('v', '"secret"') > 0;
SELECT cq.queue_reject('v', receipt) FROM cq.queue_receive('v');
SET ROLE cq_attack_mallory;
SELECT try($$SELECT cq.queue_redrive('v.dead')$$), try($$SELECT cq.queue_redrive('v.dead', target => 'v')$$);
SET ROLE cq_attack_victim;
SELECT cq.queue_revoke('v.dead', 'cq_attack_mallory', 'all'), cq.queue_grant('v.dead', 'cq_attack_mallory', 'send'), cq.queue_purge('v.dead');
-- nor where somebody else may, by saying that a letter comes from there
SELECT cq.queue_create('payroll');
SET ROLE cq_attack_mallory;
SELECT value($$SELECT cq.queue_send('payroll', '"forged"')$$), value($$SELECT cq.queue_send('v.dead', '"forged"', headers => '{"dead_letter": {"queue": "payroll"}}')$$);
SET ROLE cq_attack_victim;
SELECT cq.queue_redrive('v.dead');
SELECT body FROM cq.queue_take('payroll');
SELECT cq.queue_revoke('v.dead', 'cq_attack_mallory', 'all'), cq.queue_drop('payroll'), cq.queue_drop('payroll.dead');

\echo # 10. receipts
SELECT cq.queue_create('r1'), cq.queue_create('r2'), cq.queue_create('r3', durable_leases => true);
SELECT count(cq.queue_send(q, '1')) FROM unnest('{r1,r2,r3,r1,r2,r3}'::text[]) AS q;
SELECT receipt AS r1 FROM cq.queue_receive('r1') \gset
SELECT receipt AS r2 FROM cq.queue_receive('r2') \gset
SELECT receipt AS r3 FROM cq.queue_receive('r3') \gset
-- of another queue, and made from others
SELECT try(format('SELECT cq.queue_ack(%L, %L)', q, r)) FROM (VALUES ('r1', :'r2'), ('r1', :'r3'), ('r3', :'r1')) AS v (q, r);
SELECT DISTINCT value(format('SELECT cq.queue_ack(%L, %L)', q, overlay(r PLACING chr(CASE WHEN substr(r, i, 1) = 'A' THEN 66 ELSE 65 END) FROM i)))
FROM (VALUES ('r1', :'r1'), ('r3', :'r3')) AS v (q, r), generate_series(1, length(r)) AS i
WHERE value(format('SELECT cq.queue_ack(%L, %L)', q, overlay(r PLACING chr(CASE WHEN substr(r, i, 1) = 'A' THEN 66 ELSE 65 END) FROM i))) NOT IN ('22023', '0');
SELECT DISTINCT value(format('SELECT cq.queue_ack(%L, %L)', q, r))
FROM unnest('{r1,r3}'::text[]) AS q, unnest(ARRAY['', 'x', repeat('A', 43), repeat('A', 44), repeat('/', 44), repeat('=', 44), repeat('A', 5000), NULL]) AS r
WHERE value(format('SELECT cq.queue_ack(%L, %L)', q, r)) NOT IN ('22023', '22004', '0');
SELECT try($$SELECT cq.queue_ack('r1', VARIADIC '{}')$$), try($$SELECT cq.queue_ack('r1', VARIADIC '{NULL}')$$), try($$SELECT cq.queue_ack('r1', VARIADIC '{{a},{b}}')$$);
-- good ones need the privilege
SET ROLE cq_attack_mallory;
SELECT try(format('SELECT cq.queue_ack(%L, %L)', 'r1', :'r1')), try(format('SELECT cq.queue_nack(%L, %L)', 'r1', :'r1')), try(format('SELECT cq.queue_extend(%L, %L)', 'r3', :'r3')),
    try(format('SELECT cq.queue_reject(%L, %L)', 'r3', :'r3'));
SET ROLE cq_attack_victim;
-- of a queue that is gone, for another one of its name
SELECT cq.queue_drop('r1'), cq.queue_drop('r3'), cq.queue_drop('r1.dead'), cq.queue_drop('r3.dead');
SELECT cq.queue_create('r1'), cq.queue_create('r3', durable_leases => true);
SELECT cq.queue_send('r1', '1'), cq.queue_send('r3', '1');
SELECT count(*) FROM cq.queue_receive('r1');
SELECT count(*) FROM cq.queue_receive('r3');
SELECT try(format('SELECT cq.queue_ack(%L, %L)', q, r)) FROM (VALUES ('r1', :'r1'), ('r3', :'r3')) AS v (q, r);
SELECT cq.queue_ack('r2', :'r2'), cq.queue_ack('r2', :'r2');
SELECT count(cq.queue_drop(q)) FROM unnest('{r1,r2,r3,r1.dead,r2.dead,r3.dead}'::text[]) AS q;

\echo # 11. groups and topics
SELECT cq.group_grant('v', 'v', 'cq_attack_mallory', 'read');
SET ROLE cq_attack_mallory;
SELECT value($$SELECT cq.group_join('v', 'v', 'm')$$), value($$SELECT cq.topic_poll('v', 'v', 'm')$$), value($$SELECT cq.topic_commit('v', 'v', 'm', 0, 0)$$),
    value($$SELECT cq.topic_read('v', 0)$$), value($$SELECT cq.group_drop('v', 'v')$$), value($$SELECT cq.group_grant('v', 'v', 'cq_attack_mallory', 'consume')$$),
    value($$SELECT cq.group_create('v', 'mine')$$);
SET ROLE cq_attack_victim;
SELECT cq.topic_grant('v', 'cq_attack_mallory', 'consume');
SET ROLE cq_attack_mallory;
SELECT cq.group_join('v', 'mine', 'm') > 0, cq.group_create('v', 'feed', 'shared');
SELECT body FROM cq.topic_poll('v', 'mine', 'm');
CALL cq.queue_wait('v.feed', '1 min');
SELECT body FROM cq.queue_take('v.feed');
SELECT value($$SELECT cq.group_join('v', 'v', 'm')$$), value($$SELECT cq.topic_publish('v', '1')$$), value($$SELECT cq.topic_alter('v', partitions => 9)$$);
-- her group is worth nothing without the privilege on the topic
SET ROLE cq_attack_victim;
SELECT cq.topic_revoke('v', 'cq_attack_mallory', 'consume');
SELECT record_offset FROM cq.topic_publish('v', '"after the revoke"');
SET ROLE cq_attack_mallory;
SELECT value($$SELECT body FROM cq.topic_poll('v', 'mine', 'm')$$), value($$SELECT cq.topic_seek('v', 'mine', 'earliest')$$), value($$SELECT cq.topic_seek('v', 'feed', 'earliest')$$);
-- and a shared group is not fed
RESET ROLE;
CALL cq.topic_maintain();
SET ROLE cq_attack_mallory;
CALL cq.queue_wait('v.feed', '1 s');
SELECT body FROM cq.queue_take('v.feed');
SET ROLE cq_attack_victim;
SELECT cq.group_drop('v', 'feed'), cq.group_drop('v', 'mine'), cq.group_revoke('v', 'v', 'cq_attack_mallory', 'all');

\echo # 12. exchanges
SET ROLE cq_attack_mallory;
SELECT cq.exchange_create('m', 'fanout');
SELECT try($$SELECT cq.exchange_bind('m', 'queue', 'v')$$), try($$SELECT cq.exchange_bind('m', 'topic', 'v')$$), try($$SELECT cq.exchange_bind('m', 'exchange', 'v')$$), try($$SELECT cq.exchange_alter('m', 'v')$$),
    try($$SELECT cq.exchange_create('m2', 'fanout', 'v')$$), try($$SELECT cq.exchange_bind('v', 'exchange', 'm')$$), try($$SELECT cq.exchange_unbind('v', 'queue', 'v')$$);
SET ROLE cq_attack_victim;
-- the owner of a target ends what others have bound
SELECT cq.queue_grant('v', 'cq_attack_mallory', 'send');
SET ROLE cq_attack_mallory;
SELECT cq.exchange_bind('m', 'queue', 'v');
SET ROLE cq_attack_victim;
SELECT cq.queue_revoke('v', 'cq_attack_mallory', 'send'), cq.exchange_unbind('m', 'queue', 'v');
SET ROLE cq_attack_mallory;
SELECT cq.exchange_publish('m', '', '"forged"'), cq.exchange_drop('m');

\echo # 13. cached results of others
RESET ROLE;
SELECT cq.namespace_grant('default', 'cq_attack_mallory', 'read,write');
CREATE TABLE private (id int PRIMARY KEY, who text, v text);
INSERT INTO private VALUES (1, 'cq_attack_mallory', 'hers'), (2, 'cq_attack_victim', 'his');
ALTER TABLE private OWNER TO cq_attack_victim;
SELECT cq.cache_watch('private');
CREATE FUNCTION rows() RETURNS text LANGUAGE sql AS $$ SELECT cq_attack.value($q$SELECT cq.cache_fetch('rows', 'SELECT count(v) FROM cq_attack.private')$q$) $$;
SET ROLE cq_attack_victim;
SELECT rows(), rows();
SET ROLE cq_attack_mallory;
SELECT rows(), value($$SELECT cq.cache_get('rows')$$);
-- grants, one after the other; each is asked for at every hit
CREATE FUNCTION try_as_mallory() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT cq_attack.rows() $$;
RESET ROLE;
GRANT SELECT ON private TO cq_attack_mallory;
SELECT try_as_mallory(), try_as_mallory();
REVOKE SELECT ON private FROM cq_attack_mallory;
SELECT try_as_mallory();
GRANT SELECT (id) ON private TO cq_attack_mallory;
SELECT try_as_mallory();
GRANT SELECT (v) ON private TO cq_attack_mallory;
SELECT try_as_mallory();
REVOKE SELECT (v) ON private FROM cq_attack_mallory;
SELECT try_as_mallory();
GRANT cq_attack_victim TO cq_attack_mallory;
SELECT try_as_mallory();
-- since 16 the grant says whether it is inherited, as the role did when it was made
ALTER ROLE cq_attack_mallory NOINHERIT;
REVOKE cq_attack_victim FROM cq_attack_mallory;
GRANT cq_attack_victim TO cq_attack_mallory;
SELECT try_as_mallory();
ALTER ROLE cq_attack_mallory INHERIT;
REVOKE cq_attack_victim FROM cq_attack_mallory;
SELECT try_as_mallory();
GRANT pg_read_all_data TO cq_attack_mallory;
SELECT try_as_mallory();
REVOKE pg_read_all_data FROM cq_attack_mallory;
SELECT try_as_mallory();
GRANT SELECT ON private TO cq_attack_mallory;
REVOKE USAGE ON SCHEMA cq_attack FROM cq_attack_mallory;
SET ROLE cq_attack_mallory;
SELECT cq.cache_fetch('rows', 'SELECT count(v) FROM cq_attack.private');
RESET ROLE;
GRANT ALL ON SCHEMA cq_attack TO cq_attack_mallory;
-- row-level security: by the row, by policies for groups, for the owner, for attributes of the role
ALTER TABLE private ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON private USING (who = current_user);
CREATE POLICY group_rows ON private TO cq_attack_group USING (true);
SELECT try_as_mallory(), try_as_mallory();
GRANT cq_attack_group TO cq_attack_mallory;
SELECT try_as_mallory(), try_as_mallory();
REVOKE cq_attack_group FROM cq_attack_mallory;
SELECT try_as_mallory();
ALTER ROLE cq_attack_mallory BYPASSRLS;
SELECT try_as_mallory();
ALTER ROLE cq_attack_mallory NOBYPASSRLS SUPERUSER;
SELECT try_as_mallory();
ALTER ROLE cq_attack_mallory NOSUPERUSER;
SELECT try_as_mallory();
GRANT cq_attack_victim TO cq_attack_mallory;
SELECT try_as_mallory();
REVOKE cq_attack_victim FROM cq_attack_mallory;
SELECT try_as_mallory();
DROP POLICY own_rows ON private;
SELECT try_as_mallory();
-- a view is its owner's look at the table
CREATE POLICY own_rows ON private USING (who = current_user);
SET ROLE cq_attack_victim;
CREATE VIEW private_view AS SELECT * FROM private;
GRANT SELECT ON private_view TO cq_attack_mallory;
SET ROLE cq_attack_mallory;
SELECT cq.cache_fetch('view', 'SELECT count(v) FROM cq_attack.private_view');
RESET ROLE;
ALTER TABLE private OWNER TO cq_attack_super;
SET ROLE cq_attack_mallory;
SELECT value($$SELECT cq.cache_fetch('view', 'SELECT count(v) FROM cq_attack.private_view')$$), value($$SELECT count(v) FROM cq_attack.private_view$$);
-- the settings of a caller are not those of the others
RESET ROLE;
CREATE TABLE shared (t timestamptz, d date, v text);
INSERT INTO shared VALUES ('2020-01-01 12:00+0', '2020-02-03', NULL);
SELECT cq.cache_watch('shared');
GRANT SELECT ON shared TO cq_attack_victim;
SET ROLE cq_attack_victim;
CREATE FUNCTION cached(query text) RETURNS jsonb LANGUAGE sql SECURITY DEFINER SET search_path = cq_attack, pg_temp AS 'SELECT cq.cache_fetch(''shared'', query)';
SET ROLE cq_attack_mallory;
SET transform_null_equals = on;
SET DateStyle = 'SQL, DMY';
CREATE TEMP TABLE shared (t timestamptz, d date, v text);
SELECT cached('SELECT count(*) FROM shared WHERE v = NULL'), cached('SELECT d::text FROM shared');
\c -
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = error;
SET search_path = cq_attack;
SET DateStyle = 'ISO, MDY';
SET ROLE cq_attack_victim;
SELECT cached('SELECT count(*) FROM shared WHERE v = NULL'), cached('SELECT d::text FROM shared');
RESET DateStyle;

\echo # 14. privileges in a session that is in use
RESET ROLE;
SELECT cq.namespace_revoke('default', 'cq_attack_mallory', 'read,write');
CREATE FUNCTION can_send() RETURNS text LANGUAGE sql AS $$ SELECT cq_attack.try($q$SELECT cq.queue_send('v', '1')$q$) $$;
CREATE FUNCTION mallory_can_send() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT cq_attack.can_send() $$;
ALTER FUNCTION mallory_can_send() OWNER TO cq_attack_mallory;
SELECT mallory_can_send();
GRANT cq_attack_group TO cq_attack_mallory;
SELECT cq.queue_grant('v', 'cq_attack_group', 'send');
SELECT mallory_can_send();
ALTER ROLE cq_attack_mallory NOINHERIT;
REVOKE cq_attack_group FROM cq_attack_mallory;
GRANT cq_attack_group TO cq_attack_mallory;
SELECT mallory_can_send();
ALTER ROLE cq_attack_mallory INHERIT;
REVOKE cq_attack_group FROM cq_attack_mallory;
SELECT mallory_can_send();
SELECT cq.queue_grant('v', 'public', 'send');
SELECT mallory_can_send();
SELECT cq.queue_revoke('v', 'public', 'send');
SELECT mallory_can_send();
ALTER ROLE cq_attack_mallory SUPERUSER;
SELECT mallory_can_send();
ALTER ROLE cq_attack_mallory NOSUPERUSER;
SELECT mallory_can_send();
SELECT cq.queue_owner('v', 'cq_attack_mallory');
SELECT mallory_can_send();
SELECT cq.queue_owner('v', 'cq_attack_victim');
SELECT mallory_can_send();
BEGIN;
SELECT cq.queue_grant('v', 'cq_attack_mallory', 'send');
SELECT mallory_can_send();
ROLLBACK;
SELECT mallory_can_send();
BEGIN;
SAVEPOINT s;
SELECT cq.queue_grant('v', 'cq_attack_mallory', 'send');
SELECT mallory_can_send();
ROLLBACK TO s;
SELECT mallory_can_send();
COMMIT;
-- the right to enter
SET ROLE cq_attack_mallory;
PREPARE enter AS SELECT cq.queue_send('v', '1');
RESET ROLE;
REVOKE USAGE ON SCHEMA cq FROM cq_attack_mallory;
SET ROLE cq_attack_mallory;
EXECUTE enter;
SELECT cq.queue_send('v', '1');
RESET ROLE;
GRANT USAGE ON SCHEMA cq TO cq_attack_mallory;
-- a look-up that fails in one caller's name leaves nothing behind for the next
DO $$
BEGIN
    FOR i IN 1..200 LOOP
        PERFORM cq.queue_grant('v', 'cq_attack_mallory', 'peek'), cq.queue_revoke('v', 'cq_attack_mallory', 'peek');
        SET LOCAL ROLE cq_attack_mallory;
        BEGIN
            PERFORM cq.queue_send(CASE i % 2 WHEN 0 THEN 'v' ELSE 'nosuch' END, '1');
            RAISE EXCEPTION 'sent as %', current_user;
        EXCEPTION WHEN insufficient_privilege OR undefined_object THEN
            NULL;
        END;
        IF current_user <> 'cq_attack_mallory' OR has_table_privilege('cq.queue', 'SELECT') THEN
            RAISE EXCEPTION 'has become %', current_user;
        END IF;
        RESET ROLE;
    END LOOP;
END $$;

\echo # 15. code of others: what write-behind runs in the name of a table
SET ROLE cq_attack_mallory;
SELECT cq.namespace_create('wb');
CREATE TABLE deferred (id int);
CREATE TABLE found (n serial, what text);
CREATE FUNCTION report(what text) RETURNS int LANGUAGE sql AS $$ INSERT INTO cq_attack.found (what) VALUES (current_user || ': ' || what) RETURNING 1 $$;
CREATE FUNCTION on_deferred() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM cq_attack.report('deferred trigger'); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER t AFTER INSERT ON deferred INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION on_deferred();
CREATE FUNCTION on_flush() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    attack text;
BEGIN
    PERFORM cq_attack.report('search_path ' || current_setting('search_path'));
    FOREACH attack IN ARRAY ARRAY['RESET ROLE', 'SET ROLE cq_attack_super', 'RESET SESSION AUTHORIZATION', 'SET SESSION AUTHORIZATION cq_attack_super', 'SET CONSTRAINTS ALL DEFERRED; INSERT INTO cq_attack.deferred VALUES (1)',
        'DECLARE c CURSOR WITH HOLD FOR SELECT cq_attack.report(''cursor'')', 'CREATE TEMP TABLE pg_class (oid oid)', 'LISTEN x', 'SELECT set_config(''search_path'', ''cq_attack'', false)', 'COMMIT'] LOOP
        PERFORM cq_attack.report(attack || ': ' || cq_attack.try(attack));
    END LOOP;
    RETURN NEW;
END $$;
CREATE TABLE target (id int PRIMARY KEY, v text);
CREATE TRIGGER t BEFORE INSERT ON target FOR EACH ROW EXECUTE FUNCTION on_flush();
SELECT cq.cache_write_behind('wb', 'target', 'logged', value_column => 'v', delay => '1 day');
SELECT cq.cache_set('1', 'x', namespace => 'wb');
RESET ROLE;
SELECT cq.cache_flush('wb');
SHOW search_path;
SELECT count(*) FROM pg_cursors WHERE is_holdable;
SELECT what FROM found ORDER BY n;
SET ROLE cq_attack_victim;
SELECT value($$SELECT cq.cache_flush('wb')$$), cq.cache_flush(), (SELECT count(*) FROM cq.cache_pending);
SET ROLE cq_attack_mallory;
-- a rule needs the ownership of both
SELECT try($$SELECT cq.cache_write_behind('v', 'target', 'logged', value_column => 'v')$$), try($$SELECT cq.cache_write_behind('wb', 'private', 'logged')$$), try($$SELECT cq.cache_write_behind('wb', 'cq.queue', 'logged')$$);
SELECT cq.cache_write_behind_drop('wb');

\echo # 16. locks on the carrier of an object that one may use
SET ROLE cq_attack_victim;
SELECT cq.queue_grant('v', 'cq_attack_mallory', 'send');
RESET ROLE;
SELECT format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', carrier) AS lock FROM cq.queues WHERE queue = 'v' \gset
SET ROLE cq_attack_mallory;
SELECT try(:'lock');
-- with consume, alter or purge she can, and holds up nobody who uses the queue (carrier_lock.spec)
SET ROLE cq_attack_victim;
SELECT cq.queue_grant('v', 'cq_attack_mallory', 'consume');
SET ROLE cq_attack_mallory;
BEGIN;
SELECT try(:'lock');
ROLLBACK;
SET ROLE cq_attack_victim;
SELECT cq.queue_revoke('v', 'cq_attack_mallory', 'all');

\echo # 17. owners, and what is left of a role
RESET ROLE;
CREATE TABLE relations AS SELECT oid FROM pg_class WHERE relnamespace = 'cq'::regnamespace;
CREATE ROLE cq_attack_leaver;
CREATE ROLE cq_attack_heir;
GRANT USAGE ON SCHEMA cq TO cq_attack_leaver;
GRANT EXECUTE ON FUNCTION cq.queue_create, cq.topic_create, cq.exchange_create, cq.namespace_create TO cq_attack_leaver;
GRANT ALL ON SCHEMA cq_attack TO cq_attack_leaver;
SET ROLE cq_attack_leaver;
SELECT cq.queue_create('l'), cq.topic_create('l'), cq.exchange_create('l', 'fanout'), cq.namespace_create('l'), cq.group_create('l', 'g', 'shared'), cq.exchange_bind('l', 'queue', 'l'), cq.queue_grant('l', 'cq_attack_victim', 'send');
SELECT try($$SELECT cq.queue_owner('l', 'cq_attack_heir')$$), try($$SELECT cq.queue_owner('v', 'cq_attack_leaver')$$), try('REASSIGN OWNED BY cq_attack_victim TO cq_attack_leaver'), try('DROP OWNED BY cq_attack_victim');
SET ROLE cq_attack_victim;
SELECT cq.topic_grant('v', 'cq_attack_leaver', 'consume'), cq.queue_grant('v', 'cq_attack_leaver', 'all'), cq.namespace_grant('v', 'cq_attack_leaver', 'all');
SET ROLE cq_attack_leaver;
SELECT cq.group_create('v', 'l');
RESET ROLE;
SELECT try('DROP ROLE cq_attack_leaver');
REASSIGN OWNED BY cq_attack_leaver TO cq_attack_heir;
SELECT kind, object, role, privileges FROM cq.privileges WHERE role IN ('cq_attack_leaver', 'cq_attack_heir') ORDER BY 3, 1, 2;
SELECT try('DROP ROLE cq_attack_leaver');
DROP OWNED BY cq_attack_leaver;
DROP ROLE cq_attack_leaver;
-- whoever comes by the same name has nothing
CREATE ROLE cq_attack_leaver;
SELECT count(*) FROM cq.privileges WHERE role = 'cq_attack_leaver';
DROP ROLE cq_attack_leaver;
DROP OWNED BY cq_attack_heir;
DROP ROLE cq_attack_heir;
SELECT count(*) FROM pg_class WHERE relnamespace = 'cq'::regnamespace AND oid NOT IN (SELECT oid FROM relations);
SELECT count(*) FROM cq.privileges WHERE object = 'l' OR role ~ 'leaver|heir';
-- the victim is as before
SET ROLE cq_attack_victim;
SELECT queue, owner FROM cq.queues WHERE queue ~ '^v' ORDER BY 1;
SELECT cq.queue_send('v', '1') > 0, cq.cache_get('k', 'v'), (SELECT body FROM cq.topic_read('v', 0) ORDER BY record_offset LIMIT 1), cq.exchange_publish('v', '', '1');

-- clean up
RESET ROLE;
SELECT cq.cache_unwatch('shared'), cq.cache_unwatch('private'), cq.namespace_revoke('default', 'cq_attack_victim', 'read,write');
DROP SCHEMA cq_attack CASCADE;
DROP OWNED BY cq_attack_victim, cq_attack_mallory, cq_attack_group, cq_attack_nobody, cq_attack_super;
DROP ROLE cq_attack_victim, cq_attack_mallory, cq_attack_group, cq_attack_nobody, cq_attack_super;
SELECT count(*) FROM cq.queues WHERE queue ~ '^(v|pay|r1)';
