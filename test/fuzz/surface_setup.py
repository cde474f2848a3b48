"""The objects that surface.py plays with, and those that it must leave alone.

Roles: surface_user has USAGE on cq, may create queues and the like, and has some
grants; surface_victim owns what surface_user must neither change nor see;
surface_friend has granted surface_user all rights on a queue.

What the victim has stored begins with SECRET, which no statement of surface_user's
contains: where it turns up in a result or a message, something has been read.
"""

SECRET = "secret-of-the-victim"

ROLES = """
DO $$
BEGIN
    IF to_regrole('surface_user') IS NULL THEN CREATE ROLE surface_user LOGIN; END IF;
    IF to_regrole('surface_friend') IS NULL THEN CREATE ROLE surface_friend; END IF;
    IF to_regrole('surface_victim') IS NULL THEN CREATE ROLE surface_victim; END IF;
END
$$
"""

# as the superuser, in a new database
DATABASE = """
CREATE EXTENSION cachequeue;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA own AUTHORIZATION surface_user;
CREATE SCHEMA surface_victim AUTHORIZATION surface_victim;
GRANT USAGE ON SCHEMA cq TO surface_user, surface_friend, surface_victim;
GRANT USAGE ON SCHEMA surface_victim TO surface_user;
GRANT TEMP ON DATABASE {database} TO surface_user;
-- what a session asks about its own memory
GRANT SELECT ON pg_backend_memory_contexts TO surface_user;
GRANT EXECUTE ON FUNCTION pg_get_backend_memory_contexts() TO surface_user;
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'cq'::regnamespace
        AND proname IN ('queue_create', 'topic_create', 'exchange_create', 'namespace_create')
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO surface_user, surface_victim, surface_friend', f);
    END LOOP;
END
$$;
SET ROLE surface_friend;
SELECT cq.queue_create('shared manage');
SELECT cq.queue_grant('shared manage', 'surface_user', 'send,consume,peek,alter,purge');
RESET ROLE;
SELECT cq.namespace_grant('default', r, 'read,write,invalidate,clear')
    FROM unnest(ARRAY['surface_user', 'surface_victim']) AS r
"""

# as the victim, a transaction each; each name begins with "victim", so that statements about it are found
VICTIM = """
CREATE TABLE surface_victim.account (id int PRIMARY KEY, secret text);
INSERT INTO surface_victim.account SELECT i, '{secret} row ' || i FROM generate_series(1, 5) AS i;
CREATE TABLE surface_victim.behind (id int PRIMARY KEY, secret text);
INSERT INTO surface_victim.behind SELECT i, '{secret} behind ' || i FROM generate_series(1, 5) AS i;
SELECT cq.namespace_create('victim space'), cq.namespace_create('victim behind');
SELECT cq.cache_watch('surface_victim.account', tags => ARRAY['account:{{id}}'],
    write_through => '{{"key": "row:{{id}}", "namespace": "victim space"}}');
SELECT cq.cache_write_behind('victim behind', 'surface_victim.behind', mode => 'logged',
    delay => '1 day');
SELECT cq.cache_set('1', '{{"secret": "{secret} pending"}}'::jsonb, namespace => 'victim behind');
SELECT cq.queue_create('victim queue', lease => '30 days', durable_leases => true);
SELECT cq.queue_send('victim queue', to_jsonb('{secret} body ' || i), headers => '{{"h": "{secret} header"}}',
    group_key => '{secret} group', delay => CASE WHEN i > 6 THEN interval '30 days' END)
    FROM generate_series(1, 9) AS i;
SELECT receipt FROM cq.queue_receive('victim queue', 2);
SELECT cq.queue_send('victim queue.dead', to_jsonb('{secret} dead'::text));
SELECT cq.queue_create('victim sendonly');
SELECT cq.queue_send('victim sendonly', to_jsonb('{secret} body ' || i)) FROM generate_series(1, 3) AS i;
SELECT cq.queue_grant('victim sendonly', 'surface_user', 'send');
SELECT cq.topic_create('victim topic', partitions => 2);
SELECT cq.topic_publish('victim topic', to_jsonb('{secret} record ' || i), key => '{secret} key ' || i)
    FROM generate_series(1, 9) AS i;
SELECT cq.group_create('victim topic', 'victim group');
SELECT cq.group_join('victim topic', 'victim group', 'victim member');
SELECT cq.topic_seek('victim topic', 'victim group', 'earliest');
SELECT cq.topic_create('victim publishonly');
SELECT cq.topic_publish('victim publishonly', to_jsonb('{secret} record ' || i)) FROM generate_series(1, 3) AS i;
SELECT cq.topic_grant('victim publishonly', 'surface_user', 'publish');
SELECT cq.exchange_create('victim exchange', 'topic'), cq.exchange_create('victim open exchange', 'fanout');
SELECT cq.exchange_bind('victim exchange', 'queue', 'victim queue', '{secret}.*');
SELECT cq.exchange_bind('victim exchange', 'topic', 'victim topic', '{secret}.#');
SELECT cq.exchange_bind('victim open exchange', 'queue', 'victim sendonly');
SELECT cq.exchange_grant('victim open exchange', 'surface_user', 'publish')
"""

# may be gone, evicted, or lost in a crash; then the victim sets them again
VICTIM_ENTRIES = """
SELECT cq.cache_set('victim key ' || i, '{secret} value ' || i, namespace => 'victim space')
    FROM generate_series(1, 5) AS i;
SELECT cq.cache_fetch('victim result', 'SELECT jsonb_agg(secret) FROM surface_victim.account')
"""

# as whoever plays with them; what exists already is an error that does not matter
OWN = [
    "CREATE TABLE own_table (id int PRIMARY KEY, val text)",
    "INSERT INTO own_table SELECT i, 'v' || i FROM generate_series(1, 5) AS i",
    "CREATE TABLE own_behind (id int PRIMARY KEY, val text)",
    "CREATE TABLE own_parent (id int PRIMARY KEY, val text) PARTITION BY RANGE (id)",
    "CREATE TABLE own_part PARTITION OF own_parent FOR VALUES FROM (0) TO (1000)",
    "INSERT INTO own_parent VALUES (1, 'p')",
    "CREATE TABLE own_nokey (a int, b text)",
    "CREATE UNLOGGED TABLE own_unlogged (id int PRIMARY KEY, val text)",
    "CREATE TABLE own_rls (id int PRIMARY KEY, val text); ALTER TABLE own_rls ENABLE ROW LEVEL SECURITY",
    "CREATE TEMP TABLE own_temp (id int PRIMARY KEY, val text)",
    "CREATE VIEW own_view AS SELECT * FROM own_table",
    "CREATE MATERIALIZED VIEW own_matview AS SELECT * FROM own_table",
    "CREATE SEQUENCE own_sequence",
    "CREATE TYPE own_type AS (a int, b text)",
    "SELECT cq.queue_create('own', max_attempts => 3)",
    "SELECT cq.queue_create('own fifo', group_concurrency => 1, durable_leases => true)",
    "SELECT cq.queue_create('own limited', max_length => 10, overflow => 'drop_oldest', rate_limit => 1000)",
    "SELECT cq.queue_create('own dedup', dedup_window => '1 minute', release_on_disconnect => true)",
    "SELECT cq.queue_create(E'it\\'s \"own\"\\n\\\\queue')",
    "SELECT cq.topic_create('own', partitions => 4)",
    "SELECT cq.topic_create('own compact', compact => true)",
    "SELECT cq.topic_create(E'it\\'s \"own\"\\n\\\\topic')",
    "SELECT cq.group_create('own', 'group')",
    "SELECT cq.group_create('own compact', 'group')",
    "SELECT cq.group_create('own', 'shared group', 'shared')",
    "SELECT cq.exchange_create('own direct', 'direct')",
    "SELECT cq.exchange_create('own topic', 'topic')",
    "SELECT cq.exchange_create('own headers', 'headers')",
    "SELECT cq.exchange_create('own fanout', 'fanout')",
    "SELECT cq.exchange_bind('own direct', 'queue', 'own', 'a')",
    "SELECT cq.exchange_bind('own topic', 'topic', 'own', '*.b')",
    "SELECT cq.exchange_bind('own fanout', 'queue', 'own fifo')",
    "SELECT cq.exchange_bind('own headers', 'exchange', 'own fanout', headers => '{\"a\": 1}')",
    "SELECT cq.namespace_create('own space')",
    "SELECT cq.namespace_create('own small space', memory_quota => 1000000)",
    "SELECT cq.namespace_create('own behind'), cq.namespace_create('own memory behind')",
    "SELECT cq.cache_write_behind('own behind', 'own_behind', delay => '1 second')",
    "SELECT cq.cache_write_behind('own memory behind', 'own_behind', mode => 'memory')",
    "SELECT cq.cache_watch('own_parent', tags => ARRAY['t:{id}'])",
    "SELECT cq.queue_resume('own'), cq.queue_resume('own fifo')",
    "SELECT cq.queue_send('own', '1') FROM generate_series(1, 5)",
    "SELECT cq.topic_publish('own', '1', key => i::text) FROM generate_series(1, 5) AS i",
]

# Everything of the victim's, as rows (what, value).
FINGERPRINT = """
WITH carrier AS (
    SELECT oid, relowner, concat(relowner, relacl) AS privileges FROM pg_class
    WHERE relnamespace = 'cq'::regnamespace AND relowner = 'surface_victim'::regrole)
SELECT 'queue ' || name, concat(q, privileges) FROM cq.queue AS q JOIN carrier AS c ON c.oid = q.carrier
UNION ALL
SELECT 'topic ' || name, concat(t, privileges) FROM cq.topic AS t JOIN carrier AS c ON c.oid = t.carrier
UNION ALL
SELECT 'group ' || name, concat(g, privileges) FROM cq.topic_group AS g JOIN carrier AS c ON c.oid = g.carrier
UNION ALL
SELECT 'exchange ' || name, concat(e, privileges) FROM cq.exchange AS e JOIN carrier AS c ON c.oid = e.carrier
UNION ALL
SELECT 'namespace ' || name, concat(n, privileges) FROM cq.namespace AS n JOIN carrier AS c ON c.oid = n.carrier
UNION ALL
SELECT 'watch of ' || target, w::text FROM cq.watch AS w WHERE target::text ~ '^surface_victim'
UNION ALL
SELECT 'bindings of exchange ' || name, jsonb_agg(to_jsonb(b) ORDER BY binding_id)::text
FROM cq.exchange AS e JOIN carrier AS c ON c.oid = e.carrier JOIN cq.exchange_binding AS b USING (exchange_id) GROUP BY name
UNION ALL
SELECT 'write-behind of ' || name, to_jsonb(w)::text
FROM cq.namespace AS n JOIN carrier AS c ON c.oid = n.carrier JOIN cq.write_behind AS w USING (namespace_id)
UNION ALL
SELECT 'pending of ' || name, count(*)::text
FROM cq.namespace AS n JOIN carrier AS c ON c.oid = n.carrier JOIN cq.write_behind_log AS w USING (namespace_id) GROUP BY name
UNION ALL
SELECT 'messages of ' || queue, md5(string_agg(to_jsonb(m)::text, ',' ORDER BY msg_id))
FROM (SELECT queue, msg_id, group_key, headers, body
      FROM unnest(ARRAY['victim queue', 'victim queue.dead', 'victim sendonly']) AS q (name),
           LATERAL (SELECT * FROM cq.queue_peek(q.name, 10000, 'ready')
                    UNION ALL SELECT * FROM cq.queue_peek(q.name, 10000, 'delayed')
                    UNION ALL SELECT * FROM cq.queue_peek(q.name, 10000, 'in_flight')) AS p
      WHERE body::text LIKE '%secret-of-the-victim%') AS m GROUP BY queue
UNION ALL
SELECT 'records of ' || topic, md5(string_agg(to_jsonb(r)::text, ',' ORDER BY partition, record_offset))
FROM (SELECT * FROM cq.topic_read('victim topic', 0, 0) UNION ALL SELECT * FROM cq.topic_read('victim topic', 1, 0)
      UNION ALL SELECT * FROM cq.topic_read('victim publishonly', 0, 0, 3)) AS r GROUP BY topic
UNION ALL
SELECT format('offset of %s, %s', group_name, partition), committed::text
FROM cq.stat_groups WHERE topic = 'victim topic'
UNION ALL
SELECT 'table ' || relname, concat(relowner, relacl, relhastriggers, (SELECT string_agg(concat(tgname, tgenabled, tgargs), ',' ORDER BY tgname)
    FROM pg_trigger WHERE tgrelid = c.oid))
FROM pg_class AS c WHERE relnamespace = 'surface_victim'::regnamespace
UNION ALL
SELECT 'rows of account', string_agg(concat(id, secret), ',' ORDER BY id) FROM surface_victim.account
UNION ALL
SELECT 'rows of behind', string_agg(concat(id, secret), ',' ORDER BY id) FROM surface_victim.behind
UNION ALL
SELECT 'functions of cq', md5(string_agg(concat(oid::regprocedure, proowner, proacl, prosrc), ',' ORDER BY oid))
FROM pg_proc WHERE pronamespace = 'cq'::regnamespace
UNION ALL
SELECT 'schema cq', concat(nspowner, nspacl) FROM pg_namespace WHERE nspname = 'cq'
UNION ALL
SELECT 'relations of cq', string_agg(concat(relname, relowner, relacl), ',' ORDER BY relname)
FROM pg_class WHERE relnamespace = 'cq'::regnamespace AND relname !~ '^[qt][0-9]+_|^(queue|topic|group|exchange|namespace)_[1-9]'
UNION ALL
SELECT 'roles', string_agg(concat(rolname, rolsuper, rolcreaterole, (SELECT count(*) FROM pg_auth_members WHERE member = r.oid)), ',' ORDER BY rolname)
FROM pg_roles AS r WHERE rolname ~ '^surface'
"""

# key, value; a missing one is allowed when entries may have been evicted
ENTRIES = """
SELECT 'entry ' || i, cq.cache_get('victim key ' || i, namespace => 'victim space') FROM generate_series(1, 5) AS i
"""

# what a session that plays has made and nobody needs, in a database with more than a few
SURPLUS = """
SELECT format('SELECT cq.queue_drop(%L)', queue) FROM cq.queues
WHERE owner <> 'surface_victim'::regrole AND queue !~ 'own|shared|^victim'
UNION ALL
SELECT format('SELECT cq.topic_drop(%L)', topic) FROM cq.topics
WHERE owner <> 'surface_victim'::regrole AND topic !~ 'own|shared|^victim'
UNION ALL
SELECT format('SELECT cq.exchange_drop(%L)', exchange) FROM cq.exchanges
WHERE owner <> 'surface_victim'::regrole AND exchange !~ 'own|shared|^victim'
UNION ALL
SELECT format('SELECT cq.namespace_drop(%L)', namespace) FROM cq.namespaces
WHERE owner <> 'surface_victim'::regrole AND namespace !~ 'own|shared|^victim|^default$'
UNION ALL
SELECT format('SELECT cq.queue_purge(%L)', name) FROM cq.queue WHERE name ~ 'own|shared' AND name !~ '^victim'
"""
