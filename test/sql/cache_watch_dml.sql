-- Ways in which rows of watched tables change: what depended on the old row, on
-- the new row and on the table is invalidated, and nothing else.
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
-- Which of these tags does a statement leave?  A relation's name stands for its own tag.
CREATE FUNCTION real_tags(tags text[]) RETURNS text[] LANGUAGE sql AS $$
    SELECT array_agg(coalesce(cq.cache_table_tag(to_regclass(tag)), tag) ORDER BY n)
    FROM unnest(tags) WITH ORDINALITY AS t (tag, n);
$$;
CREATE FUNCTION left_of(VARIADIC tags text[]) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(tags[n], ' ' ORDER BY n) FILTER (WHERE cq.cache_get(tag) IS NOT NULL), 'none left')
    FROM unnest(real_tags(tags)) WITH ORDINALITY AS t (tag, n);
$$;
CREATE PROCEDURE try(statement text, VARIADIC tags text[]) LANGUAGE plpgsql AS $$
DECLARE
    real_tags text[] := cache_test.real_tags(tags);
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

-- foreign keys
CREATE TABLE author (id int PRIMARY KEY);
CREATE TABLE book (id int PRIMARY KEY, author int DEFAULT 0,
    CONSTRAINT book_author FOREIGN KEY (author) REFERENCES author ON UPDATE CASCADE ON DELETE SET NULL);
CREATE TABLE page (id int PRIMARY KEY, book int REFERENCES book ON DELETE CASCADE);
INSERT INTO author VALUES (0), (1), (2);
INSERT INTO book VALUES (10, 1), (20, 2);
INSERT INTO page VALUES (100, 10), (200, 20);
SELECT cq.cache_watch('book', ARRAY['book:{id}', 'by:{author}']), cq.cache_watch('page', ARRAY['page:{id}', 'of:{book}']);
CALL try('UPDATE author SET id = 3 WHERE id = 1', 'book', 'book:10', 'book:20', 'by:1', 'by:2', 'by:3', 'page');
CALL try('DELETE FROM author WHERE id = 3', 'book', 'book:10', 'book:20', 'by:2', 'by:3', 'page');
CALL try('DELETE FROM book WHERE id = 10', 'book', 'book:10', 'book:20', 'by:2', 'page', 'page:100', 'page:200', 'of:10', 'of:20');
ALTER TABLE book DROP CONSTRAINT book_author,
    ADD FOREIGN KEY (author) REFERENCES author ON DELETE SET DEFAULT ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED;
CALL try('DELETE FROM author WHERE id = 2', 'book', 'book:20', 'by:2', 'by:0', 'by:1', 'page');
CALL try('UPDATE author SET id = 5 WHERE id = 0', 'book', 'book:20', 'by:0', 'by:5', 'page');
-- all the way down
ALTER TABLE book DROP CONSTRAINT book_author_fkey, ADD FOREIGN KEY (author) REFERENCES author ON DELETE CASCADE;
UPDATE book SET author = 5;
CALL try('DELETE FROM author', 'book', 'book:20', 'by:5', 'page', 'page:200', 'of:20', 'page:1');

-- partitions
CREATE TABLE root (id int, region text, v text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE north PARTITION OF root FOR VALUES IN ('n');
CREATE TABLE south PARTITION OF root FOR VALUES IN ('s') PARTITION BY RANGE (id);
CREATE TABLE south_low PARTITION OF south FOR VALUES FROM (0) TO (100);
CREATE TABLE others PARTITION OF root DEFAULT;
SELECT cq.cache_watch('root', ARRAY['row:{id}', 'in:{region}']);
INSERT INTO root VALUES (1, 'n', 'v'), (2, 's', 'v'), (3, 'x', 'v');
CALL try('UPDATE root SET region = ''s'' WHERE id = 1', 'root', 'north', 'south', 'south_low', 'others', 'row:1', 'row:2', 'in:n', 'in:s', 'in:x');
CALL try('UPDATE root SET region = ''y'' WHERE id = 1', 'root', 'north', 'south', 'south_low', 'others', 'row:1', 'row:2', 'in:n', 'in:s', 'in:y');
CALL try('UPDATE others SET region = ''z'' WHERE id = 1', 'root', 'north', 'south_low', 'others', 'row:1', 'row:3', 'in:y', 'in:z', 'in:x');
CALL try('INSERT INTO root VALUES (2, ''s'', ''w'') ON CONFLICT (region, id) DO UPDATE SET v = excluded.v', 'root', 'north', 'south', 'south_low', 'row:1', 'row:2', 'in:n', 'in:s');
CALL try('INSERT INTO south_low VALUES (2, ''s'', ''w'') ON CONFLICT DO NOTHING', 'north', 'row:1', 'row:2', 'in:n', 'in:s');
CALL try($$MERGE INTO root USING (VALUES (1), (2), (4)) AS m (id) ON root.id = m.id
    WHEN MATCHED AND m.id = 1 THEN DELETE
    WHEN MATCHED THEN UPDATE SET region = 'n'
    WHEN NOT MATCHED THEN INSERT VALUES (m.id, 'new', 'v')$$,
    'root', 'north', 'south', 'south_low', 'others', 'row:1', 'row:2', 'row:3', 'row:4', 'in:z', 'in:s', 'in:n', 'in:new', 'in:x');
CALL try('DELETE FROM north', 'root', 'north', 'south', 'others', 'row:2', 'row:3', 'in:n', 'in:x');
CALL try('TRUNCATE others', 'root', 'others', 'row:3', 'in:x');
SELECT put(VARIADIC real_tags('{root,north,south_low,row:7,row:8,in:n,in:s}'));
COPY root FROM stdin;
7	n	copied
\.
SELECT left_of('root', 'north', 'south_low', 'row:7', 'row:8', 'in:n', 'in:s') AS copy;
SELECT put(VARIADIC real_tags('{root,north,south_low,row:7,row:8,in:n,in:s}'));
COPY south_low FROM stdin;
8	s	copied
\.
SELECT left_of('root', 'north', 'south_low', 'row:7', 'row:8', 'in:n', 'in:s') AS copy_into_a_leaf;
-- gone without a lock that keeps readers out
SELECT put(VARIADIC real_tags('{root,row:3}'));
ALTER TABLE root DETACH PARTITION others;
SELECT left_of('root', 'row:3') AS detached;
SELECT put(VARIADIC real_tags('{root,row:7}'));
ALTER TABLE root DETACH PARTITION north CONCURRENTLY;
SELECT left_of('root', 'row:7') AS detached_concurrently;
SELECT put(VARIADIC real_tags('{root,row:7,row:8,in:n}'));
UPDATE north SET v = 'not of the root any more';
SELECT left_of('root', 'row:7', 'row:8', 'in:n');
ALTER TABLE root ATTACH PARTITION north FOR VALUES IN ('n');
SELECT left_of('root', 'row:7', 'row:8', 'in:n') AS attached;
CALL try('UPDATE north SET v = ''again''', 'root', 'north', 'row:7', 'row:8', 'in:n', 'in:s');

-- frozen rows, which older snapshots see as well
CREATE TABLE frozen (id int PRIMARY KEY);
SELECT cq.cache_watch('frozen', ARRAY['frozen:{id}']);
SELECT put(VARIADIC real_tags('{frozen,frozen:1,frozen:2}'));
BEGIN;
TRUNCATE frozen;
COPY frozen FROM stdin (FREEZE);
1
\.
COMMIT;
SELECT left_of('frozen', 'frozen:1', 'frozen:2') AS copy_freeze;

-- rules, views, and triggers of views
CREATE TABLE item (id int PRIMARY KEY, owner text, v text, owner_upper text GENERATED ALWAYS AS (upper(owner)) STORED);
INSERT INTO item (id, owner) VALUES (1, 'ann'), (2, 'bob'), (3, 'eve');
SELECT cq.cache_watch('item', ARRAY['item:{id}', 'owner:{owner}', 'upper:{owner_upper}']);
CALL try('UPDATE item SET owner = ''joe'' WHERE id = 1', 'item', 'item:1', 'item:2', 'owner:ann', 'owner:joe', 'owner:bob', 'upper:ANN', 'upper:JOE', 'upper:BOB');
CREATE TABLE facade (id int, owner text);
CREATE RULE instead AS ON UPDATE TO facade DO INSTEAD UPDATE item SET owner = new.owner WHERE id = old.id;
INSERT INTO facade VALUES (1, 'x'), (2, 'x');
CALL try('UPDATE facade SET owner = ''rule'' WHERE id = 1', 'item', 'item:1', 'item:2', 'owner:joe', 'owner:rule', 'owner:bob', 'upper:RULE');
CREATE VIEW simple AS SELECT id, owner FROM item WHERE id < 3 WITH CHECK OPTION;
CALL try('UPDATE simple SET owner = ''view'' WHERE id = 2', 'item', 'item:1', 'item:2', 'owner:bob', 'owner:view', 'owner:rule');
CALL try('DELETE FROM simple WHERE id = 2', 'item', 'item:1', 'item:2', 'owner:view', 'owner:rule');
CALL try('INSERT INTO simple VALUES (2, ''back'')', 'item', 'item:1', 'item:2', 'owner:back', 'owner:rule');
CREATE VIEW grouped AS SELECT owner, count(*) FROM item GROUP BY owner;
CREATE FUNCTION rename_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE cache_test.item SET owner = new.owner WHERE owner = old.owner;
    RETURN new;
END $$;
CREATE TRIGGER rename_owner INSTEAD OF UPDATE ON grouped FOR EACH ROW EXECUTE FUNCTION rename_owner();
CALL try('UPDATE grouped SET owner = ''instead'' WHERE owner = ''back''', 'item', 'item:1', 'item:2', 'owner:back', 'owner:instead', 'owner:rule');
-- one statement that changes a row by several of its parts
CALL try($$WITH a AS (UPDATE item SET owner = 'cte' WHERE id = 1 RETURNING id), b AS (INSERT INTO item (id, owner) SELECT id + 10, 'cte' FROM a)
    DELETE FROM item USING a WHERE item.id = a.id + 1$$,
    'item', 'item:1', 'item:2', 'item:3', 'item:11', 'owner:rule', 'owner:instead', 'owner:cte', 'owner:eve');
-- a deferred constraint trigger that writes
CREATE FUNCTION touch_item() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE cache_test.item SET owner = 'deferred' WHERE id = new.id;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER touch_item AFTER INSERT ON facade DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION touch_item();
CALL try('INSERT INTO facade VALUES (11, ''x'')', 'item', 'item:1', 'item:11', 'owner:cte', 'owner:deferred', 'owner:eve');
-- files rewritten, contents the same: what stays must be right, and is told about changes
CALL try('ALTER TABLE item ALTER COLUMN v SET DATA TYPE varchar(100)', 'item', 'item:1');
CALL try('ALTER TABLE item SET UNLOGGED', 'item', 'item:1');
SELECT put('item:1', 'item:3');
VACUUM FULL item;
CLUSTER item USING item_pkey;
SELECT left_of('item:1', 'item:3') AS rewritten;
CALL try('UPDATE item SET v = ''after'' WHERE id = 1', 'item', 'item:1', 'item:3');

SET client_min_messages = warning;
DROP SCHEMA cache_test CASCADE;
SELECT count(*) FROM cq.cache_watches;
