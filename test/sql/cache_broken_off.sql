-- Statements that fail halfway, after a lease: what they have changed is not known, and
-- the whole database is marked.  Afterwards the cache works again.
CREATE SCHEMA broken;
SET search_path = broken;
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t VALUES (1, 1), (2, 2);
SELECT cq.cache_watch('t', ARRAY['t:{id}']);
CREATE FUNCTION fill(int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF cq.cache_get('t:' || $1) IS NULL THEN
        RETURN cq.cache_set('t:' || $1, (SELECT v::text FROM broken.t WHERE id = $1), tags => ARRAY['t:' || $1]);
    END IF;
    RETURN 'hit';
END $$;
SELECT fill(1), fill(2);
SELECT fill(1), fill(2);

\set VERBOSITY terse
BEGIN;
SELECT lease IS NOT NULL AS leased FROM cq.cache_get_or_lease('none');
UPDATE t SET v = 3 WHERE id = 1 RETURNING 1 / (v - 3);
ROLLBACK;
SELECT fill(1), fill(2);
SELECT fill(1), fill(2);

-- often, in a row: nothing but these has marked the database
\o /dev/null
SELECT 'BEGIN', 'SELECT cq.cache_get_or_lease(''none'')', 'UPDATE t SET v = 3 WHERE id = 1 RETURNING 1 / (v - 3)', 'ROLLBACK'
FROM generate_series(1, 6) \gexec
\o
SELECT fill(2);
UPDATE t SET v = 4 WHERE id = 1;
SELECT fill(1), fill(2);
SELECT fill(1), fill(2);

-- in savepoints
DO $$
BEGIN
    PERFORM cq.cache_get_or_lease('none');
    FOR n IN 1 .. 6 LOOP
        BEGIN
            UPDATE broken.t SET v = 3 WHERE id = 1 RETURNING 1 / (v - 3);
        EXCEPTION WHEN division_by_zero THEN
            NULL;
        END;
    END LOOP;
END $$;
SELECT fill(1), fill(2);
SELECT fill(1), fill(2);

SET client_min_messages = warning;
DROP SCHEMA broken CASCADE;
