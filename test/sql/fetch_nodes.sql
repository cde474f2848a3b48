-- A query for each kind of node and of relation: what is known is cached.
\getenv input PG_ABS_SRCDIR
\i :input/sql/include/fetch_nodes.sql
SELECT node, query, real, expected
FROM (SELECT node, query, outcome_or_error(query, args) AS real, outcome AS expected FROM cases OFFSET 0) AS c
WHERE real <> expected;
SELECT count(*) > 80 AS many FROM cases;

SET client_min_messages = warning;
DROP SCHEMA fetch_test CASCADE;
