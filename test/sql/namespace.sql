-- Namespaces of the cache: options, privileges, clearing.
\set VERBOSITY sqlstate
\pset null '(null)'
\pset format unaligned
\pset tuples_only on

SELECT cq.cache_delete('k') IS NOT NULL AS not_there;
SELECT cq.namespace_create('web', '10 s');
SELECT cq.namespace_create('web');
SELECT cq.namespace_create('default');
SELECT cq.namespace_create(NULL);
SELECT cq.namespace_create('');
SELECT cq.namespace_create(repeat('x', 64));
SELECT cq.namespace_create('bad', '0 s');
SELECT cq.namespace_create('bad', '-1 s');
SELECT cq.namespace_create(E'odd "name''s\n');

-- keys of namespaces are apart; the default TTL applies
SELECT cq.cache_set('k', 'of default');
SELECT cq.cache_set('k', 'of web', namespace => 'web');
SELECT cq.cache_set('k', 'of odd', namespace => E'odd "name''s\n');
SELECT cq.cache_get('k'), cq.cache_get('k', 'web'), cq.cache_get('k', E'odd "name''s\n');
SELECT cq.cache_ttl('k', 'web') BETWEEN '5 s' AND '10 s';
SELECT cq.cache_set('t', 'v', '1 h', namespace => 'web');
SELECT cq.cache_ttl('t', 'web') > '50 min';
SELECT cq.namespace_alter('web', NULL);
SELECT cq.cache_set('k', 'of web', namespace => 'web');
SELECT cq.cache_ttl('k', 'web');
SELECT cq.namespace_alter('web', '-1 s');
SELECT cq.namespace_alter('default', '1 s');
SELECT cq.cache_get('k', 'nowhere');
SELECT cq.cache_get('k', NULL);

-- privileges
CREATE ROLE cq_test_reader;
GRANT USAGE ON SCHEMA cq TO cq_test_reader;
SELECT cq.namespace_grant('default', 'cq_test_reader', 'all');
SET ROLE cq_test_reader;
SELECT cq.cache_get('k', 'web');
SELECT cq.cache_clear('web');
SELECT cq.namespace_drop('web');
SELECT cq.namespace_alter('web', '1 s');
SELECT cq.namespace_grant('web', 'cq_test_reader', 'read');
SELECT cq.namespace_create('mine');
RESET ROLE;
SELECT cq.namespace_grant('web', 'cq_test_reader', 'read');
SELECT cq.namespace_grant('web', 'cq_test_reader', 'everything');
SELECT cq.namespace_grant('web', 'cq_test_nobody', 'read');
SELECT cq.namespace_grant('web', NULL, 'read');
SET ROLE cq_test_reader;
SELECT cq.cache_get('k', 'web');
SELECT cq.cache_set('k', 'forged', namespace => 'web');
SELECT cq.cache_delete('k', 'web');
SELECT cq.cache_incr('n', namespace => 'web');
SELECT cq.cache_touch('k', '1 s', 'web');
SELECT cq.cache_set_many('{a}', '{1}', namespace => 'web');
SELECT cq.cache_clear('web');
RESET ROLE;
SELECT cq.namespace_revoke('web', 'cq_test_reader', 'read');
SELECT cq.namespace_grant('web', 'public', 'write');
SET ROLE cq_test_reader;
SELECT cq.cache_get('k', 'web');
SELECT value FROM cq.cache_get_many('{k}', 'web');
SELECT cq.cache_set('w', 'written', namespace => 'web');
RESET ROLE;
SELECT cq.cache_get('w', 'web');

-- clearing is transactional, and leaves other namespaces alone
SELECT cq.cache_set('k', 'default');
BEGIN;
SELECT cq.cache_clear('web');
SELECT cq.cache_get('k', 'web');
SELECT cq.cache_set('k', 'refused', namespace => 'web');
ROLLBACK;
SELECT cq.cache_get('k', 'web');
BEGIN;
SAVEPOINT s;
SELECT cq.cache_clear('web');
ROLLBACK TO s;
SELECT cq.cache_get('k', 'web');
SELECT cq.cache_set('k2', 'kept', namespace => 'web');
COMMIT;
SELECT cq.cache_get('k2', 'web');
BEGIN;
SELECT cq.cache_set('k3', 'cleared with the rest', namespace => 'web');
SELECT cq.cache_clear('web');
SELECT cq.cache_get('k3', 'web');
COMMIT;
SELECT cq.cache_get('k', 'web'), cq.cache_get('k2', 'web'), cq.cache_get('k3', 'web'), cq.cache_get('k');
SELECT cq.cache_set('k', 'after', namespace => 'web');
SELECT cq.cache_get('k', 'web');

-- results of queries too
CREATE TABLE cq_test_ns (n int);
SELECT cq.cache_watch('cq_test_ns');
SELECT cq.cache_fetch('count', 'SELECT count(*) FROM cq_test_ns', namespace => 'web');
SELECT cq.cache_clear('web') > 0;
SELECT cq.cache_fetch('count', 'SELECT count(*) FROM cq_test_ns', namespace => 'web');
DROP TABLE cq_test_ns;

-- dropping
SELECT cq.namespace_drop('web');
SELECT cq.cache_get('k', 'web');
SELECT cq.namespace_create('web');
SELECT cq.cache_get('k', 'web');
SELECT cq.namespace_drop('web');
SELECT cq.namespace_drop(E'odd "name''s\n');
SELECT count(*) FROM cq.namespace;
SELECT object, role, privileges FROM cq.privileges WHERE kind = 'namespace' AND role <> current_user ORDER BY 1, 2;
DROP OWNED BY cq_test_reader;
DROP ROLE cq_test_reader;
