-- From 1.0 to 1.1: what has to be done at the end.

DO $$
DECLARE
    granted record;
BEGIN
    FOR granted IN
        SELECT p.oid::pg_catalog.regprocedure AS signature, pg_catalog.pg_get_userbyid((a.item ->> 1)::oid) AS role,
               (a.item ->> 2)::boolean AS grantable
        FROM pg_catalog.jsonb_array_elements(pg_catalog.current_setting('cq_upgrade.grants')::jsonb) AS a (item)
            JOIN pg_catalog.pg_proc AS p ON p.proname = (a.item ->> 0) AND p.pronamespace = 'cq'::pg_catalog.regnamespace
        WHERE EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.oid = (a.item ->> 1)::oid)
    LOOP
        EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO %I%s', granted.signature, granted.role,
                                  CASE WHEN granted.grantable THEN ' WITH GRANT OPTION' ELSE '' END);
    END LOOP;
END
$$;
