-- Whose results are whose: privileges, roles and row-level security (I10).  A
-- notice tells that the query was run.
CREATE SCHEMA fetch_test;
SET search_path = fetch_test;
\set SHOW_CONTEXT never
CREATE FUNCTION run(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'run: %', $1; RETURN $1; END $$;
CREATE ROLE fetch_app;
CREATE ROLE fetch_other;
GRANT USAGE ON SCHEMA cq, fetch_test TO fetch_app, fetch_other;
SELECT cq.namespace_grant('default', 'fetch_app', 'all');
SELECT cq.namespace_grant('default', 'fetch_other', 'all');
CREATE TABLE doc (id int PRIMARY KEY, tenant text, owner name, body text);
INSERT INTO doc VALUES (1, 'red', 'fetch_app', 'red 1'), (2, 'blue', 'fetch_other', 'blue 2'), (3, 'red', 'fetch_other', 'red 3');
SELECT cq.cache_watch('doc');
GRANT SELECT, UPDATE ON doc TO fetch_app;

-- a hit asks for the same privileges as the query
SELECT cq.cache_fetch('n', 'SELECT run(count(*)::text) FROM doc');
SET ROLE fetch_app;
SELECT cq.cache_fetch('n', 'SELECT run(count(*)::text) FROM doc');
SELECT cq.cache_fetch('n', 'SELECT run(count(*)::text) FROM doc');
SET ROLE fetch_other;
SELECT cq.cache_fetch('n', 'SELECT run(count(*)::text) FROM doc');
RESET ROLE;
REVOKE SELECT ON doc FROM fetch_app;
SET ROLE fetch_app;
SELECT cq.cache_fetch('n', 'SELECT run(count(*)::text) FROM doc');
SELECT cq.cache_fetch('n', 'SELECT run(count(*)::text) FROM doc', stale_for => '1 h');
SELECT * FROM cq.cache_query('SELECT body FROM doc') AS t (body text);
RESET ROLE;
GRANT SELECT (id, tenant, owner, body) ON doc TO fetch_app, fetch_other;

-- tenants that share a role: the setting that the policy reads is in the key
ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenants ON doc USING (tenant = current_setting('app.tenant', true));
CREATE FUNCTION titles() RETURNS text LANGUAGE sql AS $$
    SELECT cq.cache_fetch('titles', 'SELECT run(string_agg(body, '', '' ORDER BY id)) FROM fetch_test.doc') $$;
SET ROLE fetch_app;
BEGIN;
SET LOCAL app.tenant = 'red';
SELECT titles(), titles();
COMMIT;
BEGIN;
SET LOCAL app.tenant = 'blue';
SELECT titles();
SELECT * FROM cq.cache_query('SELECT id, run(body) FROM doc') AS t (id int, body text);
SET LOCAL app.tenant = 'red';
SELECT titles();
SELECT * FROM cq.cache_query('SELECT id, run(body) FROM doc') AS t (id int, body text);
SELECT set_config('app.tenant', 'blue', true), titles();
SELECT * FROM cq.cache_query('SELECT id, run(body) FROM doc') AS t (id int, body text);
COMMIT;
SELECT titles();
-- another role, the owner, whom policies don't concern, and both again
SET app.tenant = 'red';
SET ROLE fetch_other;
SELECT titles(), titles();
RESET ROLE;
SELECT titles();
SET ROLE fetch_app;
SELECT titles();
-- a change of the other tenant's rows only
SET app.tenant = 'blue';
UPDATE doc SET body = 'blue two';
SET app.tenant = 'red';
SELECT titles();
SET app.tenant = 'blue';
SELECT titles();
-- with policies switched off it is an error, as for the query
SET row_security = off;
SELECT titles();
RESET row_security;
RESET ROLE;
-- a policy changes
DROP POLICY tenants ON doc;
SET ROLE fetch_app;
SELECT titles();
RESET ROLE;
-- a policy that asks who it is, and one that reads another table
CREATE POLICY owners ON doc USING (owner = current_user);
SET ROLE fetch_app;
SELECT titles(), titles();
SET ROLE fetch_other;
SELECT titles(), titles();
RESET ROLE;
CREATE TABLE member (tenant text, role name);
INSERT INTO member VALUES ('red', 'fetch_app'), ('blue', 'fetch_other');
GRANT SELECT ON member TO fetch_app, fetch_other;
SELECT cq.cache_watch('member');
ALTER POLICY owners ON doc USING (tenant IN (SELECT m.tenant FROM member AS m WHERE m.role = current_user));
SET ROLE fetch_app;
SELECT titles(), titles();
RESET ROLE;
DELETE FROM member WHERE role = 'fetch_app';
SET ROLE fetch_app;
SELECT titles();
RESET ROLE;

-- what a policy calls must not be cached: the error names the policy
CREATE POLICY of_another ON doc TO fetch_other USING (random() < 2);
CREATE POLICY of_writers ON doc FOR UPDATE USING (random() < 2);
CREATE POLICY lottery ON doc USING (random() < 2);
SET ROLE fetch_app;
SELECT titles();
SELECT * FROM cq.cache_query('SELECT body FROM doc WHERE id = 1') AS (body text);
RESET ROLE;
ALTER POLICY lottery ON doc USING (EXISTS (SELECT FROM member WHERE session_user = role));
SET ROLE fetch_app;
SELECT titles();
RESET ROLE;
DROP POLICY lottery ON doc;
SET ROLE fetch_app;
SELECT cq.cache_fetch('r', 'SELECT run(body) FROM doc WHERE random() < 2');
RESET ROLE;
DROP POLICY of_another ON doc;
DROP POLICY of_writers ON doc;

-- SECURITY DEFINER: the definer's results
ALTER POLICY owners ON doc USING (owner = current_user);
CREATE FUNCTION titles_of_other() RETURNS jsonb LANGUAGE sql SECURITY DEFINER AS $$
    SELECT cq.cache_fetch('titles', 'SELECT run(string_agg(body, '', '' ORDER BY id)) FROM fetch_test.doc') $$;
ALTER FUNCTION titles_of_other() OWNER TO fetch_other;
SET ROLE fetch_app;
SELECT titles(), titles_of_other(), titles();
RESET ROLE;
-- views: by the owner's privileges and policies, or by the caller's
CREATE VIEW doc_definer AS SELECT * FROM doc;
CREATE VIEW doc_invoker WITH (security_invoker) AS SELECT * FROM doc;
GRANT SELECT ON doc_definer, doc_invoker TO fetch_app;
SET ROLE fetch_app;
SELECT cq.cache_fetch('d', 'SELECT run(string_agg(body, '', '' ORDER BY id)) FROM doc_definer'),
       cq.cache_fetch('i', 'SELECT run(string_agg(body, '', '' ORDER BY id)) FROM doc_invoker');
SELECT cq.cache_fetch('d', 'SELECT run(string_agg(body, '', '' ORDER BY id)) FROM doc_definer'),
       cq.cache_fetch('i', 'SELECT run(string_agg(body, '', '' ORDER BY id)) FROM doc_invoker');
RESET ROLE;
REVOKE SELECT (id, tenant, owner, body) ON doc FROM fetch_app;
SET ROLE fetch_app;
SELECT cq.cache_fetch('d', 'SELECT run(string_agg(body, '', '' ORDER BY id)) FROM doc_definer');
SELECT cq.cache_fetch('i', 'SELECT run(string_agg(body, '', '' ORDER BY id)) FROM doc_invoker');
RESET ROLE;

-- that it could read a table once is forgotten with the privilege, wherever the
-- role had it from; the second call of each is a hit that did not look again
CREATE ROLE fetch_group;
GRANT SELECT ON member TO fetch_group;
REVOKE ALL ON member FROM fetch_app;
GRANT fetch_group TO fetch_app;
CREATE FUNCTION members() RETURNS jsonb LANGUAGE sql AS $$
    SELECT cq.cache_fetch('members', 'SELECT run(count(*)::text) FROM fetch_test.member') $$;
SET ROLE fetch_app;
SELECT members(), members();
RESET ROLE;
REVOKE fetch_group FROM fetch_app;
SET ROLE fetch_app;
SELECT members();
RESET ROLE;
GRANT SELECT ON member TO pg_database_owner;
SELECT format('ALTER DATABASE %I OWNER TO fetch_app', current_database()) \gexec
SET ROLE fetch_app;
SELECT members(), members();
RESET ROLE;
SELECT format('ALTER DATABASE %I OWNER TO CURRENT_USER', current_database()) \gexec
SET ROLE fetch_app;
SELECT members();
RESET ROLE;
-- a savepoint that took it away for a moment
GRANT SELECT ON member TO fetch_app;
SET ROLE fetch_app;
SELECT members(), members();
RESET ROLE;
BEGIN;
SAVEPOINT s;
REVOKE SELECT ON member FROM fetch_app;
SET LOCAL ROLE fetch_app;
SELECT members();
ROLLBACK TO s;
SET LOCAL ROLE fetch_app;
SELECT members(), members();
COMMIT;

-- what a foreign key cascades is done by the table's owner without FORCE ROW LEVEL SECURITY
CREATE SCHEMA fetch_force AUTHORIZATION fetch_app;
SET ROLE fetch_app;
CREATE TABLE fetch_force.hidden (id int);
INSERT INTO fetch_force.hidden VALUES (1);
SELECT cq.cache_watch('fetch_force.hidden');
ALTER TABLE fetch_force.hidden ENABLE ROW LEVEL SECURITY;
ALTER TABLE fetch_force.hidden FORCE ROW LEVEL SECURITY;
CREATE TABLE fetch_force.above (id int PRIMARY KEY);
CREATE TABLE fetch_force.below (id int REFERENCES fetch_force.above ON UPDATE CASCADE);
INSERT INTO fetch_force.above VALUES (1);
INSERT INTO fetch_force.below VALUES (1);
CREATE FUNCTION fetch_force.look() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    actual bigint;
BEGIN
    EXECUTE 'SELECT count(*) FROM fetch_force.hidden' INTO actual;
    RAISE NOTICE 'cached %, actual %', cq.cache_fetch('h', 'SELECT count(*) FROM fetch_force.hidden'), actual;
    RETURN NEW;
END $$;
CREATE TRIGGER look BEFORE UPDATE ON fetch_force.below FOR EACH ROW EXECUTE FUNCTION fetch_force.look();
SELECT cq.cache_fetch('h', 'SELECT count(*) FROM fetch_force.hidden'), count(*) FROM fetch_force.hidden;
UPDATE fetch_force.above SET id = 2;
SELECT cq.cache_fetch('h', 'SELECT count(*) FROM fetch_force.hidden'), count(*) FROM fetch_force.hidden;
-- the other way round
ALTER TABLE fetch_force.hidden NO FORCE ROW LEVEL SECURITY;
ALTER TABLE fetch_force.hidden FORCE ROW LEVEL SECURITY;
UPDATE fetch_force.above SET id = 3;
SELECT cq.cache_fetch('h', 'SELECT count(*) FROM fetch_force.hidden'), count(*) FROM fetch_force.hidden;
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA fetch_force CASCADE;
RESET client_min_messages;

-- a privilege is asked for what the query runs, not for what the planner removes
CREATE FUNCTION secret(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
REVOKE EXECUTE ON FUNCTION secret(text) FROM PUBLIC;
CREATE VIEW half AS SELECT id, secret(body) AS body FROM doc;
GRANT SELECT ON half TO fetch_app;
SELECT cq.cache_fetch('x', 'SELECT max(body) FROM half') IS NOT NULL AS superuser;
SET ROLE fetch_app;
SELECT cq.cache_fetch('x', 'SELECT count(id) > 0 FROM half');
SELECT cq.cache_fetch('x', 'SELECT max(body) FROM half');
RESET ROLE;

-- current_setting of a constant in the query itself; other uses are refused
SET app.color = 'green';
SELECT cq.cache_fetch('s', 'SELECT run(body || current_setting(''app.color'')) FROM doc WHERE id = 1');
SET app.color = 'brown';
SELECT cq.cache_fetch('s', 'SELECT run(body || current_setting(''app.color'')) FROM doc WHERE id = 1');
SELECT cq.cache_fetch('s', 'SELECT run(body || current_setting(''app.color'')) FROM doc WHERE id = 1');
SELECT cq.cache_fetch('s', 'SELECT current_setting(''app.none'')');
SELECT cq.cache_fetch('s', 'SELECT current_setting(''app.none'', true)') IS NULL;
SELECT cq.cache_fetch('s', 'SELECT current_setting(body) FROM doc WHERE id = 1');
SELECT cq.cache_fetch('s', 'SELECT current_setting($1)', '{app.color}');
SELECT cq.cache_fetch('s', 'SELECT session_user');

SET client_min_messages = warning;
DROP SCHEMA fetch_test CASCADE;
REVOKE USAGE ON SCHEMA cq FROM fetch_app, fetch_other;
DROP OWNED BY fetch_app, fetch_other, fetch_group;
DROP ROLE fetch_app, fetch_other, fetch_group;
