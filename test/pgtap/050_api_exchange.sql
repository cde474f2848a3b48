-- The contract of the public interface of exchanges.
BEGIN;
SELECT * FROM no_plan();

-- functions: parameters with their names and defaults, result, volatility, parallel safety
PREPARE have AS
    SELECT signature COLLATE "C" FROM (SELECT p.proname || '(' || pg_get_function_arguments(p.oid) || ')'
        || ' ' || pg_get_function_result(p.oid)
        || CASE p.provolatile WHEN 'v' THEN ' volatile' WHEN 's' THEN ' stable' ELSE ' immutable' END
        || CASE p.proparallel WHEN 's' THEN ' safe' WHEN 'r' THEN ' restricted' ELSE ' unsafe' END
    FROM pg_proc p
    WHERE p.pronamespace = 'cq'::regnamespace AND p.proname ~ '^exchange_') AS f (signature)
    ORDER BY signature COLLATE "C";
SELECT results_eq('have', $$
    SELECT signature COLLATE "C" FROM (VALUES
    ('exchange_alter(exchange text, alternate text) void volatile unsafe'),
    ('exchange_bind(exchange text, target_kind text, target text, routing_key text DEFAULT ''''::text, headers jsonb DEFAULT NULL::jsonb, match text DEFAULT ''all''::text) boolean volatile unsafe'),
    ('exchange_create(exchange text, kind text, alternate text DEFAULT NULL::text, if_not_exists boolean DEFAULT false) void volatile unsafe'),
    ('exchange_drop(exchange text, if_exists boolean DEFAULT false) void volatile unsafe'),
    ('exchange_grant(exchange text, role text, privileges text) void volatile unsafe'),
    ('exchange_owner(exchange text, new_owner text) void volatile unsafe'),
    ('exchange_publish(exchange text, routing_key text, body jsonb, headers jsonb DEFAULT NULL::jsonb, mandatory boolean DEFAULT false, key text DEFAULT NULL::text) integer volatile unsafe'),
    ('exchange_revoke(exchange text, role text, privileges text) void volatile unsafe'),
    ('exchange_route(exchange text, routing_key text, headers jsonb DEFAULT NULL::jsonb, OUT target_kind text, OUT target text) SETOF record volatile restricted'),
    ('exchange_unbind(exchange text, target_kind text, target text, routing_key text DEFAULT ''''::text, headers jsonb DEFAULT NULL::jsonb, match text DEFAULT ''all''::text) boolean volatile unsafe')
    ) AS v (signature) ORDER BY signature COLLATE "C" $$,
    'functions of exchanges');
SELECT is_empty($$
    SELECT p.oid::regprocedure FROM pg_proc p
    WHERE p.pronamespace = 'cq'::regnamespace AND p.proname ~ '^exchange_' AND p.proisstrict $$,
    'NULL for an exchange is an error, never NULL');

-- who may execute and read what
SELECT set_eq($$
    SELECT p.proname::text FROM pg_proc p
    WHERE p.pronamespace = 'cq'::regnamespace AND p.proname ~ '^_?exchange_'
      AND NOT EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0) $$,
    ARRAY['exchange_create', '_exchange_changed', '_exchange_unbind'], 'what PUBLIC may not execute');
SELECT set_eq($$
    SELECT c.relname::text FROM pg_class c, aclexplode(c.relacl) a
    WHERE c.relnamespace = 'cq'::regnamespace AND c.relname ~ '^exchange' AND a.grantee = 0 $$,
    ARRAY['exchange_bindings', 'exchanges'], 'what PUBLIC may read');
SELECT columns_are('cq', 'exchange_bindings', ARRAY['exchange', 'kind', 'target_kind', 'target', 'routing_key', 'headers', 'match']);
SELECT is_empty($$
    SELECT i.relname FROM pg_class i WHERE i.relnamespace = 'cq'::regnamespace AND i.relkind IN ('r', 'S')
      AND i.relname ~ '^exchange' AND i.oid <> ALL (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'cachequeue') $$,
    'pg_dump takes all of it along');
SELECT results_eq($$
    SELECT tgname::text COLLATE "default", tgenabled::text COLLATE "default" FROM pg_trigger
    WHERE tgrelid IN ('cq.exchange'::regclass, 'cq.exchange_binding'::regclass)
      AND NOT tgisinternal ORDER BY 1 $$,
    $$ VALUES ('exchange_binding_changed', 'A'), ('exchange_changed', 'A'), ('exchange_unbind', 'A') $$,
    'triggers fire always');

SELECT * FROM finish();
ROLLBACK;
