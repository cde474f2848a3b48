-- A world of test/soak/fetch_checker.pl: what its queries read and its DDL changes.
-- It is the template of a database; @ stands for the number of the checker's process.
CREATE EXTENSION cachequeue;
SELECT cq.namespace_grant('default', 'public', 'all');
GRANT USAGE ON SCHEMA cq TO PUBLIC;
CREATE SCHEMA w AUTHORIZATION own_@;
CREATE SCHEMA w2 AUTHORIZATION own_@;
GRANT USAGE ON SCHEMA w, w2 TO PUBLIC;
SET ROLE own_@;
SET search_path = w;

CREATE TYPE en AS ENUM ('a', 'b', 'c');
CREATE TYPE ct AS (x int, y text);
CREATE DOMAIN dom AS int CONSTRAINT below CHECK (VALUE < 1000);
CREATE FUNCTION f1(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 + 1; END';
-- (in plpgsql: a domain keeps what SQL functions of its constraints were inlined to)
CREATE FUNCTION in_limits(int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 < 900; END';
CREATE FUNCTION f2(text) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT $1 || '!' $$;
CREATE FUNCTION plus(int, int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + $2';
CREATE OPERATOR <+> (LEFTARG = int, RIGHTARG = int, FUNCTION = plus);
CREATE FUNCTION agg_step(int, int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN coalesce($1, 0) + coalesce($2, 0); END';
CREATE AGGREGATE agg(int) (SFUNC = agg_step, STYPE = int);

-- ordinary tables, one of them with row tags
CREATE TABLE t1 (id int PRIMARY KEY, v int, s text, tenant text, e en, d dom, c ct, ts timestamptz, iv interval, f float8);
CREATE TABLE t2 (LIKE t1 INCLUDING ALL);
INSERT INTO t1 SELECT n, n * 10, 's' || n, chr(97 + n % 2), (ARRAY['a', 'b', 'c'])[1 + n % 3]::en, n, ROW(n, 'y' || n)::ct,
	timestamptz '2020-03-08 04:30+00' + n * interval '7 hours', n * interval '1 day 01:02:03', n / 3.0 FROM generate_series(1, 12) AS n;
INSERT INTO t2 SELECT n, n * 7, 'z' || n, chr(97 + n % 3), 'a', n, NULL, NULL, n * interval '1 mon', n FROM generate_series(5, 16) AS n;
-- partitions, of a partition too; one that can be attached
CREATE TABLE p (id int, v int, s text, tenant text) PARTITION BY RANGE (id);
CREATE TABLE p0 PARTITION OF p FOR VALUES FROM (0) TO (10);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (10) TO (20);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (20) TO (40) PARTITION BY RANGE (id);
CREATE TABLE p2a PARTITION OF p2 FOR VALUES FROM (20) TO (30);
CREATE TABLE p2b (LIKE p);
INSERT INTO p SELECT n, n, 'p' || n, chr(97 + n % 2) FROM generate_series(0, 28, 4) AS n;
INSERT INTO p2b SELECT n, n, 'q' || n, 'a' FROM generate_series(30, 38, 4) AS n;
-- inheritance, over several levels
CREATE TABLE h (id int, v int, s text, tenant text);
CREATE TABLE h1 () INHERITS (h);
CREATE TABLE h2 (LIKE h);
CREATE TABLE h11 () INHERITS (h1);
INSERT INTO h VALUES (1, 1, 'h1', 'a');
INSERT INTO h1 VALUES (2, 2, 'h2', 'b');
INSERT INTO h2 VALUES (3, 3, 'h3', 'a');
INSERT INTO h11 VALUES (4, 4, 'h4', 'b');
-- foreign keys that cascade, round and round
CREATE TABLE aa (id int PRIMARY KEY, v int DEFAULT 0, s text DEFAULT 'aa');
CREATE TABLE bb (id int PRIMARY KEY, v int DEFAULT 0, s text DEFAULT 'bb', a_id int REFERENCES aa ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE u (id int PRIMARY KEY, v int DEFAULT 0, s text DEFAULT 'u', a_id int REFERENCES aa ON DELETE CASCADE ON UPDATE CASCADE,
	b_id int REFERENCES bb ON DELETE CASCADE ON UPDATE SET NULL);
INSERT INTO aa SELECT n FROM generate_series(1, 8) AS n;
INSERT INTO bb SELECT n, n, 'bb', n FROM generate_series(1, 8) AS n;
INSERT INTO u SELECT n, n, 'u', 1 + n % 8, 1 + n / 2 % 8 FROM generate_series(1, 12) AS n;
-- of which no DDL changes anything, for explicit tags
CREATE TABLE fix (id int PRIMARY KEY, v int, s text);
INSERT INTO fix SELECT n, n, 'f' || n FROM generate_series(1, 12) AS n;
CREATE TABLE member (role text, tenant text);
INSERT INTO member VALUES ('r1_@', 'a'), ('r2_@', 'b');

SELECT cq.cache_watch('t1', ARRAY['t1:{id}']), cq.cache_watch('t2'), cq.cache_watch('p'), cq.cache_watch('p2b'),
	cq.cache_watch('h'), cq.cache_watch('h2'), cq.cache_watch('aa'), cq.cache_watch('bb'),
	cq.cache_watch('u', ARRAY['u:{id}']), cq.cache_watch('fix', ARRAY['fix:{id}']), cq.cache_watch('member');

CREATE VIEW a1 AS SELECT id, v, s FROM t1;
CREATE VIEW a2 WITH (security_invoker) AS SELECT id, v, s FROM t1;
CREATE VIEW a3 WITH (security_barrier) AS SELECT id, v, s FROM p;
CREATE VIEW b1 AS SELECT id, v, s FROM a1 WHERE id > 3;
CREATE VIEW b2 WITH (security_invoker) AS SELECT a.id, a.v, h.s FROM a2 AS a LEFT JOIN h USING (id);
CREATE VIEW c1 AS SELECT id, v, s FROM b1 UNION ALL SELECT id, v, s FROM b2;
CREATE POLICY tenants ON t1 USING (tenant = current_setting('app.tenant', true));
CREATE POLICY mine ON t2 USING (tenant IN (SELECT m.tenant FROM w.member AS m WHERE m.role = current_user));
GRANT SELECT ON ALL TABLES IN SCHEMA w TO grp_@;
GRANT SELECT ON t1, t2, p, h, a1, a2, a3, b1, b2, c1, fix, u, member TO r1_@;
GRANT SELECT ON t2, p, p0, a1, a2, b1, h, fix TO r2_@;

-- hidden by w, or hiding it, as search_path says
SET search_path = w2;
CREATE FUNCTION f2(text) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT $1 || '?' $$;
CREATE TABLE t2 (id int PRIMARY KEY, v int, s text, tenant text);
INSERT INTO t2 SELECT n, -n, 'of w2', 'a' FROM generate_series(1, 5) AS n;
SELECT cq.cache_watch('t2');
GRANT SELECT ON t2 TO PUBLIC;
RESET search_path;
RESET ROLE;

-- ---- checks ----------------------------------------------------------

-- form: how the cache is asked.  'fetch' and 'get' by key, and by query and args or by
-- tags; 'query' by the statement "cached".  truth: a statement for the same value.
CREATE SCHEMA checks;
GRANT USAGE ON SCHEMA checks TO PUBLIC;
CREATE TABLE checks.query (id int PRIMARY KEY, form text, key text, query text, args text[], cached text, truth text);
GRANT SELECT ON checks.query TO PUBLIC;

CREATE FUNCTION checks.cached(q checks.query) RETURNS text STABLE LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	IF q.form = 'fetch' THEN
		RETURN cq.cache_fetch(q.key, q.query, q.args)::text;
	ELSIF q.form = 'get' THEN
		RETURN cq.cache_get(q.key);
	END IF;
	EXECUTE q.cached INTO result;
	RETURN result;
END $$;

-- What is not the same in the cache and in truth, when at least one of them is an error.
-- An error that is allowed for the cache: the result is not one to be cached; and for
-- both: a lock that is not to be had.
CREATE FUNCTION checks.with_errors(q checks.query) RETURNS text STABLE LANGUAGE plpgsql AS $$
DECLARE
	hit text;
	truth text;
	hit_state text := '';
	truth_state text := '';
	message text;
BEGIN
	BEGIN
		hit := checks.cached(q);
	EXCEPTION WHEN OTHERS THEN
		hit_state := SQLSTATE;
		message := regexp_replace(SQLERRM, '\d+', 'N', 'g');
	END;
	BEGIN
		EXECUTE q.truth INTO truth;
	EXCEPTION WHEN OTHERS THEN
		truth_state := SQLSTATE;
	END;
	RETURN CASE
		WHEN hit_state IN ('55P03', '40P01', '57014') OR truth_state IN ('55P03', '40P01', '57014') THEN format(E'L %s\n', q.id)
		WHEN hit_state = 'XX000' OR truth_state = 'XX000' THEN format(E'M %s|internal error|%s %s|%s\n', q.id, hit_state, message, truth_state)
		WHEN q.form = 'get' AND truth_state <> '' THEN ''
		WHEN hit_state <> '' AND hit_state = truth_state THEN format(E'E %s %s\n', q.id, hit_state)
		WHEN hit_state IN ('0A000', '55000') THEN format(E'R %s %s\n', q.id, message)
		WHEN hit_state = '' AND truth_state = '' AND q.form = 'get' AND hit IS NULL THEN ''
		WHEN hit_state = '' AND truth_state = '' AND hit IS NOT DISTINCT FROM truth THEN ''
		WHEN truth_state = '42501' THEN format(E'M %s|leak|%s|%s\n', q.id, coalesce(hit, hit_state), truth_state)
		WHEN hit_state = '' AND truth_state = '' THEN format(E'M %s|value|%s|%s\n', q.id, hit, truth)
		ELSE format(E'M %s|error|%s|%s\n', q.id,
			CASE hit_state WHEN '' THEN hit ELSE hit_state || ' ' || message END, CASE truth_state WHEN '' THEN truth ELSE truth_state END)
	END;
END $$;

-- Check queries under the one snapshot of the caller's statement (it is STABLE): how many
-- values were compared, and a line for each that was not, or was not the same.
CREATE FUNCTION checks.batch(ids int[]) RETURNS text STABLE LANGUAGE plpgsql AS $$
DECLARE
	q checks.query;
	hit text;
	truth text;
	compared int := 0;
	report text := '';
	part text;
BEGIN
	FOR q IN SELECT c.* FROM checks.query AS c WHERE c.id = ANY (ids) ORDER BY c.id LOOP
		BEGIN
			hit := checks.cached(q);
			EXECUTE q.truth INTO truth;
			IF q.form = 'get' AND hit IS NULL THEN
				IF truth IS NOT NULL THEN
					PERFORM cq.cache_set(q.key, truth, tags => q.args);
				END IF;
			ELSE
				compared := compared + 1;
				IF hit IS DISTINCT FROM truth THEN
					report := report || format(E'M %s|value|%s|%s\n', q.id, hit, truth);
				END IF;
			END IF;
			CONTINUE;
		EXCEPTION WHEN OTHERS THEN
		END;
		part := checks.with_errors(q);
		IF part = '' THEN
			compared := compared + 1;
		END IF;
		report := report || part;
	END LOOP;
	RETURN format(E'C %s\n%s', compared, report);
END $$;

-- A change that the statement which checks makes itself.
CREATE FUNCTION checks.change(statement text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	EXECUTE statement;
	RETURN 'changed';
END $$;

-- A cursor loop, which checks, with a change in its body.
CREATE FUNCTION checks.loop(statement text, ids int[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r record;
	report text := '';
BEGIN
	FOR r IN SELECT n, checks.batch(ARRAY[ids[1 + n % cardinality(ids)]]) AS part FROM generate_series(1, 60) AS n LOOP
		report := report || r.part;
		IF r.n = 5 THEN
			PERFORM checks.change(statement);
		END IF;
	END LOOP;
	RETURN report;
END $$;

-- Under a snapshot of its own, which sees what the caller's statement has done so far.
CREATE FUNCTION checks.now(ids int[]) RETURNS text VOLATILE LANGUAGE plpgsql AS $$ BEGIN RETURN checks.batch(ids); END $$;

-- The same in triggers, before and after those of cache_watch: what they find is in the
-- setting checks.report.
CREATE FUNCTION checks.inside() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('checks.ids', true) <> '' AND pg_trigger_depth() < 3 THEN
		PERFORM set_config('checks.report', right(current_setting('checks.report', true) || E'\n' || checks.batch(current_setting('checks.ids')::int[]), 5000), false);
	END IF;
	RETURN coalesce(NEW, OLD);
END $$;
DO $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY '{t1,p,h,aa,bb,u,fix}'::text[] LOOP
		EXECUTE format('CREATE TRIGGER " first" AFTER INSERT OR UPDATE OR DELETE ON w.%I FOR EACH ROW EXECUTE FUNCTION checks.inside()', name);
		EXECUTE format('CREATE TRIGGER zz AFTER INSERT OR UPDATE OR DELETE ON w.%I FOR EACH ROW EXECUTE FUNCTION checks.inside()', name);
		EXECUTE format('CREATE TRIGGER zzz AFTER INSERT OR UPDATE OR DELETE ON w.%I FOR EACH STATEMENT EXECUTE FUNCTION checks.inside()', name);
		IF name <> 'p' THEN
			EXECUTE format('CREATE TRIGGER before BEFORE INSERT OR UPDATE OR DELETE ON w.%I FOR EACH ROW EXECUTE FUNCTION checks.inside()', name);
		END IF;
	END LOOP;
END $$;
