-- What a transaction sees of the cache, what others get of it, and savepoints.
-- Others are looked at after the end of the transaction; isolation specs do it
-- in the middle of one.
CREATE SCHEMA cache_test;
SET search_path = cache_test;
\set SHOW_CONTEXT never

CREATE TABLE item (id int PRIMARY KEY, name text);
INSERT INTO item VALUES (1, 'one'), (2, 'two'), (3, 'three');
SELECT cq.cache_watch('item', ARRAY['item:{id}']);
-- cached beside the row, and nothing said when the row is there and it is a miss
CREATE FUNCTION look(id int) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(cq.cache_get('item:' || $1), 'miss') || coalesce(' / ' || (SELECT name FROM item WHERE item.id = $1), ' / no row');
$$;
-- cache-aside; NULL: it was there
CREATE FUNCTION load(id int) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF cq.cache_get('item:' || load.id) IS NOT NULL THEN
        RETURN NULL;
    END IF;
    RETURN cq.cache_set('item:' || load.id, (SELECT name FROM item WHERE item.id = load.id),
                        tags => ARRAY['item:' || load.id]);
END $$;

-- plain sets: seen by itself at once, by others at commit
BEGIN;
SELECT cq.cache_set('p', 'rolled back'), cq.cache_set('p2', 'rolled back', '1 h');
SELECT cq.cache_get('p'), cq.cache_ttl('p2') IS NOT NULL AS has_ttl, cq.cache_version('p') IS NULL AS no_version_yet;
ROLLBACK;
SELECT cq.cache_get('p'), cq.cache_get('p2');
BEGIN;
SELECT cq.cache_set('p', '1'), cq.cache_set('p', '2'), cq.cache_delete('p');
SELECT cq.cache_get('p'), cq.cache_set('p', '3');
COMMIT;
SELECT cq.cache_get('p');
BEGIN;
SELECT cq.cache_delete('p'), cq.cache_get('p'), cq.cache_delete('p');
ROLLBACK;
SELECT cq.cache_get('p');
BEGIN;
SELECT cq.cache_set('p', '4'), cq.cache_delete('p'), cq.cache_get('p');
COMMIT;
SELECT cq.cache_get('p');
-- nothing is kept of a set that expired before the commit
BEGIN;
SELECT cq.cache_set('p', 'v', '1 ms');
DO $$ BEGIN LOOP EXIT WHEN cq.cache_get('p') IS NULL; END LOOP; END $$;
COMMIT;
SELECT cq.cache_get('p');

-- savepoints
BEGIN;
SELECT cq.cache_set('s', 'outer');
SAVEPOINT a;
SELECT cq.cache_set('s', 'inner'), cq.cache_set('s2', 'inner'), cq.cache_get('s');
SAVEPOINT b;
SELECT cq.cache_delete('s'), cq.cache_get('s');
ROLLBACK TO b;
SELECT cq.cache_get('s'), cq.cache_get('s2');
ROLLBACK TO a;
SELECT cq.cache_get('s'), cq.cache_get('s2');
SAVEPOINT c;
SELECT cq.cache_set('s3', 'released');
RELEASE c;
COMMIT;
SELECT cq.cache_get('s'), cq.cache_get('s2'), cq.cache_get('s3');
BEGIN;
SAVEPOINT a;
SELECT cq.cache_set('s', 'released, then rolled back');
SAVEPOINT b;
SELECT cq.cache_set('s2', 'released, then rolled back');
RELEASE b;
ROLLBACK TO a;
COMMIT;
SELECT cq.cache_get('s'), cq.cache_get('s2');
-- an exception block is a savepoint
DO $$
BEGIN
    PERFORM cq.cache_set('s', 'before');
    BEGIN
        PERFORM cq.cache_set('s', 'in the block'), cq.cache_set('s4', 'in the block');
        RAISE 'no';
    EXCEPTION WHEN raise_exception THEN
        PERFORM cq.cache_set('s5', 'in the handler');
    END;
END $$;
SELECT cq.cache_get('s'), cq.cache_get('s4'), cq.cache_get('s5');
-- a delete that was rolled back leaves a plain entry alone
BEGIN;
SAVEPOINT a;
SELECT cq.cache_delete('s');
ROLLBACK TO a;
COMMIT;
SELECT cq.cache_get('s');

-- I3: after its own write a transaction doesn't get the value from before
SELECT load(1), look(1);
BEGIN;
UPDATE item SET name = 'uno' WHERE id = 1;
SELECT look(1);
ROLLBACK;
SELECT look(1);
BEGIN;
UPDATE item SET name = 'uno' WHERE id = 1;
COMMIT;
SELECT look(1);
-- not even in the statement that writes, nor in a trigger of it
SELECT load(1), look(1);
CREATE FUNCTION peek() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE '% % %: %', TG_WHEN, TG_LEVEL, TG_OP, coalesce(cq.cache_get('item:1'), 'miss');
    RETURN NULL;
END $$;
CREATE TRIGGER a_peek AFTER UPDATE ON item FOR EACH ROW EXECUTE FUNCTION peek();
CREATE TRIGGER a_peek_statement AFTER UPDATE ON item FOR EACH STATEMENT EXECUTE FUNCTION peek();
SELECT load(1);
SELECT look(1);
UPDATE item SET name = 'un' WHERE id = 1;
DROP TRIGGER a_peek ON item;
DROP TRIGGER a_peek_statement ON item;
-- a change of another row is nothing to it; one by another tag is
SELECT load(1), look(1);
BEGIN;
UPDATE item SET name = 'due' WHERE id = 2;
SELECT look(1);
SELECT cq.cache_invalidate('item:1');
SELECT look(1);
ROLLBACK;
SELECT look(1);
-- delete
SELECT load(3), look(3);
BEGIN;
DELETE FROM item WHERE id = 3;
SELECT look(3);
SAVEPOINT a;
INSERT INTO item VALUES (3, 'again');
SELECT look(3);
ROLLBACK TO a;
SELECT look(3);
ROLLBACK;
SELECT look(3);

-- I2 and write-through: a set by the transaction that wrote the row
BEGIN;
UPDATE item SET name = 'rolled back' WHERE id = 1;
SELECT load(1), look(1);
ROLLBACK;
SELECT look(1);
BEGIN;
UPDATE item SET name = 'through' WHERE id = 1;
SELECT load(1), look(1);
COMMIT;
SELECT look(1) AS written_through;
-- inserted, and set in the same transaction
BEGIN;
INSERT INTO item VALUES (4, 'four');
SELECT load(4);
COMMIT;
SELECT look(4);

-- the value is older than the transaction's own write: refused
SELECT cq.cache_delete('item:1');
BEGIN;
SELECT look(1);
UPDATE item SET name = 'newer' WHERE id = 1;
SELECT cq.cache_set('item:1', 'through', tags => '{item:1}') AS older_than_own_write;
COMMIT;
SELECT look(1);
-- it is set first and written afterwards: dropped
BEGIN;
SELECT load(1);
SELECT look(1);
UPDATE item SET name = 'newest' WHERE id = 1;
SELECT look(1);
COMMIT;
SELECT look(1);
-- the value is newer than what is left after the rollback of a savepoint: refused
BEGIN;
SELECT look(1);
SAVEPOINT a;
UPDATE item SET name = 'never' WHERE id = 1;
SELECT name AS v FROM item WHERE id = 1 \gset
ROLLBACK TO a;
SELECT cq.cache_set('item:1', :'v', tags => '{item:1}') AS read_from_what_was_rolled_back;
COMMIT;
SELECT look(1);
BEGIN;
SAVEPOINT a;
UPDATE item SET name = 'never' WHERE id = 1;
SELECT look(1), name AS v FROM item WHERE id = 1 \gset
ROLLBACK TO a;
SELECT cq.cache_set('item:1', :'v', tags => '{item:1}') AS missed_before_the_rollback;
COMMIT;
SELECT look(1);
-- set in the savepoint's outside, changed inside, rolled back: the set must not come back
BEGIN;
UPDATE item SET name = 'outside' WHERE id = 1;
SELECT look(1);
SAVEPOINT a;
UPDATE item SET name = 'inside' WHERE id = 1;
SELECT name AS v FROM item WHERE id = 1 \gset
RELEASE a;
SELECT cq.cache_set('item:1', :'v', tags => '{item:1}') AS changed_since_the_miss;
COMMIT;
SELECT look(1);
BEGIN;
SAVEPOINT a;
UPDATE item SET name = 'never' WHERE id = 1;
SELECT load(1), look(1);
ROLLBACK TO a;
SELECT look(1);
COMMIT;
SELECT look(1);
-- a miss after the rollback is good
BEGIN;
SAVEPOINT a;
UPDATE item SET name = 'never' WHERE id = 1;
ROLLBACK TO a;
SELECT load(1), look(1);
COMMIT;
SELECT load(1), look(1);
-- the same for a savepoint within one, and one that is released into one that is rolled back
BEGIN;
SAVEPOINT a;
SELECT look(2);
SAVEPOINT b;
UPDATE item SET name = 'never' WHERE id = 2;
RELEASE b;
SELECT name AS v FROM item WHERE id = 2 \gset
ROLLBACK TO a;
SELECT cq.cache_set('item:2', :'v', tags => '{item:2}') AS rolled_back_with_its_parent;
COMMIT;
SELECT look(2);

-- delete and invalidate are transactional
SELECT load(2), look(2);
BEGIN;
SELECT cq.cache_delete('item:2'), cq.cache_get('item:2');
ROLLBACK;
SELECT look(2);
BEGIN;
SELECT cq.cache_invalidate('item:2');
SELECT cq.cache_get('item:2');
ROLLBACK;
SELECT look(2);
BEGIN;
SELECT cq.cache_delete('item:2');
SELECT load(2), look(2);
COMMIT;
SELECT look(2) AS set_after_the_delete;
SELECT cq.cache_delete('item:2');
SELECT look(2);

-- conditional sets: immediate, but not of what the transaction has changed
BEGIN;
SELECT cq.cache_get('item:2');
SELECT cq.cache_set('item:2', 'due', tags => '{item:2}', condition => 'absent');
ROLLBACK;
SELECT look(2) AS immediate;
BEGIN;
UPDATE item SET name = 'never' WHERE id = 2;
SELECT cq.cache_get('item:2');
SELECT cq.cache_set('item:2', 'never', tags => '{item:2}', condition => 'absent'),
       cq.cache_set('item:2', 'never', tags => '{item:2}', condition => 'present');
ROLLBACK;
SELECT look(2);

-- the earliest miss of a transaction counts, in READ COMMITTED too, whatever
-- else was missed meanwhile
SELECT cq.cache_delete('item:2');
BEGIN;
SELECT count(cq.cache_get('other:' || n)) FROM generate_series(1, 10) AS n;
SELECT load(2), look(2);
SELECT count(cq.cache_get('other:' || n)) FROM generate_series(1, 5000) AS n;
SELECT cq.cache_set('other:4999', 'forgotten miss', tags => '{x}'), cq.cache_get('other:4999');
COMMIT;
SELECT look(2), cq.cache_get('other:4999');
-- it ends with the transaction
BEGIN;
SELECT cq.cache_get('item:9');
COMMIT;
SELECT cq.cache_set('item:9', 'v', tags => '{item:9}');
SET cachequeue.remember_misses = session;
SELECT cq.cache_get('item:9');
SELECT cq.cache_set('item:9', 'v', tags => '{item:9}'), cq.cache_get('item:9');
SELECT cq.cache_invalidate('item:9');
SELECT cq.cache_set('item:9', 'v', tags => '{item:9}') AS older_than_the_invalidation;
-- what was read from a transaction that was rolled back
SELECT cq.cache_delete('item:1');
SELECT look(1);
BEGIN;
UPDATE item SET name = 'never' WHERE id = 1;
SELECT name AS v FROM item WHERE id = 1 \gset
ROLLBACK;
SELECT cq.cache_set('item:1', :'v', tags => '{item:1}') AS missed_before, look(1);
BEGIN;
UPDATE item SET name = 'never' WHERE id = 2;
SELECT look(2), name AS v FROM item WHERE id = 2 \gset
ROLLBACK;
SELECT cq.cache_set('item:2', :'v', tags => '{item:2}') AS missed_in_it, look(2);
RESET cachequeue.remember_misses;

-- SERIALIZABLE: no dependent entry is served or stored; plain ones are
SELECT load(2), look(2);
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT look(2);
SELECT cq.cache_get('serial:10');
SELECT cq.cache_set('serial:10', 'v', tags => '{x}') AS dependent, cq.cache_set('serial:11', 'v') AS plain, cq.cache_get('serial:11');
SELECT lease AS l FROM cq.cache_get_or_lease('serial:12') \gset
SELECT cq.cache_set('serial:12', 'v', lease => :l);
COMMIT;
SELECT look(2), cq.cache_get('serial:10'), cq.cache_get('serial:11'), cq.cache_set('serial:12', 'v', lease => :l) AS lease_of_a_serializable_one;
-- without a miss: refused as well, not an error
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT cq.cache_set('serial:13', 'v', tags => '{x}');
ROLLBACK;

-- a cursor's and a function's own snapshot
SELECT load(1), load(2), look(1), look(2);
BEGIN;
DECLARE c CURSOR FOR SELECT id, cq.cache_get('item:' || id) AS cached, name FROM item WHERE id < 3 ORDER BY id;
FETCH c;
UPDATE item SET name = 'after the cursor' WHERE id = 2;
FETCH c;
ROLLBACK;
SELECT look(2);

-- read only transactions may use it
BEGIN READ ONLY;
SELECT look(1), cq.cache_set('read only', 'v'), load(2);
COMMIT;
SELECT cq.cache_get('read only'), look(2);

SET client_min_messages = warning;
DROP SCHEMA cache_test CASCADE;

-- a set that is not stored in the end: the value before does not outlive it
SELECT cq.cache_set('short', 'old');
BEGIN;
SELECT cq.cache_set('short', 'new', '1 ms');
SELECT pg_sleep(0.01);
COMMIT;
SELECT cq.cache_get('short');
