-- A setting changed within a session: the next cached result equals the query.
CREATE SCHEMA fetch_settings;
SET search_path = fetch_settings;
\set SHOW_CONTEXT never
SET escape_string_warning = off;
CREATE SCHEMA fetch_settings2;
CREATE TABLE event (id int PRIMARY KEY, at timestamptz, day date, took interval, price money, ratio float8, bytes bytea, doc text, "Odd" int);
INSERT INTO event VALUES (1, '2020-01-01 02:00+00', '2020-02-01', '1 day 02:00', 1234.5, 0.1, '\x4142', 'the running men', 7), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 8);
SELECT cq.cache_watch('event');
CREATE VIEW seen AS SELECT id FROM event;
CREATE TABLE fetch_settings2.event AS SELECT 9 AS id;
SELECT cq.cache_watch('fetch_settings2.event');

-- What is cached first under a, then under b, and the query itself under b.
CREATE FUNCTION differs(setting text, a text, b text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before text := current_setting(setting);
    first text;
    cached text;
    truth text;
BEGIN
    PERFORM set_config(setting, a, false);
    first := fetch_settings.result('SELECT cq.cache_fetch(''s'', $q$' || query || '$q$)');
    PERFORM set_config(setting, b, false);
    cached := fetch_settings.result('SELECT cq.cache_fetch(''s'', $q$' || query || '$q$)');
    truth := fetch_settings.result('SELECT to_jsonb(x) FROM (' || query || ') AS q (x)');
    PERFORM set_config(setting, before, false);
    RETURN CASE WHEN first IS NOT DISTINCT FROM truth THEN 'the query does not tell'
                WHEN cached IS NOT DISTINCT FROM truth THEN 'right'
                ELSE format('%s, where %s is', cached, truth) END;
END $$;
CREATE FUNCTION result(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    value jsonb;
BEGIN
    EXECUTE query INTO value;
    RETURN value;
EXCEPTION WHEN others THEN
    RETURN 'error ' || sqlstate;
END $$;
SELECT setting, fetch_settings.differs(setting, a, b, query)
FROM (VALUES
    ('search_path', 'fetch_settings', 'fetch_settings2, fetch_settings', 'SELECT min(id) FROM event'),
    ('TimeZone', 'UTC', 'America/New_York', 'SELECT count(*) FROM fetch_settings.event WHERE at < timestamptz ''2020-01-01 00:00'''),
    ('TimeZone', 'UTC', 'America/New_York', 'SELECT at::date FROM fetch_settings.event WHERE id = 1'),
    ('DateStyle', 'ISO, MDY', 'ISO, DMY', 'SELECT count(*) FROM fetch_settings.event WHERE day = date ''01/02/2020'''),
    ('DateStyle', 'ISO, MDY', 'SQL, MDY', 'SELECT day::text FROM fetch_settings.event WHERE id = 1'),
    ('IntervalStyle', 'postgres', 'sql_standard', 'SELECT count(*) FROM fetch_settings.event WHERE took = interval ''-1 day 2:00'' + interval ''2 days'''),
    ('IntervalStyle', 'postgres', 'iso_8601', 'SELECT took::text FROM fetch_settings.event WHERE id = 1'),
    ('timezone_abbreviations', 'Default', 'Australia', 'SELECT count(*) FROM fetch_settings.event WHERE at < timestamptz ''2020-01-01 02:00 EST'''),
    ('transform_null_equals', 'off', 'on', 'SELECT count(*) FROM fetch_settings.event WHERE day = NULL'),
    ('standard_conforming_strings', 'on', 'off', 'SELECT ''a\x41'' || doc FROM fetch_settings.event WHERE id = 1'),
    ('backslash_quote', 'on', 'off', 'SELECT E''\'''' || doc FROM fetch_settings.event WHERE id = 1'),
    ('array_nulls', 'on', 'off', 'SELECT ''{NULL}''::text[] || doc FROM fetch_settings.event WHERE id = 1'),
    ('xmloption', 'content', 'document', 'SELECT ''some text''::xml::text || doc FROM fetch_settings.event WHERE id = 1'),
    ('xmlbinary', 'base64', 'hex', 'SELECT xmlforest(bytes)::text FROM fetch_settings.event WHERE id = 1'),
    ('bytea_output', 'hex', 'escape', 'SELECT bytes::text FROM fetch_settings.event WHERE id = 1'),
    ('extra_float_digits', '1', '-15', 'SELECT (ratio / 3)::text FROM fetch_settings.event WHERE id = 1'),
    ('quote_all_identifiers', 'off', 'on', 'SELECT format(''%I'', ''doc'' || id) FROM fetch_settings.event WHERE id = 1'),
    ('default_text_search_config', 'pg_catalog.simple', 'pg_catalog.english', 'SELECT to_tsvector(doc)::text FROM fetch_settings.event WHERE id = 1'),
    ('restrict_nonsystem_relation_kind', '', 'view', 'SELECT count(*) FROM fetch_settings.seen')
) AS cases (setting, a, b, query);

-- row-level security: an error instead of the permitted rows
CREATE ROLE fetch_settings_app;
GRANT USAGE ON SCHEMA cq, fetch_settings TO fetch_settings_app;
SELECT cq.namespace_grant('default', 'fetch_settings_app', 'all');
GRANT SELECT ON event TO fetch_settings_app;
ALTER TABLE event ENABLE ROW LEVEL SECURITY;
CREATE POLICY one ON event USING (id = 1);
SET ROLE fetch_settings_app;
SELECT fetch_settings.differs('row_security', 'on', 'off', 'SELECT count(*) FROM fetch_settings.event');
RESET ROLE;

-- and back again is the first result (once no transaction older than the DDL is running)
DO $$ BEGIN WHILE pg_snapshot_xmin(pg_current_snapshot()) < pg_snapshot_xmax(pg_current_snapshot()) LOOP COMMIT; END LOOP; END $$;
SET TimeZone = 'UTC';
SELECT hits AS before FROM cq.stat_cache \gset
SELECT cq.cache_fetch('tz', 'SELECT at::date FROM event WHERE id = 1');
SET TimeZone = 'America/New_York';
SELECT cq.cache_fetch('tz', 'SELECT at::date FROM event WHERE id = 1');
SET TimeZone = 'UTC';
SELECT cq.cache_fetch('tz', 'SELECT at::date FROM event WHERE id = 1');
SELECT hits - :before AS hits FROM cq.stat_cache;
BEGIN;
SET LOCAL TimeZone = 'America/New_York';
SELECT cq.cache_fetch('tz', 'SELECT at::date FROM event WHERE id = 1');
ROLLBACK;
SELECT cq.cache_fetch('tz', 'SELECT at::date FROM event WHERE id = 1');

SET client_min_messages = warning;
DROP SCHEMA fetch_settings, fetch_settings2 CASCADE;
DROP OWNED BY fetch_settings_app;
DROP ROLE fetch_settings_app;
