\set ECHO none
-- Used with
--	\getenv input PG_ABS_SRCDIR
--	\i :input/sql/include/await.sql

-- Wait until SELECT CONDITION is true, each time in another transaction; at most 30 s.
CREATE PROCEDURE pg_temp.await(condition text) LANGUAGE plpgsql AS $$
DECLARE
	met bool;
BEGIN
	FOR i IN 1 .. 3000 LOOP
		EXECUTE 'SELECT ' || condition INTO met;
		EXIT WHEN met;
		COMMIT;
		PERFORM pg_sleep(0.01);
	END LOOP;
	IF met IS NOT TRUE THEN
		RAISE NOTICE 'never: %', condition;
	END IF;
END $$;
\set ECHO all
