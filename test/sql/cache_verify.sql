-- cachequeue.verify_sample: what is compared, and that nothing differs.
\set VERBOSITY sqlstate
\pset null '(null)'
\pset format unaligned
\pset tuples_only on

SET cachequeue.verify_sample = 1.1;
SET cachequeue.verify_sample = -0.1;
SET cachequeue.verify_sample = NaN;
SHOW cachequeue.verify_sample;
CREATE ROLE cq_test_verify;
SET ROLE cq_test_verify;
SET cachequeue.verify_sample = 0;
RESET ROLE;
DROP ROLE cq_test_verify;

CREATE TYPE cq_test_pair AS (a int, b text);
CREATE TABLE cq_test_verify (id int PRIMARY KEY, n numeric, t text, j jsonb, a int[], p cq_test_pair, f float8, b bytea);
INSERT INTO cq_test_verify
SELECT 100 - i, i / 3.0, repeat('x', CASE WHEN i % 10 = 0 THEN 10000 ELSE i END), jsonb_build_object('i', i),
       CASE WHEN i % 2 = 0 THEN ARRAY[i, NULL] END, CASE WHEN i % 3 = 0 THEN ROW(i, 'b')::cq_test_pair END, sqrt(i), '\x00'
FROM generate_series(1, 99) AS i;
SELECT cq.cache_watch('cq_test_verify', ARRAY['verify:{id}']);
CREATE TABLE cq_test_loose (n int);
INSERT INTO cq_test_loose VALUES (1);

CREATE FUNCTION counts(OUT verified bigint, OUT mismatches bigint) LANGUAGE sql AS
$$ SELECT verified, verify_mismatches FROM cq.stat_cache $$;
CREATE FUNCTION one_row(int) RETURNS text LANGUAGE sql AS
$$ SELECT cq.cache_fetch('row', 'SELECT n FROM cq_test_verify WHERE id = $1', ARRAY[$1::text])::text $$;
CREATE FUNCTION all_rows() RETURNS TABLE (id int, n numeric, t text, j jsonb, a int[], p cq_test_pair, f float8, b bytea) LANGUAGE sql AS
$$ SELECT * FROM cq.cache_query('SELECT * FROM cq_test_verify WHERE id > 0')
   AS q (id int, n numeric, t text, j jsonb, a int[], p cq_test_pair, f float8, b bytea) $$;
SELECT cq.stat_reset();

-- off: nothing is verified
SELECT one_row(1), one_row(1), one_row(1);
SELECT * FROM counts();

-- all: each hit is
SET cachequeue.verify_sample = 1;
SELECT one_row(1), one_row(1), one_row(2), one_row(2), one_row(1000), one_row(1000);
SELECT * FROM counts();
SELECT md5(string_agg(q::text, ',')) AS first FROM all_rows() AS q \gset
SELECT md5(string_agg(q::text, ',')) = :'first', count(*) FROM all_rows() AS q;
SELECT * FROM counts();

-- changes in between; a hit under an older snapshot
UPDATE cq_test_verify SET n = n + 1 WHERE id = 1;
SELECT one_row(1), one_row(1);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT one_row(2);
UPDATE cq_test_verify SET n = 0 WHERE id = 2;
SELECT one_row(2);
SELECT one_row(3), one_row(3);
ROLLBACK;
SELECT one_row(2);
SELECT * FROM counts();

-- rows in another order are the same rows
SELECT id FROM all_rows() LIMIT 1;
\c -
SET cachequeue.verify_sample = 1;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT verified AS before FROM counts() \gset
SELECT id FROM all_rows() LIMIT 1;
SELECT verified - :before, mismatches FROM counts();

-- not compared: what may differ
SELECT verified AS before FROM counts() \gset
SELECT cq.cache_fetch('loose', 'SELECT n FROM cq_test_loose', ttl => '1 h');
UPDATE cq_test_loose SET n = 2;
SELECT cq.cache_fetch('loose', 'SELECT n FROM cq_test_loose', ttl => '1 h');
SELECT cq.cache_fetch('tagged', 'SELECT n FROM cq_test_loose', tags => '{cq_test}');
UPDATE cq_test_loose SET n = 3;
SELECT cq.cache_fetch('tagged', 'SELECT n FROM cq_test_loose', tags => '{cq_test}');
SELECT verified - :before FROM counts();

-- many hits of a mix
DO $$ BEGIN
    FOR i IN 1 .. 300 LOOP
        PERFORM one_row(i % 40);
        IF i % 50 = 0 THEN
            UPDATE cq_test_verify SET n = n + 1 WHERE id % 7 = i % 7;
            PERFORM count(*) FROM all_rows();
        END IF;
        COMMIT;
    END LOOP;
END $$;
SELECT verified - :before > 100, mismatches FROM counts();

-- a part of them
SELECT cq.stat_reset();
SET cachequeue.verify_sample = 0.1;
SELECT count(one_row(3)) FROM generate_series(1, 2000);
SELECT verified BETWEEN 100 AND 320, mismatches FROM counts();

SET client_min_messages = warning;
DROP TABLE cq_test_verify, cq_test_loose CASCADE;
DROP FUNCTION counts(), one_row(int), all_rows();
DROP TYPE cq_test_pair;
