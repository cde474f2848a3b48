-- Every function of the cache on plain entries, and the ways to a dependent one.
CREATE SCHEMA cache_test;
SET search_path = cache_test;

-- absent
SELECT cq.cache_get('a') IS NULL AS get, cq.cache_get_bytea('a') IS NULL AS bytea,
       cq.cache_get_jsonb('a') IS NULL AS jsonb, cq.cache_ttl('a') IS NULL AS ttl,
       cq.cache_version('a') IS NULL AS version, cq.cache_touch('a', '1 s') AS touch;
SELECT cq.cache_delete('a');

-- plain set, get, overwrite, delete
SELECT cq.cache_set('a', 'one');
SELECT cq.cache_get('a');
SELECT cq.cache_set('a', 'two');
SELECT cq.cache_get('a'), cq.cache_get('a', 'default'), cq.cache_get(key => 'a', namespace => 'default');
SELECT cq.cache_delete('a');
SELECT cq.cache_get('a');
SELECT cq.cache_delete('a');

-- three types; a get of another one is an error, which says what to do
SELECT cq.cache_set('t', 'text'), cq.cache_set('b', '\x00ff'::bytea), cq.cache_set('j', '{"n": [1, null]}'::jsonb);
SELECT cq.cache_get('t'), cq.cache_get_bytea('b'), cq.cache_get_jsonb('j'), cq.cache_get_jsonb('j') -> 'n' ->> 0 AS n;
\set SHOW_CONTEXT never
SELECT cq.cache_get('b');
SELECT cq.cache_get('j');
SELECT cq.cache_get_bytea('t');
SELECT cq.cache_get_jsonb('t');
SELECT * FROM cq.cache_get_or_lease('b');

-- the empty value is a value; keys and values are bytes, whatever they look like
SELECT cq.cache_set('empty', ''), cq.cache_set('emptyb', ''::bytea);
SELECT cq.cache_get('empty') = '' AS text, cq.cache_get_bytea('emptyb') = '' AS bytea;
SELECT cq.cache_set(E'new\nline ''"%{}', E'a\nb'), cq.cache_set('Ключ', 'значение'), cq.cache_set(' ', 'blank');
SELECT cq.cache_get(E'new\nline ''"%{}') = E'a\nb' AS odd, cq.cache_get('Ключ') AS utf8, cq.cache_get(' ') AS blank,
       cq.cache_get('ключ') IS NULL AS other;

-- sizes up to the limits
SELECT cq.cache_set(repeat('k', 1024), 'long key'), cq.cache_set(repeat('ü', 512), 'long key, utf8');
SELECT cq.cache_get(repeat('k', 1024)), cq.cache_get(repeat('ü', 512)), cq.cache_get(repeat('k', 1023)) IS NULL AS shorter;
SELECT cq.cache_set('large', repeat('v', 1048576));
SELECT cq.cache_get('large') = repeat('v', 1048576) AS whole;
SELECT bool_and(cq.cache_set('size' || n, repeat('x', n))) FROM generate_series(0, 3000, 37) AS n;
SELECT bool_and(cq.cache_get('size' || n) = repeat('x', n)) FROM generate_series(0, 3000, 37) AS n;
-- a value that is stored out of line and compressed in a table
CREATE TABLE toasted (v text);
INSERT INTO toasted VALUES (repeat('toast ', 100000));
SELECT cq.cache_set('toasted', v) FROM toasted;
SELECT cq.cache_get('toasted') = v AS same FROM toasted;

-- time to live
SELECT cq.cache_set('ttl', 'v', ttl => '1 hour');
SELECT cq.cache_ttl('ttl') BETWEEN '59 min' AND '1 hour' AS an_hour, cq.cache_ttl('t') IS NULL AS never;
SELECT cq.cache_set('ttl', 'v', '1 month');
SELECT cq.cache_ttl('ttl') BETWEEN '719 hours' AND '720 hours' AS thirty_days;
SELECT cq.cache_set('ttl', 'v', '1 year 2 mons 3 days 04:05:06');
SELECT cq.cache_ttl('ttl') BETWEEN '422 days' AND '424 days' AS long;
SELECT cq.cache_set('ttl', 'v', '100 years');
SELECT cq.cache_touch('ttl', '10 min'), cq.cache_ttl('ttl') BETWEEN '9 min' AND '10 min' AS ten_minutes;
SELECT cq.cache_touch('ttl', NULL), cq.cache_ttl('ttl') IS NULL AS never, cq.cache_get('ttl');
SELECT cq.cache_set('ttl', 'v', '1 hour');
SELECT cq.cache_set('ttl', 'v');
SELECT cq.cache_ttl('ttl') IS NULL AS forgotten_by_the_next_set;
-- a millisecond is the shortest; a part of one counts as one
SELECT cq.cache_set('ttl', 'v', '1 us');
DO $$ BEGIN LOOP EXIT WHEN cq.cache_get('ttl') IS NULL; END LOOP; END $$;
SELECT cq.cache_get('ttl'), cq.cache_ttl('ttl'), cq.cache_version('ttl'), cq.cache_touch('ttl', '1 h'), cq.cache_delete('ttl');

-- conditions
SELECT cq.cache_set('c', '1', condition => 'present'), cq.cache_get('c');
SELECT cq.cache_set('c', '2', condition => 'absent'), cq.cache_get('c');
SELECT cq.cache_set('c', '3', condition => 'absent'), cq.cache_get('c');
SELECT cq.cache_set('c', '4', condition => 'present'), cq.cache_get('c');
SELECT cq.cache_set('c', 'gone', ttl => '1 ms', condition => 'present');
DO $$ BEGIN LOOP EXIT WHEN cq.cache_get('c') IS NULL; END LOOP; END $$;
SELECT cq.cache_set('c', '5', condition => 'present'), cq.cache_get('c');
SELECT cq.cache_set('c', '6', condition => 'absent'), cq.cache_get('c');

-- compare-and-set; versions ascend
SELECT cq.cache_version('c') AS v \gset
SELECT cq.cache_set('c', '7', version => :v), cq.cache_get('c');
SELECT cq.cache_set('c', '8', version => :v), cq.cache_get('c');
SELECT cq.cache_version('c') > :v AS ascends;
SELECT cq.cache_set('c', '9', version => 0), cq.cache_set('no such', 'v', version => :v), cq.cache_get('c');
SELECT cq.cache_set('c', '{}'::jsonb, version => cq.cache_version('c')), cq.cache_get_jsonb('c');
SELECT cq.cache_set('c', '\x01'::bytea, version => cq.cache_version('c')), cq.cache_get_bytea('c');
-- conditional sets are immediate
BEGIN;
SELECT cq.cache_set('c', 'immediate', condition => 'present');
ROLLBACK;
SELECT cq.cache_get('c');

-- counters
SELECT cq.cache_incr('n'), cq.cache_incr('n'), cq.cache_incr('n', 40), cq.cache_incr('n', -2), cq.cache_incr('n', 0);
SELECT cq.cache_get('n'), cq.cache_ttl('n');
SELECT cq.cache_set('n', '99');
SELECT cq.cache_incr('n'), cq.cache_get('n');
SELECT cq.cache_incr('n', ttl => '1 hour'), cq.cache_ttl('n') BETWEEN '59 min' AND '1 hour' AS expires;
SELECT cq.cache_incr('n'), cq.cache_ttl('n') BETWEEN '59 min' AND '1 hour' AS still_expires;
SELECT cq.cache_version('n') AS v \gset
SELECT cq.cache_incr('n'), cq.cache_set('n', 'no', version => :v);
SELECT cq.cache_set('text counter', ' -5 ', '1 hour');
SELECT cq.cache_incr('text counter', 3), cq.cache_ttl('text counter') BETWEEN '59 min' AND '1 hour' AS keeps_its_ttl;
SELECT cq.cache_set('max', '9223372036854775806');
SELECT cq.cache_incr('max');
SELECT cq.cache_incr('max');
SELECT cq.cache_get('max');
SELECT cq.cache_set('min', '-9223372036854775807');
SELECT cq.cache_incr('min', -1);
SELECT cq.cache_incr('min', -1);
BEGIN;
SELECT cq.cache_incr('n', 1000);
ROLLBACK;
SELECT cq.cache_get('n') AS increments_are_immediate;
SELECT cq.cache_delete('n'), cq.cache_incr('other');
SELECT cq.cache_incr('n', 7);

-- get or lease: a hit has no lease, a miss has one; another transaction may use it
SELECT * FROM cq.cache_get_or_lease('t');
SELECT value, found, lease IS NOT NULL AS leased FROM cq.cache_get_or_lease('l');
SELECT lease AS l FROM cq.cache_get_or_lease('l') \gset
SELECT cq.cache_set('l', 'with a lease', '1 hour', '{some tag}', lease => :l);
SELECT * FROM cq.cache_get_or_lease('l');
-- a lease is shared and can be used again
SELECT cq.cache_set('l', 'again', lease => :l), cq.cache_set('l2', 'other key', lease => :l);
SELECT cq.cache_get('l'), cq.cache_get('l2');
-- what is not a lease of this server start is refused
SELECT cq.cache_set('l', 'no', lease => l) FROM (VALUES (0), (-1), (1), (42), (9223372036854775807), (-9223372036854775808)) AS v (l);
SELECT cq.cache_set('l', 'no', lease => :l + 1000000000), cq.cache_set('l', 'no', lease => :l # (1::bigint << 45)), cq.cache_get('l');

-- tags: a miss before, in the same transaction
BEGIN;
SELECT cq.cache_get('m');
SELECT cq.cache_set('m', 'tagged', tags => '{x, y}');
SELECT cq.cache_get('m') AS by_itself;
COMMIT;
SELECT cq.cache_get('m');
SELECT cq.cache_invalidate('z');
SELECT cq.cache_get('m') AS other_tag;
SELECT cq.cache_invalidate('z', 'y');
SELECT cq.cache_get('m') AS one_of_its_tags;
-- the message says what to do
SELECT cq.cache_set('m', 'v', tags => '{x}');

CREATE FUNCTION fill(key text, value text, VARIADIC tags text[]) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cq.cache_get(key);
    RETURN cq.cache_set(key, value, tags => tags);
END $$;
-- up to 64 tags, up to 1 kB each, and again the same
SELECT fill('m', '64', VARIADIC ARRAY(SELECT 'tag' || n FROM generate_series(1, 64) AS n)), cq.cache_get('m');
SELECT cq.cache_invalidate('tag64');
SELECT cq.cache_get('m');
SELECT fill('m', 'long', repeat('t', 1024), 'twice', 'twice'), cq.cache_get('m');
SELECT cq.cache_invalidate(repeat('t', 1024));
SELECT cq.cache_get('m');
SELECT fill('m', 'matrix', VARIADIC '{{a, b}, {c, d}}'), cq.cache_get('m');
SELECT cq.cache_invalidate(VARIADIC '{}');
SELECT cq.cache_get('m');
SELECT cq.cache_invalidate('d');
SELECT cq.cache_get('m');
-- no tags, but missed before: depends on its key
SELECT fill('m', 'key only', VARIADIC '{}'), cq.cache_get('m');
SELECT fill('m', 'null tags', VARIADIC NULL), cq.cache_get('m');
SELECT cq.cache_delete('m'), cq.cache_get('m') IS NULL AS gone;
-- plain entries are nobody's business
SELECT cq.cache_invalidate('t', 'j', 'b');
SELECT cq.cache_get('t'), cq.cache_get_bytea('b');
-- of an entry that was invalidated there is nothing
SELECT fill('m', 'old', 'x');
SELECT cq.cache_version('m') AS v \gset
SELECT cq.cache_invalidate('x');
SELECT cq.cache_get('m'), cq.cache_ttl('m'), cq.cache_version('m'), cq.cache_touch('m', '1 h');
SELECT cq.cache_set('m', 'no', version => :v), cq.cache_set('m', 'no', condition => 'present'), cq.cache_get('m');
SELECT cq.cache_set('m', 'new', condition => 'absent'), cq.cache_get('m');
SELECT cq.cache_delete('m');
SELECT fill('m', '41', 'x');
SELECT cq.cache_invalidate('x');
SELECT cq.cache_incr('m') AS counts_from_zero, cq.cache_get('m');
-- conditional with tags: judged as every set
SELECT cq.cache_delete('m');
BEGIN;
SELECT cq.cache_get('m');
SELECT cq.cache_set('m', 'v', tags => '{x}', condition => 'absent');
COMMIT;
SELECT cq.cache_get('m');
SELECT cq.cache_invalidate('x');
SELECT cq.cache_get('m');

-- the view
SELECT hits > 0 AS hits, misses_absent > 0 AS absent, misses_expired > 0 AS expired, misses_invalidated > 0 AS invalidated,
       sets > 0 AS sets, sets_refused > 0 AS refused, sets_no_memory, deletes > 0 AS deletes, marks > 0 AS marks,
       entries > 0 AS entries, used_bytes BETWEEN 1 AND arena_bytes AS used, arena_bytes <= 67108864 AS arena
FROM cq.stat_cache;
SELECT cq.cache_table_tag('pg_class'::regclass), cq.cache_table_tag(NULL);

SET client_min_messages = warning;
DROP SCHEMA cache_test CASCADE;
