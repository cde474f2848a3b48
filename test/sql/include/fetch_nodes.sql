\set ECHO none
-- A query for each node that a SELECT can have and for each kind of relation; what
-- becomes of it: cached, or the error.  Some need a later version than 15.
CREATE SCHEMA fetch_test;
SET search_path = fetch_test;
CREATE DOMAIN small AS int CHECK (VALUE < 1000);
CREATE TYPE pair AS (a int, b text);
CREATE FUNCTION named(a int, b int = 7) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT a + b';
CREATE TABLE parent (id int PRIMARY KEY, name text);
CREATE TABLE item (big bigint, a int[], p pair, j jsonb, due date) INHERITS (parent);
CREATE VIEW shown AS SELECT id, name FROM item;
INSERT INTO item VALUES (1, 'one', 1, '{1,2}', (3, 'x'), '{"a": 5}', '2030-01-02'), (2, 'two', 2, '{}', NULL, '[]', NULL);
DO $$ BEGIN PERFORM cq.cache_watch('parent'); END $$;

CREATE TABLE cases (node text, since int, query text, args text[] DEFAULT '{}', outcome text DEFAULT 'cached');
INSERT INTO cases (node, since, query) VALUES
    ('Aggref', 15, 'SELECT sum(big) FROM item'),
    ('Aggref', 15, 'SELECT string_agg(DISTINCT name, '','' ORDER BY name) FILTER (WHERE id > 0) FROM item'),
    ('Aggref', 15, 'SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY id) FROM item'),
    ('Aggref', 15, 'SELECT json_agg(i) FROM item AS i'),
    ('ArrayCoerceExpr', 15, 'SELECT a::bigint[] FROM item WHERE id = 1'),
    ('ArrayExpr', 15, 'SELECT ARRAY[id, 2] FROM item WHERE id = 1'),
    ('BoolExpr', 15, 'SELECT NOT (id = 1 AND name = ''x'' OR id = 2) FROM item WHERE id = 1'),
    ('BooleanTest', 15, 'SELECT (id = 1) IS NOT TRUE FROM item WHERE id = 1'),
    ('CaseExpr', 15, 'SELECT CASE WHEN id = 1 THEN ''a'' ELSE ''b'' END FROM item WHERE id = 1'),
    ('CaseTestExpr', 15, 'SELECT CASE id WHEN 1 THEN ''a'' END FROM item WHERE id = 1'),
    ('CoalesceExpr', 15, 'SELECT coalesce(name, ''none'') FROM item WHERE id = 1'),
    ('CoerceToDomain', 15, 'SELECT id::small FROM item WHERE id = 1'),
    ('CoerceToDomainValue', 15, 'SELECT id::small + 1 FROM item WHERE id = 1'),
    ('CoerceViaIO', 15, 'SELECT (id::text || ''0'')::int FROM item WHERE id = 1'),
    ('CollateExpr', 15, 'SELECT name COLLATE "C" < ''x'' FROM item WHERE id = 1'),
    ('Const', 15, 'SELECT 1'),
    ('ConvertRowtypeExpr', 15, 'SELECT i::parent FROM item AS i WHERE id = 1'),
    ('DistinctExpr', 15, 'SELECT id IS DISTINCT FROM 2 FROM item WHERE id = 1'),
    ('FieldSelect', 15, 'SELECT (p).a FROM item WHERE id = 1'),
    ('FuncExpr', 15, 'SELECT length(name) FROM item WHERE id = 1'),
    ('FuncExpr', 15, 'SELECT named(id) FROM item WHERE id = 1'),
    ('GroupingFunc', 15, 'SELECT GROUPING(name) FROM item WHERE id = 1 GROUP BY name'),
    ('MinMaxExpr', 15, 'SELECT greatest(id, 5) FROM item WHERE id = 1'),
    ('NamedArgExpr', 15, 'SELECT named(b => 1, a => id) FROM item WHERE id = 1'),
    ('NullIfExpr', 15, 'SELECT nullif(id, 2) FROM item WHERE id = 1'),
    ('NullTest', 15, 'SELECT name IS NULL FROM item WHERE id = 1'),
    ('OpExpr', 15, 'SELECT id + 1 FROM item WHERE id = 1'),
    ('RelabelType', 15, 'SELECT name::varchar FROM item WHERE id = 1'),
    ('RowCompareExpr', 15, 'SELECT (id, name) < (2, ''b'') FROM item WHERE id = 1'),
    ('RowExpr', 15, 'SELECT ROW(id, name)::pair FROM item WHERE id = 1'),
    ('RowExpr', 15, 'SELECT to_jsonb(ROW(id, name, due)) FROM item WHERE id = 1'),
    ('ScalarArrayOpExpr', 15, 'SELECT 1 = ANY (a) FROM item WHERE id = 1'),
    ('SubLink', 15, 'SELECT EXISTS (SELECT FROM item WHERE id = 2)'),
    ('SubLink', 15, 'SELECT id IN (SELECT id FROM shown) FROM item WHERE id = 1'),
    ('SubLink', 15, 'SELECT (1, ''one'') = (SELECT id, name FROM item WHERE id = 1)'),
    ('SubLink', 15, 'SELECT ARRAY(SELECT id FROM item ORDER BY id)'),
    ('SubscriptingRef', 15, 'SELECT a[1] FROM item WHERE id = 1'),
    ('SubscriptingRef', 15, 'SELECT j[''a''] FROM item WHERE id = 1'),
    ('Var', 15, 'SELECT name FROM item WHERE id = 1'),
    ('Var', 15, 'SELECT i FROM item AS i WHERE id = 1'),
    ('Var', 15, 'SELECT tableoid FROM item WHERE id = 1'),
    ('WindowFunc', 15, 'SELECT rank() OVER (PARTITION BY name ORDER BY id) FROM item WHERE id = 1'),
    ('XmlExpr', 15, 'SELECT xmlelement(name a, xmlattributes(due AS d), name) FROM item WHERE id = 1'),
    ('JsonConstructorExpr', 16, 'SELECT JSON_OBJECT(''a'': id, ''b'': due) FROM item WHERE id = 1'),
    ('JsonConstructorExpr', 16, 'SELECT JSON_ARRAYAGG(id ORDER BY id) FROM item'),
    ('JsonValueExpr', 16, 'SELECT JSON_OBJECT(''a'': j::text FORMAT JSON) FROM item WHERE id = 1'),
    ('JsonIsPredicate', 16, 'SELECT name IS JSON OBJECT FROM item WHERE id = 1'),
    ('JsonExpr', 17, 'SELECT JSON_VALUE(j, ''$.a'' RETURNING int) FROM item WHERE id = 1'),
    ('JsonExpr', 17, 'SELECT JSON_QUERY(j, ''$'' RETURNING text) FROM item WHERE id = 1'),
    ('JsonBehavior', 17, 'SELECT JSON_VALUE(j, ''$.b'' DEFAULT ''none'' ON EMPTY) FROM item WHERE id = 1'),
    -- what holds them together
    ('CTECycleClause', 15, 'WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n % 3 + 1 FROM t) CYCLE n SET again USING path SELECT count(*) FROM t'),
    ('CTESearchClause', 15, 'WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) SEARCH DEPTH FIRST BY n SET o SELECT count(o) FROM t'),
    ('CommonTableExpr', 15, 'WITH t AS MATERIALIZED (SELECT id FROM item) SELECT count(*) FROM t'),
    ('FromExpr', 15, 'SELECT count(*) FROM item, shown'),
    ('JoinExpr', 15, 'SELECT count(*) FROM item LEFT JOIN shown ON item.id = shown.id'),
    ('List', 15, 'SELECT count(*) FROM item'),
    ('Query', 15, 'SELECT count(*) FROM item'),
    ('RangeTblEntry', 15, 'SELECT count(*) FROM item'),
    ('RangeTblFunction', 15, 'SELECT count(*) FROM generate_series(1, 3)'),
    ('RangeTblRef', 15, 'SELECT count(*) FROM item'),
    ('SetOperationStmt', 15, 'SELECT id FROM item WHERE id = 1 INTERSECT SELECT 1'),
    ('SortGroupClause', 15, 'SELECT id FROM item ORDER BY name DESC LIMIT 1'),
    ('TableFunc', 15, 'SELECT n FROM XMLTABLE(''/a'' PASSING xml ''<a><b>5</b></a>'' COLUMNS n int PATH ''b'')'),
    ('TableFunc', 17, 'SELECT n FROM JSON_TABLE(jsonb ''{"a": 5}'', ''$'' COLUMNS (n int PATH ''$.a''))'),
    ('TargetEntry', 15, 'SELECT count(*) FROM item'),
    ('WindowClause', 15, 'SELECT sum(big) OVER (ORDER BY id RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM item WHERE id = 1'),
    -- kinds of relations; the mark tells that there is no node to it
    ('-relation', 15, 'SELECT count(*) FROM ONLY parent'),
    ('-relation', 15, 'SELECT count(*) FROM parent'),
    ('-subquery', 15, 'SELECT count(*) FROM (SELECT id FROM item LIMIT 1) AS t, LATERAL (SELECT t.id) AS u'),
    ('-view', 15, 'SELECT count(*) FROM shown'),
    ('-join', 15, 'SELECT id FROM item JOIN (SELECT 1::bigint) AS t (id) USING (id)'),
    ('-join', 15, 'SELECT id FROM (item FULL JOIN (SELECT 1::bigint) AS t (id) USING (id)) WHERE id = 1'),
    ('-function', 15, 'SELECT sum(n) FROM ROWS FROM (generate_series(1, 2), unnest(ARRAY[3])) WITH ORDINALITY AS t (n, m, o)'),
    ('-values', 15, 'SELECT count(*) FROM (VALUES (1, ''a''), (2, ''b'')) AS v (n, t)'),
    ('-cte', 15, 'WITH t AS (SELECT id FROM item) SELECT count(*) FROM t AS a JOIN t AS b USING (id)'),
    ('-group', 15, 'SELECT name || '':'' || count(*) FROM item WHERE id = 1 GROUP BY name, due HAVING count(*) > 0'),
    ('-group', 15, 'SELECT count(*) FROM item GROUP BY GROUPING SETS (()) '),
    ('-result', 15, 'SELECT 2 LIMIT 1 OFFSET 0');
INSERT INTO cases (node, since, query, args) VALUES
    ('Param', 15, 'SELECT name FROM item WHERE id = $1', '{1}');
INSERT INTO cases (node, since, query, outcome) VALUES
    ('SQLValueFunction', 15, 'SELECT current_date', 'that calls "current_date"'),
    ('-CurrentOfExpr', 15, 'DELETE FROM item WHERE CURRENT OF c', 'with anything but SELECT'),
    ('-FieldStore', 15, 'UPDATE item SET p.a = 1', 'with anything but SELECT'),
    ('-MergeAction', 15, 'MERGE INTO item USING shown ON item.id = shown.id WHEN MATCHED THEN DELETE', 'with anything but SELECT'),
    ('-MergeSupportFunc', 17, 'MERGE INTO item USING shown ON item.id = shown.id WHEN MATCHED THEN DELETE RETURNING merge_action()', 'with anything but SELECT'),
    ('-OnConflictExpr', 15, 'INSERT INTO parent VALUES (1) ON CONFLICT (id) DO UPDATE SET name = ''x''', 'with anything but SELECT'),
    ('-ReturningExpr', 18, 'UPDATE item SET name = ''x'' RETURNING old.name', 'with anything but SELECT'),
    ('-SetToDefault', 15, 'INSERT INTO parent VALUES (1, DEFAULT)', 'with anything but SELECT'),
    ('-utility', 15, 'VALUES (1); VALUES (2)', 'query must be a single statement'),
    ('-utility', 15, 'EXPLAIN SELECT 1', 'with anything but SELECT'),
    ('-CTE', 15, 'WITH t AS (DELETE FROM item RETURNING id) SELECT count(*) FROM t', 'with data-modifying WITH'),
    ('-row locks', 15, 'SELECT id FROM item LIMIT 1 FOR SHARE', 'with row locks'),
    ('-row locks', 15, 'SELECT count(*) FROM (SELECT id FROM item FOR SHARE) AS t', 'with row locks'),
    ('-sample', 15, 'SELECT count(*) FROM item TABLESAMPLE system (10) REPEATABLE (1)', 'with TABLESAMPLE'),
    ('-input', 17, 'SELECT JSON_VALUE(j, ''$.a'' RETURNING date) FROM item WHERE id = 1', 'that calls "date_in"'),
    ('-input', 17, 'SELECT n FROM JSON_TABLE(jsonb ''{"a": "now"}'', ''$'' COLUMNS (n date PATH ''$.a''))', 'that calls "date_in"'),
    ('-input', 15, 'SELECT n FROM XMLTABLE(''/a'' PASSING xml ''<a>now</a>'' COLUMNS n timestamp PATH ''.'')', 'that calls "timestamp_in"'),
    ('-input', 15, 'SELECT name::date[] FROM item WHERE id = 1', 'that calls "date_in"');

-- What becomes of a query: it is cached, and served; or why not.
CREATE FUNCTION outcome(query text, args text[] DEFAULT '{}') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    before bigint;
    first jsonb := cq.cache_fetch('case', query, args);
BEGIN
    SELECT hits INTO before FROM cq.stat_cache;
    IF cq.cache_fetch('case', query, args) IS DISTINCT FROM first THEN
        RETURN 'differs';
    END IF;
    RETURN CASE (SELECT hits FROM cq.stat_cache) - before WHEN 1 THEN 'cached' ELSE 'not cached' END;
END $$;
CREATE FUNCTION outcome_or_error(query text, args text[] DEFAULT '{}') RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    RETURN outcome(query, args);
EXCEPTION WHEN OTHERS THEN
    RETURN replace(SQLERRM, 'cannot cache the result of a query ', '');
END $$;
DELETE FROM cases WHERE since > current_setting('server_version_num')::int / 10000;
\set ECHO all
