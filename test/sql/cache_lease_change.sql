-- A value from an old lease is not blessed by a change of the same transaction.
\pset format unaligned
\pset tuples_only on
CREATE TABLE cq_test_lease (id int PRIMARY KEY, balance int);
INSERT INTO cq_test_lease VALUES (1, 90);
SELECT cq.cache_watch('cq_test_lease', ARRAY['lease:{id}']);
SELECT lease FROM cq.cache_get_or_lease('lease') \gset
SELECT balance FROM cq_test_lease WHERE id = 1;
BEGIN;
UPDATE cq_test_lease SET balance = 200 WHERE id = 1;
SELECT cq.cache_get('lease') IS NULL AS missed;
SELECT cq.cache_set('lease', '90', tags => '{lease:1}', lease => :lease);
COMMIT;
SELECT cq.cache_get('lease') IS NULL AS missed;

-- a function that is replaced takes the results that came from it along
CREATE FUNCTION cq_test_factor() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2';
SELECT cq.cache_fetch('product', 'SELECT balance * cq_test_factor() FROM cq_test_lease');
CREATE OR REPLACE FUNCTION cq_test_factor() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 3';
SELECT cq.cache_fetch('product', 'SELECT balance * cq_test_factor() FROM cq_test_lease');
DROP FUNCTION cq_test_factor();

-- a statement that is rolled back half way leaves nothing that it has read
CREATE FUNCTION cq_test_leak() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '%', (SELECT balance FROM cq_test_lease WHERE id = 1); END $$;
CREATE TRIGGER a_leak AFTER UPDATE ON cq_test_lease FOR EACH ROW EXECUTE FUNCTION cq_test_leak();
CREATE FUNCTION cq_test_read_changed() RETURNS text LANGUAGE plpgsql AS
$$
BEGIN
	UPDATE cq_test_lease SET balance = 666 WHERE id = 1;
EXCEPTION WHEN raise_exception THEN
	RETURN sqlerrm;
END
$$;
BEGIN;
SELECT cq.cache_get('leak') IS NULL AS missed;
SELECT cq.cache_set('leak', cq_test_read_changed(), tags => '{lease:1}');
COMMIT;
SELECT cq.cache_get('leak') IS NULL AS missed;
DROP TABLE cq_test_lease;
DROP FUNCTION cq_test_leak(), cq_test_read_changed();
