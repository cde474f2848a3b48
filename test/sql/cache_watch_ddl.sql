-- DDL on watched tables, partitions and inheritance.
CREATE SCHEMA cache_test;
SET search_path = cache_test;
\set SHOW_CONTEXT never

CREATE FUNCTION put(VARIADIC tags text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    tag text;
BEGIN
    FOREACH tag IN ARRAY tags LOOP
        IF cq.cache_get(tag) IS NULL THEN
            IF NOT cq.cache_set(tag, 'v', tags => ARRAY[tag]) THEN
                RAISE '% was refused', tag;
            END IF;
        END IF;
    END LOOP;
END $$;
CREATE FUNCTION left_of(VARIADIC tags text[]) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(tag, ' ' ORDER BY n) FILTER (WHERE cq.cache_get(tag) IS NOT NULL), 'none')
    FROM unnest(tags) WITH ORDINALITY AS t (tag, n);
$$;
-- Which of these tags does a statement leave?  A relation's name stands for its own tag.
CREATE PROCEDURE try(statement text, VARIADIC tags text[]) LANGUAGE plpgsql AS $$
DECLARE
    real_tags text[] := ARRAY(SELECT coalesce(cq.cache_table_tag(to_regclass(tag)), tag)
                              FROM unnest(tags) WITH ORDINALITY AS t (tag, n) ORDER BY n);
    remaining text;
BEGIN
    PERFORM cache_test.put(VARIADIC real_tags);
    COMMIT;
    EXECUTE statement;
    COMMIT;
    SELECT string_agg(tags[n], ' ' ORDER BY n) INTO remaining
    FROM unnest(real_tags) WITH ORDINALITY AS t (tag, n) WHERE cq.cache_get(tag) IS NOT NULL;
    RAISE NOTICE '% -> %', statement, coalesce(remaining, 'none left');
END $$;

-- tables without templates: their own tag
CREATE TABLE plain (id int PRIMARY KEY, a int, b text);
CREATE TABLE other (id int);
SELECT cq.cache_watch('plain'), cq.cache_watch('other');
INSERT INTO plain VALUES (1, 1, 'b');
CALL try('SELECT count(*) FROM plain', 'plain', 'other', 'x');
CALL try('TRUNCATE plain', 'plain', 'other', 'x');
CALL try('INSERT INTO plain VALUES (1, 1, ''b'')', 'plain', 'other', 'x');
CALL try('ALTER TABLE plain ADD COLUMN c int DEFAULT 5', 'plain');
CALL try('ALTER TABLE plain ALTER COLUMN c TYPE text', 'plain');
CALL try('ALTER TABLE plain ALTER COLUMN a TYPE bigint USING a * 2', 'plain');
CALL try('ALTER TABLE plain DROP COLUMN c', 'plain');
CALL try('ALTER TABLE plain RENAME COLUMN b TO bb', 'plain');
CALL try('ALTER TABLE plain RENAME TO plainer', 'plain');
CALL try('ALTER TABLE plainer RENAME TO plain', 'plainer');
CALL try('ALTER TABLE plain ENABLE ROW LEVEL SECURITY', 'plain');
CALL try('CREATE POLICY p ON plain USING (true)', 'plain');
CALL try('ALTER POLICY p ON plain USING (id > 1)', 'plain');
CALL try('DROP POLICY p ON plain', 'plain');
CALL try('CREATE RULE r AS ON DELETE TO plain DO INSTEAD NOTHING', 'plain');
CALL try('ALTER TABLE plain SET SCHEMA public', 'plain');
ALTER TABLE public.plain SET SCHEMA cache_test;
-- the same contents in another file: hits may stay, and must be right
VACUUM FULL plain;
CLUSTER plain USING plain_pkey;
SELECT put('plain');
UPDATE plain SET bb = 'after VACUUM FULL';
CALL try('UPDATE plain SET bb = ''again''', 'plain', 'other');

-- with templates: nobody knows which rows are concerned
CREATE TABLE item (id int PRIMARY KEY, owner text);
SELECT cq.cache_watch('item', ARRAY['item:{id}', 'owner:{owner}']);
INSERT INTO item VALUES (1, 'ann'), (2, 'bob');
CALL try('UPDATE item SET owner = ''bob'' WHERE id = 1', 'item:1', 'item:2', 'owner:ann', 'owner:bob', 'owner:eve');
CALL try('TRUNCATE item', 'item', 'item:1', 'item:99', 'owner:ann');
INSERT INTO item VALUES (1, 'ann'), (2, 'bob');
CALL try('ALTER TABLE item ADD COLUMN c int DEFAULT 5', 'item', 'item:1', 'owner:ann');
CALL try('ALTER TABLE item ALTER COLUMN owner TYPE varchar(10) USING ''x''', 'item', 'item:1', 'owner:ann');
CALL try('ALTER TABLE item ENABLE ROW LEVEL SECURITY', 'item', 'item:1', 'owner:ann');
-- rolled back
SELECT put('item:1');
BEGIN;
TRUNCATE item;
SELECT left_of('item:1') AS own;
ROLLBACK;
SELECT left_of('item:1') AS rolled_back;
BEGIN;
ALTER TABLE item DROP COLUMN c;
ROLLBACK;
SELECT left_of('item:1') AS rolled_back;
-- triggers that somebody switches off stay on
CREATE VIEW switched AS
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'item'::regclass ORDER BY tgname;
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER theirs AFTER INSERT ON item FOR EACH ROW EXECUTE FUNCTION nothing();
CALL try('ALTER TABLE item DISABLE TRIGGER ALL', 'item', 'item:1', 'owner:ann');
TABLE switched;
CALL try('INSERT INTO item VALUES (3, ''ann'')', 'item', 'item:1', 'item:3', 'owner:ann');
CALL try('ALTER TABLE item ENABLE TRIGGER ALL', 'item', 'item:1', 'owner:ann');
TABLE switched;
ALTER TABLE item DISABLE TRIGGER USER;
ALTER TABLE item DISABLE TRIGGER "!cachequeue_row";
ALTER TABLE item DISABLE TRIGGER "!cachequeue_truncate", ENABLE REPLICA TRIGGER "!cachequeue_statement";
TABLE switched;
ALTER TABLE item DISABLE TRIGGER theirs;
SELECT put('item:1', 'item:2');
SET session_replication_role = replica;
UPDATE item SET owner = 'replica' WHERE id = 1;
SELECT left_of('item:1', 'item:2') AS fires_always;
TRUNCATE item;
RESET session_replication_role;
SELECT left_of('item:1', 'item:2') AS truncated;
DROP VIEW switched;
-- dropped, and made again
CALL try('DROP TABLE item', 'item', 'item:1', 'owner:ann');
CREATE TABLE item (id int PRIMARY KEY, owner text);
SELECT count(*) FROM cq.cache_watches WHERE target = 'item'::regclass;
SELECT cq.cache_watch('item', ARRAY['item:{id}']);
CALL try('INSERT INTO item VALUES (1)', 'item', 'item:1', 'item:2');
CALL try('CREATE TABLE copy AS SELECT * FROM item', 'item', 'item:1');
CALL try('DROP TRIGGER "!cachequeue_row" ON item', 'item', 'item:1', 'owner:ann');
SELECT cq.cache_watch('item', ARRAY['item:{id}']);
SELECT cq.cache_fetch('count', 'SELECT count(*) FROM item');
CALL try('DROP TRIGGER "!cachequeue_truncate" ON item', 'item', 'item:1');
SELECT cq.cache_fetch('count', 'SELECT count(*) FROM item');
DROP TABLE item;
CREATE SCHEMA inner_schema CREATE TABLE item (id int);
SELECT cq.cache_watch('inner_schema.item', ARRAY['item:{id}']);
CALL try('DROP SCHEMA inner_schema CASCADE', 'inner_schema.item', 'item:1');

-- partitions: a change of one is a change of all its ancestors
CREATE TABLE root (id int, region text, v text) PARTITION BY LIST (region);
CREATE TABLE north PARTITION OF root FOR VALUES IN ('n');
CREATE TABLE south PARTITION OF root FOR VALUES IN ('s') PARTITION BY RANGE (id);
CREATE TABLE south_low (v text, id int, region text);
ALTER TABLE south ATTACH PARTITION south_low FOR VALUES FROM (0) TO (100);
CREATE TABLE south_high PARTITION OF south FOR VALUES FROM (100) TO (200);
SELECT cq.cache_watch('root', ARRAY['row:{id}']);
SELECT target, tags, enabled FROM cq.cache_watches WHERE target::text ~ 'root|north|south' ORDER BY target::text;
CALL try('INSERT INTO root VALUES (1, ''n'', ''v'')', 'root', 'north', 'south', 'row:1', 'row:2');
CALL try('INSERT INTO root VALUES (2, ''s'', ''v'')', 'north', 'south', 'south_low', 'south_high', 'row:1', 'row:2', 'row:3');
CALL try('INSERT INTO south_low VALUES (''v'', 3, ''s'')', 'root', 'north', 'south', 'south_low', 'south_high', 'row:1', 'row:2', 'row:3');
CALL try('UPDATE root SET v = ''w'' WHERE id = 2', 'root', 'north', 'south', 'south_low', 'south_high', 'row:1', 'row:2', 'row:3');
CALL try('UPDATE south SET v = ''w'' WHERE id = 2', 'root', 'north', 'south', 'south_low', 'south_high', 'row:1', 'row:2', 'row:3');
CALL try('DELETE FROM south_low WHERE id = 3', 'root', 'north', 'south', 'south_low', 'south_high', 'row:1', 'row:2', 'row:3');
CALL try('UPDATE root SET region = ''s'' WHERE id = 1', 'root', 'north', 'south', 'south_low', 'south_high', 'row:1', 'row:2', 'row:3');
CALL try('UPDATE root SET id = 101 WHERE id = 1', 'root', 'north', 'south', 'south_low', 'south_high', 'row:1', 'row:101', 'row:3');
CALL try('TRUNCATE south_high', 'root', 'north', 'south', 'south_low', 'south_high', 'row:101');
CALL try('TRUNCATE root', 'root', 'north', 'south', 'south_low', 'south_high', 'row:1');
CALL try('DROP TABLE south_high', 'root', 'south', 'row:101');
-- switched off through the root, and one by one
ALTER TABLE root DISABLE TRIGGER ALL;
ALTER TABLE south_low DISABLE TRIGGER USER;
SELECT bool_and(tgenabled = 'A') FROM pg_trigger WHERE tgname LIKE '!cachequeue%' AND tgrelid IN (SELECT relid FROM pg_partition_tree('root'));
-- partitions that come later, and go
CALL try('CREATE TABLE south_high PARTITION OF south FOR VALUES FROM (100) TO (200)', 'root', 'south', 'row:101');
CALL try('INSERT INTO root VALUES (102, ''s'', ''v'')', 'root', 'north', 'south', 'south_high', 'row:102', 'row:1');
CALL try('INSERT INTO south_high VALUES (103, ''s'', ''v'')', 'root', 'north', 'south', 'south_high', 'row:103', 'row:1');
CALL try('TRUNCATE south_high', 'root', 'south', 'south_high', 'row:102');
CREATE TABLE west (id int, region text, v text);
INSERT INTO west VALUES (50, 'w', 'v');
CALL try('ALTER TABLE root ATTACH PARTITION west FOR VALUES IN (''w'')', 'root', 'row:50');
CALL try('UPDATE west SET v = ''x'' WHERE id = 50', 'root', 'west', 'north', 'row:50', 'row:51');
CALL try('TRUNCATE west', 'root', 'west', 'row:50');
INSERT INTO west VALUES (50, 'w', 'v');
SELECT target, tags, enabled FROM cq.cache_watches WHERE target::text ~ 'root|north|south|west' ORDER BY target::text;
CALL try('ALTER TABLE root DETACH PARTITION west', 'root', 'row:50');
CALL try('UPDATE west SET v = ''y'' WHERE id = 50', 'root', 'north', 'row:51');
-- a partition is watched through its parent, and only so
SELECT cq.cache_unwatch('north');
SELECT cq.cache_watch('north', ARRAY['north:{id}']);
CALL try('TRUNCATE north', 'root', 'north', 'row:1');
-- one that was away while the templates changed
SELECT cq.cache_watch('root');
ALTER TABLE root DETACH PARTITION north;
SELECT cq.cache_watch('root', ARRAY['row:{id}']);
ALTER TABLE root ATTACH PARTITION north FOR VALUES IN ('n');
CALL try('TRUNCATE north', 'root', 'north', 'row:1');
SELECT cq.cache_unwatch('root');
SELECT count(*) FROM cq.cache_watches WHERE target::text ~ 'root|north|south';

-- inheritance: a query of the parent reads the children too
CREATE TABLE parent (id int, v text);
CREATE TABLE child (extra int) INHERITS (parent);
CREATE TABLE grandchild () INHERITS (child);
INSERT INTO parent VALUES (1, 'v');
INSERT INTO child VALUES (2, 'v');
INSERT INTO grandchild VALUES (3, 'v');
SELECT cq.cache_watch('parent', ARRAY['id:{id}']);
SELECT target, tags, enabled FROM cq.cache_watches WHERE target::text ~ 'parent|child' ORDER BY target::text;
CALL try('UPDATE parent SET v = ''w'' WHERE id = 3', 'id:1', 'id:2', 'id:3');
CALL try('UPDATE child SET v = ''x'' WHERE id = 2', 'parent', 'child', 'id:1', 'id:2', 'id:3');
CALL try('INSERT INTO grandchild VALUES (4, ''v'')', 'parent', 'child', 'grandchild', 'id:1', 'id:4');
CALL try('DELETE FROM ONLY parent', 'parent', 'child', 'grandchild', 'id:1', 'id:4');
CALL try('TRUNCATE grandchild', 'parent', 'child', 'grandchild', 'id:3');
-- children that come later, and go
CREATE TABLE late () INHERITS (parent);
CALL try('INSERT INTO late VALUES (5, ''v'')', 'parent', 'child', 'late', 'id:5', 'id:1');
CALL try('TRUNCATE late', 'parent', 'late', 'id:5');
CREATE TABLE adopted (id int, v text);
INSERT INTO adopted VALUES (6, 'v');
CALL try('ALTER TABLE adopted INHERIT parent', 'parent', 'id:6');
CALL try('UPDATE adopted SET v = ''w''', 'parent', 'child', 'adopted', 'id:6', 'id:1');
CALL try('ALTER TABLE adopted NO INHERIT parent', 'parent', 'id:6');
CALL try('DROP TABLE late', 'parent', 'id:5');
-- without templates the children's own tags and the parent's are all there is
SELECT cq.cache_watch('parent');
DROP TABLE adopted;
CREATE TABLE adopted (id int, v text);
ALTER TABLE adopted INHERIT parent;
CALL try('ALTER TABLE adopted NO INHERIT parent', 'parent');
ALTER TABLE adopted INHERIT parent;
CALL try('DROP TABLE adopted', 'parent');
CALL try('DROP TABLE grandchild', 'parent', 'child');
-- a child that is watched for its own sake as well
CREATE TABLE special (id int, v text, s text);
SELECT cq.cache_watch('special', ARRAY['special:{s}']);
SELECT cq.cache_watch('parent', ARRAY['id:{id}']);
CALL try('ALTER TABLE special INHERIT parent', 'parent', 'special', 'id:7', 'special:x');
SELECT target, tags, enabled FROM cq.cache_watches WHERE target::text ~ 'parent|special' ORDER BY target::text;
CALL try('INSERT INTO special VALUES (7, ''v'', ''x'')', 'parent', 'special', 'child', 'id:7', 'special:x', 'id:1', 'special:y');
SELECT cq.cache_watch('parent', ARRAY['nr:{id}']);
SELECT cq.cache_watch('special', ARRAY['special:{s}', 'v:{v}']);
SELECT target, tags, enabled FROM cq.cache_watches WHERE target::text ~ 'parent|special' ORDER BY target::text;
SELECT cq.cache_unwatch('special');
-- grandchildren that come with a child
CREATE TABLE late_grandchild (id int, v text);
CREATE TABLE late_child (id int, v text);
ALTER TABLE late_grandchild INHERIT late_child;
ALTER TABLE late_child INHERIT parent;
CALL try('INSERT INTO late_grandchild VALUES (8, ''v'')', 'parent', 'late_child', 'late_grandchild', 'child', 'nr:8', 'nr:9');
SELECT cq.cache_unwatch('parent');
SELECT count(*) FROM cq.cache_watches WHERE target::text ~ 'parent|child|adopted|special';

-- event triggers leave other objects alone
CREATE FUNCTION harmless() RETURNS int LANGUAGE sql RETURN 1;
CREATE TYPE harmless_type AS (a int);
CREATE TEMP TABLE harmless_table (id int);
ALTER TABLE harmless_table ADD COLUMN n int;
DROP TABLE harmless_table;
DROP TYPE harmless_type;
DROP FUNCTION harmless();

SET client_min_messages = warning;
DROP SCHEMA cache_test CASCADE;
SELECT count(*) FROM cq.cache_watches;
