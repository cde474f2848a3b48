-- Virtual generated columns (from 18 on; generated ones before): the planner puts their
-- expressions in the query, and a result depends on what they read.
SELECT CASE WHEN current_setting('server_version_num')::int >= 180000 THEN 'VIRTUAL' ELSE 'STORED' END AS kind \gset
\set ECHO none
CREATE SCHEMA fetch_test;
SET search_path = fetch_test;
CREATE TABLE item (id int PRIMARY KEY, price int, twice int GENERATED ALWAYS AS (price * 2) :kind);
\set ECHO all
INSERT INTO item VALUES (1, 10), (2, 20);
SELECT cq.cache_watch('item');
SELECT cq.cache_fetch('v', 'SELECT sum(twice) FROM item'), cq.cache_fetch('w', 'SELECT i FROM item AS i WHERE id = 1');
UPDATE item SET price = 11 WHERE id = 1;
SELECT cq.cache_fetch('v', 'SELECT sum(twice) FROM item'), cq.cache_fetch('w', 'SELECT i FROM item AS i WHERE id = 1');
\set ECHO none
ALTER TABLE item DROP COLUMN twice, ADD COLUMN twice int GENERATED ALWAYS AS (price * 3) :kind;
\set ECHO all
SELECT cq.cache_fetch('v', 'SELECT sum(twice) FROM item'), cq.cache_fetch('w', 'SELECT i FROM item AS i WHERE id = 1');
-- whatever the triggers know of it
DO $$ BEGIN PERFORM cq.cache_watch('item', ARRAY['twice:{twice}']); EXCEPTION WHEN OTHERS THEN NULL; END $$;
SELECT cq.cache_fetch('p', 'SELECT count(*) FROM item WHERE twice = 60');
INSERT INTO item VALUES (3, 20);
SELECT cq.cache_fetch('p', 'SELECT count(*) FROM item WHERE twice = 60');

SET client_min_messages = warning;
DROP SCHEMA fetch_test CASCADE;
