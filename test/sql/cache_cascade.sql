-- Rows that foreign keys change while triggers run: they are not marked yet, and
-- what depends on them is bypassed.
CREATE SCHEMA cascade_test;
SET search_path = cascade_test;
\set SHOW_CONTEXT never

CREATE FUNCTION put(VARIADIC tags text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    tag text;
BEGIN
    FOREACH tag IN ARRAY tags LOOP
        IF cq.cache_get(tag) IS NULL THEN
            PERFORM cq.cache_set(tag, 'cached', tags => ARRAY[tag]);
        END IF;
    END LOOP;
END $$;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    rows text := (SELECT string_agg('u:' || id, ' ' ORDER BY id) FROM cascade_test.u);
    cached text := (SELECT string_agg(tag, ' ' ORDER BY tag) FROM unnest('{u:1,u:2,u:3}'::text[]) AS tag
        WHERE cq.cache_get(tag) IS NOT NULL);
BEGIN
    RAISE NOTICE '% % %: rows %, cached %', tg_table_name, tg_when, tg_level, coalesce(rows, 'none'), coalesce(cached, 'none');
    RETURN NULL;
END $$;

-- a delete reaches u on two ways, one of them over another table
CREATE TABLE aa (id int PRIMARY KEY);
CREATE TABLE u (id int PRIMARY KEY, a_id int REFERENCES aa ON DELETE CASCADE, b_id int);
CREATE TABLE bb (id int PRIMARY KEY, a_id int REFERENCES aa ON DELETE CASCADE);
ALTER TABLE u ADD FOREIGN KEY (b_id) REFERENCES bb ON DELETE CASCADE;
SELECT cq.cache_watch('u', ARRAY['u:{id}']);
-- behind those of the foreign keys
CREATE TRIGGER tell AFTER DELETE ON bb FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER tell_end AFTER DELETE ON bb FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE TRIGGER tell AFTER DELETE ON aa FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER tell_end AFTER DELETE ON aa FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO cascade_test.aa VALUES (1), (2) ON CONFLICT DO NOTHING;
    INSERT INTO cascade_test.bb VALUES (1, 1), (2, 2) ON CONFLICT DO NOTHING;
    INSERT INTO cascade_test.u VALUES (1, 1, NULL), (2, NULL, 1), (3, 2, 2) ON CONFLICT DO NOTHING;
    COMMIT;
    PERFORM cascade_test.put('u:1', 'u:2', 'u:3');
END $$;

CALL fill();
DELETE FROM aa WHERE id = 1;
SELECT coalesce(cq.cache_get('u:1'), 'none') AS u1, coalesce(cq.cache_get('u:2'), 'none') AS u2, cq.cache_get('u:3') AS u3;

-- a function that the statement calls, and what follows it in the same function
CALL fill();
CREATE FUNCTION delete_and_look() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM cascade_test.aa WHERE id = 1;
    RETURN NEXT 'after it: u:2 ' || coalesce(cq.cache_get('u:2'), 'none') || ', u:3 ' || coalesce(cq.cache_get('u:3'), 'none');
END $$;
SELECT delete_and_look();

-- halfway: the transaction can't tell what has changed, and sets nothing from before
CALL fill();
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'halfway'; END $$;
CREATE TRIGGER zfail AFTER DELETE ON bb FOR EACH ROW EXECUTE FUNCTION fail();
BEGIN;
SELECT cq.cache_get('new') AS miss;
SAVEPOINT a;
DELETE FROM aa WHERE id = 1;
ROLLBACK TO a;
SELECT cq.cache_set('new', 'read before', tags => '{u:2}');
SELECT cq.cache_get('u:2');
COMMIT;
DROP TRIGGER zfail ON bb;

-- an update of keys, in place of a delete
ALTER TABLE u DROP CONSTRAINT u_b_id_fkey, ADD FOREIGN KEY (b_id) REFERENCES bb ON UPDATE CASCADE;
ALTER TABLE bb DROP CONSTRAINT bb_a_id_fkey, ADD FOREIGN KEY (a_id) REFERENCES aa ON UPDATE CASCADE;
ALTER TABLE u DROP CONSTRAINT u_a_id_fkey, ADD FOREIGN KEY (a_id) REFERENCES aa ON UPDATE CASCADE;
CREATE TRIGGER told AFTER UPDATE ON bb FOR EACH ROW EXECUTE FUNCTION tell();
CALL fill();
UPDATE aa SET id = 7 WHERE id = 1;
UPDATE bb SET id = 8 WHERE id = 1;

-- a statement of its own in the trigger ends before the statement around it
CREATE FUNCTION nested() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE cascade_test.aa SET id = id WHERE false;
    UPDATE cascade_test.u SET a_id = a_id WHERE id = 3;
    RAISE NOTICE 'nested: u:1 %, u:2 %', coalesce(cq.cache_get('u:1'), 'none'), coalesce(cq.cache_get('u:2'), 'none');
    RETURN NULL;
END $$;
CREATE TRIGGER nested AFTER UPDATE ON bb FOR EACH ROW EXECUTE FUNCTION nested();
CALL fill();
SELECT put('u:1', 'u:2', 'u:3');
UPDATE bb SET id = 9 WHERE id = 8;
SELECT cq.cache_get('u:1') AS u1, coalesce(cq.cache_get('u:2'), 'none') AS u2;

-- COPY is a statement, too
CREATE FUNCTION look_at_copy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'u:% %', new.id, coalesce(cq.cache_get('u:' || new.id), 'none');
    RETURN NULL;
END $$;
CREATE TRIGGER look_at_copy AFTER INSERT ON u FOR EACH ROW EXECUTE FUNCTION look_at_copy();
SELECT put('u:11', 'u:12', 'u:13');
BEGIN;
COPY u (id) FROM stdin;
11
12
\.
SELECT coalesce(cq.cache_get('u:11'), 'none') AS u11, coalesce(cq.cache_get('u:13'), 'none') AS u13;
COMMIT;

-- partitions and children: the statement's triggers are those of the table that it names
CREATE TABLE root (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
CREATE TABLE leaf PARTITION OF root FOR VALUES FROM (0) TO (100);
CREATE TABLE parent (id int, v int);
CREATE TABLE child () INHERITS (parent);
INSERT INTO root VALUES (1, 1);
INSERT INTO child VALUES (1, 1);
CREATE FUNCTION look(tag text, v int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN format('%s: cached %s, now %s', tag, coalesce(cq.cache_get(tag), 'none'), v);
END $$;
SELECT cq.cache_watch('leaf', ARRAY['leaf:{id}']), cq.cache_watch('child', ARRAY['child:{id}']);
SELECT put('leaf:1', 'child:1', 'leaf:2');
UPDATE root SET v = 2 RETURNING look('leaf:' || id, v);
UPDATE parent SET v = 2 RETURNING look('child:' || id, v);
SELECT put('leaf:1', 'child:1', 'leaf:2');
DELETE FROM root RETURNING look('leaf:' || id, v);
DELETE FROM parent RETURNING look('child:' || id, v);
SELECT look('leaf:2', 0);
-- watched as a whole
SELECT cq.cache_unwatch('leaf'), cq.cache_watch('root');
INSERT INTO root VALUES (1, 1);
CREATE FUNCTION total() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN cq.cache_fetch('total', 'SELECT sum(v) FROM cascade_test.leaf');
END $$;
SELECT total();
UPDATE root SET v = v + 1 RETURNING v, total();
SELECT total();
INSERT INTO root VALUES (2, 2), (3, 3) RETURNING total() BETWEEN '2' AND '7' AS some;
SELECT total();
MERGE INTO root USING (VALUES (1), (9)) AS m (id) ON root.id = m.id
    WHEN MATCHED THEN UPDATE SET v = v + 10
    WHEN NOT MATCHED THEN INSERT VALUES (9, (total() #>> '{}')::int);
SELECT total();

\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA cascade_test CASCADE;
