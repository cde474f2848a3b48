
# Random queries, DDL, changes and settings for the world of fetch_world.sql.
#
#	FetchWorld::learn(@lines);			# relation|column|type..., of FetchWorld::CATALOG
#	my $query = FetchWorld::query($id);	# { form, key, query, args, cached, truth }
#	my $sql = FetchWorld::ddl();		# as the owner; @ stands for the world's number
#	my $sql = FetchWorld::change();		# DML as the owner
#	my $sql = FetchWorld::setting();
#
# All choices come from rand(), so the seed gives the same again.  What is chosen may be
# impossible at the moment: the error is part of the game.

package FetchWorld;

use strict;
use warnings;

# What is there to be read, in a fixed order.
use constant CATALOG => q{SELECT n.nspname || '.' || c.relname, c.relkind, string_agg(a.attname || ' ' || t.typname, ',' ORDER BY a.attnum)
 FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
 JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 JOIN pg_type AS t ON t.oid = a.atttypid
 WHERE n.nspname IN ('w', 'w2') AND c.relkind IN ('r', 'v', 'p') GROUP BY 1, 2 ORDER BY 1};

my %columns;	# relation => { column => type }
my %kinds;
my $counter = 0;	# so that no definition comes back

sub one { return $_[ rand @_ ]; }

sub chance { return rand() < $_[0]; }

sub number { return int rand 20; }

sub fresh { return ++$counter; }

sub learn
{
	%columns = %kinds = ();
	$counter = 0 unless @_;
	for (@_)
	{
		my ($relation, $kind, $list) = split /\|/;
		$kinds{$relation} = $kind;
		$columns{$relation} = { map { split / / } split /,/, $list };
	}
}

sub relation
{
	my ($kinds) = @_;
	my @all = grep { !defined $kinds || $kinds{$_} =~ /[$kinds]/ } sort keys %columns;

	# what everybody may read is read more often
	my @usual = grep { !/\.(?:aa|bb|member|p2b|h2|h11)$/ } @all;
	return one(chance(0.85) && @usual ? @usual : @all) // 'w.t1';
}

# By its name alone, so that search_path decides, now and then.
sub name_of
{
	my ($relation) = @_;
	return chance(0.25) ? $relation =~ s/^w2?\.//r : $relation;
}

# ---- expressions over a row r of the relation ----------------------

sub column_of
{
	my ($relation, $type) = @_;
	my $columns = $columns{$relation} // {};
	my @fitting = grep { $columns->{$_} =~ /^(?:$type)$/ } sort keys %$columns;
	return @fitting ? 'r.' . one(@fitting) : undef;
}

sub int_of
{
	my ($relation, $depth) = @_;
	my $column = column_of($relation, 'int4|dom') // number();

	return chance(0.8) ? $column : number() if $depth <= 0;
	my $x = int_of($relation, $depth - 1);
	my $text = column_of($relation, 'text') // "'x'";
	my @choices = (
		"w.f1($x)", "f1($x)", "$x <+> 2", "$x OPERATOR(w.<+>) " . number(), "coalesce($x, @{[number()]})", "greatest($x, @{[number()]})",
		"CASE WHEN @{[bool_of($relation, 0)]} THEN $x ELSE @{[number()]} END", "($x)::w.dom", "length($text)",
		"least(($x)::w.dom, @{[number()]})", 'nullif(' . $x . ', ' . number() . ')', "(SELECT count(*)::int FROM @{[name_of(relation())]})");
	my $ts = column_of($relation, 'timestamptz');
	push @choices, "extract(hour FROM $ts)::int", "extract(day FROM $ts)::int" if $ts;
	my $ct = column_of($relation, 'ct');
	push @choices, "($ct).x" if $ct;
	return one(@choices);
}

sub text_of
{
	my ($relation, $depth) = @_;
	my $columns = $columns{$relation} // {};
	my @any = sort keys %$columns;
	my $column = @any ? 'r.' . one(@any) . '::text' : "'none'";
	return $column if $depth <= 0;
	my $x = int_of($relation, $depth - 1);
	my $t = text_of($relation, $depth - 1);
	my @choices = (
		$column, $column, "w.f2($t)", "f2($t)", "($x)::text", "upper($t)", "format('%s/%s', $t, $x)", "concat_ws(':', $t, $x)",
		"current_setting('app.tenant', true)", "ROW($x, $t)::text", 'to_jsonb(r)::text', "ARRAY[$x, 1]::text",
		q{timestamptz '2020-03-08 12:00'::text}, q{interval '1 day 2 hours'::text}, q{date '02/03/2020'::text}, q{'a\\\\b'}, q{(0.1::float8 + 0.2::float8)::text},
		q{'\\x6162'::bytea::text}, "to_char(timestamptz '2020-07-01 00:00+00', 'YYYY-MM-DD HH24 TMMonth')",
		"(r).s", "coalesce($t, 'null')", "CASE WHEN @{[bool_of($relation, 0)]} THEN $t END", "(ARRAY['a', 'b']::w.en[])::text", "(ARRAY['a']::en[])::text");
	my $ct = column_of($relation, 'ct');
	push @choices, "($ct).y", "to_jsonb($ct)::text" if $ct;
	my $en = column_of($relation, 'en');
	push @choices, "$en\::text", "to_jsonb($en)::text" if $en;
	# what is refused, or was wrong before it was
	@choices = ('r.tableoid::regclass::text', "'w.t1'::regclass::text", 'r.tableoid::text', 'r.xmin::text', $en ? "enum_range($en)::text" : 'r::text') if chance(0.03);
	return one(@choices);
}

sub bool_of
{
	my ($relation, $depth) = @_;
	my $x = int_of($relation, $depth - 1);
	my $en = column_of($relation, 'en');
	my $ts = column_of($relation, 'timestamptz');
	my @choices = ("$x < @{[number()]}", "$x > @{[number()]}", "$x IN (1, 2, 3, 5, 8)", "r.id < @{[number()]}", "$x IS NOT NULL");

	push @choices, "$en > 'a'", "$en = ANY ('{a,b}')" if $en;
	push @choices, "$ts < timestamptz '2020-03-10 02:00'", "$ts\::date > '09/03/2020'", "$ts > '2020-03-09'" if $ts;
	push @choices, 'NOT (r.id = NULL)', "(r.id, $x) < (@{[number()]}, 3)" if chance(0.3);
	push @choices, "EXISTS (SELECT FROM @{[name_of(relation())]} AS o WHERE o.id = r.id)", "r.id IN (SELECT id FROM @{[relation()]})" if $depth > 0;
	return one(@choices);
}

# ---- queries -------------------------------------------------------

# One value of a query over a relation.
sub scalar_query
{
	my $relation = relation();
	my $from = name_of($relation) . ' AS r';
	my $where = chance(0.5) ? ' WHERE ' . bool_of($relation, 1) : '';
	my $x = int_of($relation, 2);
	my $t = text_of($relation, 2);
	my $other = relation();

	return one(
		"SELECT count(*) FROM $from$where", "SELECT sum($x) FROM $from$where",
		"SELECT w.agg($x) FROM $from$where", "SELECT max($t) FROM $from$where",
		"SELECT string_agg($t, ',' ORDER BY $t) FROM $from$where", "SELECT string_agg(r.id || ':' || $t, ',' ORDER BY r.id, $t) FROM $from$where",
		"SELECT jsonb_agg(r ORDER BY r.id, r::text) FROM $from$where", "SELECT array_agg($x ORDER BY $x) FROM $from$where",
		"SELECT count(DISTINCT $t) FROM $from JOIN $other AS o ON o.id = r.id$where",
		"WITH q AS (SELECT $x AS x, $t AS t FROM $from$where) SELECT string_agg(x || t, ',' ORDER BY x, t) FROM q",
		"SELECT string_agg(q.n || '', ',' ORDER BY q.n) FROM (SELECT $x AS n FROM $from UNION SELECT id FROM $other) AS q",
		"SELECT string_agg(q.n::text, ',' ORDER BY q.n, q.r) FROM (SELECT rank() OVER (ORDER BY $x) AS n, $t AS r FROM $from$where) AS q",
		"SELECT string_agg(q.x || '=' || q.n, ',' ORDER BY q.x) FROM (SELECT $x AS x, count(*) AS n FROM $from$where GROUP BY $x) AS q",
		"SELECT jsonb_object_agg(r.id, q.t ORDER BY q.t) FROM $from, LATERAL (SELECT max(o.s) AS t FROM $other AS o WHERE o.id <= r.id) AS q",
		"SELECT $t FROM $from WHERE r.id = (SELECT max(id) FROM $other) ORDER BY 1 LIMIT 1",
		) if chance(0.93);
	return one(
		"SELECT min($x) FROM $from TABLESAMPLE BERNOULLI (100)", "SELECT string_agg(r.ctid::text, ',' ORDER BY r.ctid) FROM $from",
		"SELECT pg_temp.f(max(r.id)) FROM $from", "SELECT max($t) || pg_temp.f(1) FROM $from",
		"SELECT $t || now() FROM $from ORDER BY 1 LIMIT 1",
		"SELECT count(*) FROM ONLY $relation AS r$where",
		"SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class WHERE relnamespace = 'w'::regnamespace",
		"SELECT string_agg(q::text, ',') FROM unnest(enum_range(NULL::w.en)) AS q", "SELECT ROW(1, 'y')::w.ct",
		"SELECT @{[number() * 10]}::w.dom", "SELECT w.f1(@{[number()]})", "SELECT 'pg_temp.t'::regclass");
}

# By primary key, with an argument: it pins the row.
sub pinned_query
{
	my $relation = one('w.t1', 'w.t1', 'w.t2', 'w.u', 'w.u', 'w.fix', 'w.aa');
	my $what = one('r.v', 'r.s', 'r', text_of($relation, 1), int_of($relation, 2));

	return ("SELECT $what FROM $relation AS r WHERE r.id = \$1", 1 + int rand 12);
}

sub query
{
	my ($id) = @_;
	my $form = rand;

	if ($form < 0.1)
	{
		my ($relation, $key) = (one('fix', 'u'), 1 + int rand 8);
		my $truth = "SELECT v || s FROM w.$relation WHERE id = $key";
		return { form => 'get', key => "$relation:$key v", args => "$relation:$key", query => '', truth => $truth };
	}
	if ($form < 0.3)
	{
		my $relation = relation();
		my $rows = sprintf('SELECT %s AS a, %s AS b FROM %s AS r WHERE %s', text_of($relation, 1), text_of($relation, 2), name_of($relation), bool_of($relation, 1));
		$rows =~ s/ AS a/::text AS a/;
		$rows =~ s/ AS b/::text AS b/;
		my $all = q{SELECT string_agg(t::text, '|' ORDER BY t::text) FROM};
		return {
			form => 'query', key => '', query => $rows, args => undef,
			cached => "$all cq.cache_query(\$query\$$rows\$query\$) AS t (a text, b text)", truth => "$all ($rows) AS t (a, b)" };
	}
	my ($query, $arg) = $form < 0.5 ? pinned_query() : scalar_query();
	my $truth = $query;
	$truth =~ s/\$1/'$arg'/ if defined $arg;
	return { form => 'fetch', key => 'k' . int rand 3, query => $query, args => $arg, truth => "SELECT (SELECT to_jsonb(x)::text FROM ($truth) AS q (x))" };
}

# ---- DDL -----------------------------------------------------------

sub view_body
{
	my ($below) = @_;
	my $relation = $below // relation();
	my $body = sprintf 'SELECT r.id, (%s)::int AS v, (%s)::text AS s FROM %s AS r', int_of($relation, 1), text_of($relation, 1), $relation;
	$body .= ' WHERE ' . bool_of($relation, 1) if chance(0.5);
	return $body;
}

sub view_ddl
{
	my ($view, $below) = @{ one([ 'a1', 'w.t1' ], [ 'a2', 'w.t1' ], [ 'a2', 'w.t2' ], [ 'a3', 'w.p' ], [ 'b1', 'w.a1' ], [ 'b2', 'w.a2' ], [ 'b2', 'w.h' ], [ 'c1', 'w.b1' ], [ 'c1', 'w.b2' ]) };
	my $option = one('security_invoker', 'security_barrier');

	return one(
		"CREATE OR REPLACE VIEW w.$view AS " . view_body($below), "CREATE OR REPLACE VIEW w.$view AS " . view_body($below),
		"CREATE OR REPLACE VIEW w.$view WITH ($option) AS " . view_body($below),
		"ALTER VIEW w.$view SET ($option = @{[one('true', 'false')]})", "ALTER VIEW w.$view RESET ($option)",
		"DROP VIEW IF EXISTS w.$view CASCADE; CREATE VIEW w.$view AS " . view_body($below) . "; GRANT SELECT ON w.$view TO r1_@",
		"ALTER VIEW w.a1 RENAME TO swap; ALTER VIEW w.a3 RENAME TO a1; ALTER VIEW w.swap RENAME TO a3",
		"ALTER VIEW w.$view OWNER TO @{[one('own_@', 'r1_@', 'grp_@')]}");
}

sub function_ddl
{
	my $n = fresh();
	my $volatility = chance(0.9) ? 'IMMUTABLE' : one('STABLE', 'STABLE', 'VOLATILE');
	# what reads a table says so
	my $reads = $volatility eq 'STABLE' ? ' + (SELECT count(*)::int FROM w.fix)' : '';

	return one(
		"CREATE OR REPLACE FUNCTION w.f1(int) RETURNS int $volatility LANGUAGE plpgsql AS 'BEGIN RETURN \$1 + $n$reads; END'",
		"CREATE OR REPLACE FUNCTION w.f1(int) RETURNS int $volatility LANGUAGE sql AS 'SELECT \$1 - $n$reads'",
		"CREATE OR REPLACE FUNCTION w.f2(text) RETURNS text $volatility LANGUAGE sql AS \$\$ SELECT \$1 || '$n' \$\$",
		"CREATE OR REPLACE FUNCTION w2.f2(text) RETURNS text $volatility LANGUAGE sql AS \$\$ SELECT \$1 || '#$n' \$\$",
		"CREATE OR REPLACE FUNCTION w.plus(int, int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT \$1 + \$2 + $n'",
		"CREATE OR REPLACE FUNCTION w.agg_step(int, int) RETURNS int $volatility LANGUAGE plpgsql AS 'BEGIN RETURN coalesce(\$1, $n) + coalesce(\$2, 0)$reads; END'",
		"CREATE OR REPLACE AGGREGATE w.agg(int) (SFUNC = w.agg_step, STYPE = int, INITCOND = '$n')",
		"ALTER FUNCTION w.@{[one('f1(int)', 'f2(text)', 'plus(int, int)', 'agg_step(int, int)')]} @{[one('STABLE', 'VOLATILE')]}; SELECT 1",
		'ALTER FUNCTION w.f2(text) IMMUTABLE; ALTER FUNCTION w.plus(int, int) IMMUTABLE', 'ALTER FUNCTION w.f2(text) IMMUTABLE; ALTER FUNCTION w.plus(int, int) IMMUTABLE',
		"CREATE FUNCTION w.f2(varchar) RETURNS text IMMUTABLE LANGUAGE sql AS \$\$ SELECT \$1 || 'v$n' \$\$", 'DROP FUNCTION IF EXISTS w.f2(varchar)',
		"@{[one('REVOKE', 'GRANT')]} EXECUTE ON FUNCTION w.@{[one('f1(int)', 'f2(text)', 'agg(int)')]} @{[one('', '')]}PUBLIC" =~ s/(REVOKE.*\)) +/$1 FROM /r =~ s/(GRANT.*\)) +/$1 TO /r,
		'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA w TO PUBLIC');
}

sub table_ddl
{
	my $table = one('t1', 't1', 't2', 'p', 'h', 'h1');
	my $column = 'x' . int rand 3;
	my $n = fresh();

	return one(
		"ALTER TABLE w.$table ADD COLUMN $column int DEFAULT $n", "ALTER TABLE w.$table ADD COLUMN $column text DEFAULT 'd$n'", "ALTER TABLE w.$table DROP COLUMN IF EXISTS $column",
		"ALTER TABLE w.$table RENAME COLUMN $column TO y$n", "ALTER TABLE w.$table RENAME COLUMN s TO swap; ALTER TABLE w.$table RENAME COLUMN tenant TO s; ALTER TABLE w.$table RENAME COLUMN swap TO tenant",
		"ALTER TABLE w.$table ALTER COLUMN $column TYPE text USING 'n$n'", "ALTER TABLE w.$table ALTER COLUMN f TYPE numeric USING f + $n",
		'ALTER TABLE w.t1 RENAME TO swap; ALTER TABLE w.t2 RENAME TO t1; ALTER TABLE w.swap RENAME TO t2',
		"ALTER TABLE w.$table SET SCHEMA w2", "ALTER TABLE w2.$table SET SCHEMA w", "ALTER TABLE w2.$table SET SCHEMA w", 'ALTER TABLE w2.t2 RENAME TO t3; ALTER TABLE w2.t3 RENAME TO t2',
		"DROP TABLE IF EXISTS w2.t2; CREATE TABLE w2.t2 (id int PRIMARY KEY, v int, s text, tenant text); INSERT INTO w2.t2 VALUES ($n, $n, 'new', 'a'); SELECT cq.cache_watch('w2.t2'); GRANT SELECT ON w2.t2 TO PUBLIC",
		"ALTER TABLE w.$table @{[one('DISABLE', 'ENABLE')]} TRIGGER ALL", "ALTER TABLE w.$table DISABLE TRIGGER USER",
		"TRUNCATE w.@{[one('t2', 'p0', 'h1', 'p2')]}; INSERT INTO w.t2 (id, v, s, tenant) SELECT n, n, 't$n', 'a' FROM generate_series(5, 12) AS n ON CONFLICT DO NOTHING",
		"SELECT cq.cache_unwatch('w.$table'); UPDATE w.$table SET v = v + 1; SELECT cq.cache_watch('w.$table')", "SELECT cq.cache_watch('w.t1', ARRAY['@{[one('t1', 'own')]}:{id}'])",
		"COMMENT ON TABLE w.$table IS '$n'", "CREATE INDEX IF NOT EXISTS by_v ON w.t2 (v)", 'DROP INDEX IF EXISTS w.by_v', "ALTER TABLE w.$table ALTER COLUMN v SET DEFAULT $n");
}

sub tree_ddl
{
	my ($child, $low, $high) = @{ one([ 'p0', 0, 10 ], [ 'p1', 10, 20 ]) };
	my $bounds = "FOR VALUES FROM ($low) TO ($high)";
	my $n = fresh();

	return one(
		"ALTER TABLE w.p DETACH PARTITION w.$child", "ALTER TABLE w.p ATTACH PARTITION w.$child $bounds", "ALTER TABLE w.p ATTACH PARTITION w.$child $bounds",
		'ALTER TABLE w.p2 ATTACH PARTITION w.p2b FOR VALUES FROM (30) TO (40)', 'ALTER TABLE w.p2 DETACH PARTITION w.p2b', 'ALTER TABLE w.p DETACH PARTITION w.p2', 'ALTER TABLE w.p ATTACH PARTITION w.p2 FOR VALUES FROM (20) TO (40)',
		"CREATE TABLE IF NOT EXISTS w.p4 PARTITION OF w.p FOR VALUES FROM (40) TO (50); INSERT INTO w.p VALUES (40, $n, 'p4', 'a')", 'DROP TABLE IF EXISTS w.p4',
		"INSERT INTO w.$child VALUES ($low, $n, 'direct', 'b')", 'ALTER TABLE w.h2 INHERIT w.h', 'ALTER TABLE w.h2 INHERIT w.h', 'ALTER TABLE w.h2 NO INHERIT w.h', 'ALTER TABLE w.h1 NO INHERIT w.h', 'ALTER TABLE w.h1 INHERIT w.h',
		'ALTER TABLE w.h2 INHERIT w.h1', 'ALTER TABLE w.h2 NO INHERIT w.h1',
		"CREATE TEMP TABLE IF NOT EXISTS mine () INHERITS (w.h); INSERT INTO mine VALUES ($n, $n, 'mine', 'a')", 'DROP TABLE IF EXISTS pg_temp.mine',
		"CREATE TABLE IF NOT EXISTS w.h3 () INHERITS (w.@{[one('h', 'h1')]}); INSERT INTO w.h3 VALUES ($n, $n, 'h3', 'b')", 'DROP TABLE IF EXISTS w.h3');
}

sub type_ddl
{
	my $n = fresh();

	return one(
		"ALTER TYPE w.en RENAME VALUE '@{[one('a', 'b', 'c')]}' TO 'r$n'", map({ "ALTER TYPE w.en RENAME VALUE '$_' TO '" . one('a', 'b', 'c') . "'" } sort map { "r$_" } $n - 3 .. $n - 1),
		"ALTER TYPE w.en ADD VALUE 'n$n'", "ALTER TYPE w.en ADD VALUE 'm$n' BEFORE 'b'", "ALTER TYPE w.ct ADD ATTRIBUTE z$n int CASCADE",
		'ALTER TYPE w.ct RENAME ATTRIBUTE x TO q; ALTER TYPE w.ct RENAME ATTRIBUTE y TO x; ALTER TYPE w.ct RENAME ATTRIBUTE q TO y', 'ALTER TYPE w.ct RENAME ATTRIBUTE y TO yy', 'ALTER TYPE w.ct RENAME ATTRIBUTE yy TO y',
		"ALTER DOMAIN w.dom DROP CONSTRAINT IF EXISTS below", "ALTER DOMAIN w.dom DROP CONSTRAINT IF EXISTS below; ALTER DOMAIN w.dom ADD CONSTRAINT below CHECK (VALUE < @{[50 + int rand 200]}) NOT VALID",
		"ALTER DOMAIN w.dom DROP CONSTRAINT IF EXISTS below; ALTER DOMAIN w.dom ADD CONSTRAINT below CHECK (w.in_limits(VALUE)) NOT VALID",
		"CREATE OR REPLACE FUNCTION w.in_limits(int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN \$1 < @{[50 + int rand 200]}; END'",
		'ALTER TYPE w.en RENAME TO en2; ALTER TYPE w.en2 RENAME TO en',
		"CREATE OR REPLACE FUNCTION w.en_json(w.en) RETURNS json IMMUTABLE LANGUAGE sql AS \$\$ SELECT json_build_object('n', $n) \$\$; CREATE CAST (w.en AS json) WITH FUNCTION w.en_json(w.en)",
		'DROP CAST IF EXISTS (w.en AS json)');
}

sub qual
{
	my $n = fresh();
	return one(
		"tenant = current_setting('app.tenant', true)", "tenant = '@{[one('a', 'b')]}'", "w.f1(v) > @{[number()]}", 'tenant IN (SELECT m.tenant FROM w.member AS m WHERE m.role = current_user)',
		"v < @{[$n * 3]}", 'id IN (SELECT o.id FROM w.t2 AS o)', 'true', 'tenant = current_user', "v > @{[number()]}", 'id IN (SELECT o.id FROM w.h AS o)');
}

sub policy_ddl
{
	my ($table, $policy) = @{ one([ 't1', 'tenants' ], [ 't2', 'mine' ]) };

	return one(
		map({ "ALTER TABLE w.$table $_ ROW LEVEL SECURITY" } 'ENABLE', 'ENABLE', 'DISABLE', 'FORCE', 'NO FORCE'), "ALTER POLICY $policy ON w.$table USING (" . qual() . ')', "ALTER POLICY $policy ON w.$table USING (" . qual() . ')',
		"DROP POLICY IF EXISTS $policy ON w.$table; CREATE POLICY $policy ON w.$table USING (" . qual() . ')', "DROP POLICY IF EXISTS other ON w.$table; CREATE POLICY other ON w.$table AS @{[one('RESTRICTIVE', 'PERMISSIVE')]} USING (" . qual() . ')',
		"DROP POLICY IF EXISTS other ON w.$table", "ALTER POLICY $policy ON w.$table TO @{[one('r1_@', 'grp_@', 'PUBLIC')]}", "UPDATE w.member SET tenant = '@{[one('a', 'b')]}'");
}

# Some of these are for a superuser.
sub grant_ddl
{
	my $what = one(qw(t1 t2 p h a1 a2 a3 b1 b2 c1));
	my $whom = one('r1_@', 'r1_@', 'r2_@', 'grp_@', 'PUBLIC');

	return one(
		"GRANT SELECT ON w.$what TO $whom", "GRANT SELECT ON w.$what TO $whom", "REVOKE SELECT ON w.$what FROM $whom", "GRANT SELECT (id, v) ON w.$what TO $whom", "REVOKE SELECT (id, v) ON w.$what FROM $whom",
		"REVOKE ALL ON w.$what FROM r1_@, r2_@, grp_@, PUBLIC", 'GRANT SELECT ON ALL TABLES IN SCHEMA w TO r1_@, r2_@', 'GRANT SELECT ON ALL TABLES IN SCHEMA w TO r1_@',
		"RESET ROLE; GRANT grp_@ TO @{[one('r1_@', 'r2_@')]}", "RESET ROLE; REVOKE grp_@ FROM @{[one('r1_@', 'r2_@')]}", "RESET ROLE; ALTER ROLE r1_@ @{[one('BYPASSRLS', 'NOBYPASSRLS')]}",
		"RESET ROLE; ALTER TABLE w.@{[one('t1', 't2', 'p')]} OWNER TO @{[one('own_@', 'own_@', 'grp_@')]}", "RESET ROLE; REASSIGN OWNED BY grp_@ TO own_@",
		"RESET ROLE; ALTER ROLE r2_@ @{[one('INHERIT', 'NOINHERIT')]}", 'REVOKE USAGE ON SCHEMA w2 FROM PUBLIC', 'GRANT USAGE ON SCHEMA w, w2 TO PUBLIC',
		"RESET ROLE; DROP OWNED BY r2_@; GRANT SELECT ON ALL TABLES IN SCHEMA w TO r2_@");
}

my @ddl = (\&view_ddl, \&view_ddl, \&function_ddl, \&function_ddl, \&table_ddl, \&table_ddl, \&tree_ddl, \&tree_ddl, \&type_ddl, \&policy_ddl, \&policy_ddl, \&grant_ddl, \&grant_ddl);

sub ddl
{
	return one(
		"CREATE TYPE w2.en AS ENUM ('a', 'b', 'n@{[fresh()]}')", 'DROP TYPE IF EXISTS w2.en CASCADE', "CREATE TYPE w2.dom AS (a int)", 'DROP TYPE IF EXISTS w2.dom',
		"CREATE TABLE w2.t1 (id int PRIMARY KEY, v int, s text, tenant text); INSERT INTO w2.t1 VALUES (1, @{[fresh()]}, 'hides w', 'a'); SELECT cq.cache_watch('w2.t1'); GRANT SELECT ON w2.t1 TO PUBLIC", 'DROP TABLE IF EXISTS w2.t1',
		"CREATE VIEW w2.h AS SELECT id, v, s FROM w.fix; GRANT SELECT ON w2.h TO PUBLIC", 'DROP VIEW IF EXISTS w2.h',
		'CREATE OPERATOR w2.<+> (LEFTARG = int, RIGHTARG = int, FUNCTION = int4mul)', 'DROP OPERATOR IF EXISTS w2.<+> (int, int)',
		'CREATE OPERATOR w.<+> (LEFTARG = int, RIGHTARG = bigint, FUNCTION = int48mul)', 'DROP OPERATOR IF EXISTS w.<+> (int, bigint)',
		"CREATE OR REPLACE FUNCTION w2.f1(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN \$1 * @{[fresh()]}; END'", 'DROP FUNCTION IF EXISTS w2.f1(int)') if chance(0.1);
	return one(
		"CREATE OR REPLACE FUNCTION pg_temp.f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT @{[fresh()]}'", 'CREATE OR REPLACE TEMP VIEW t2 AS SELECT 1 AS id, 2 AS v', 'DROP VIEW IF EXISTS pg_temp.t2',
		"COMMENT ON SCHEMA w IS '@{[fresh()]}'", 'ALTER SCHEMA w2 RENAME TO w3; ALTER SCHEMA w3 RENAME TO w2') if chance(0.04);
	return one(@ddl)->();
}

# ---- changes of rows -----------------------------------------------

sub change
{
	my $table = one('t1', 't1', 't2', 'p', 'p0', 'p1', 'p2b', 'h', 'h1', 'h2', 'h11', 'fix', 'fix', 'u', 'aa', 'bb', 'member');
	my $n = fresh();
	my $id = 1 + int rand 12;

	return one("DELETE FROM w.aa WHERE id = $id", "UPDATE w.aa SET id = $n + 100 WHERE id = $id", "INSERT INTO w.aa VALUES ($id) ON CONFLICT DO NOTHING",
		"INSERT INTO w.bb VALUES ($id, $n, 'bb', $id) ON CONFLICT DO NOTHING", "INSERT INTO w.u VALUES ($id, $n, 'u', $id, $id) ON CONFLICT DO NOTHING", "DELETE FROM w.bb WHERE id = $id",
		"INSERT INTO w.aa SELECT n FROM generate_series(1, 8) AS n ON CONFLICT DO NOTHING; INSERT INTO w.bb SELECT n, n, 'bb', n FROM generate_series(1, 8) AS n ON CONFLICT DO NOTHING;"
		  . " INSERT INTO w.u SELECT n, n, 'u', n, n FROM generate_series(1, 8) AS n ON CONFLICT DO NOTHING") if $table =~ /^(?:aa|bb)$/;
	return one(
		"MERGE INTO w.$table AS o USING (VALUES ($id), ($id + 3)) AS n (id) ON o.id = n.id WHEN MATCHED AND o.id % 2 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET v = $n WHEN NOT MATCHED THEN INSERT (id, v, s) VALUES (n.id, $n, 'm$n')",
		"INSERT INTO w.$table (id, v, s) VALUES ($id, $n, 'c$n') ON CONFLICT (id) DO UPDATE SET v = excluded.v",
		"UPDATE w.$table AS o SET v = n.v + 1 FROM w.fix AS n WHERE n.id = o.id AND n.id < $id", "DELETE FROM w.$table AS o USING w.u AS n WHERE n.id = o.id AND n.v = $id",
		"WITH a AS (DELETE FROM w.$table WHERE id = $id RETURNING *) UPDATE w.fix SET v = v + 1 WHERE id IN (SELECT id FROM a)") if chance(0.15) && $table ne 'member';
	return "UPDATE w.member SET tenant = '@{[one('a', 'b')]}' WHERE role = 'r@{[1 + int rand 2]}_\@'" if $table eq 'member';
	$id *= 2 if $table =~ /^p/;
	return one(
		"UPDATE w.$table SET v = $n WHERE id = $id", "UPDATE w.$table SET v = $n WHERE id = $id", "UPDATE w.$table SET v = $n WHERE id = $id", "UPDATE w.$table SET v = v + 1 WHERE id < $id", "UPDATE w.$table SET s = 's$n' WHERE id = $id",
		"DELETE FROM w.$table WHERE id = $id", "INSERT INTO w.$table (id, v, s) VALUES ($id, $n, 'i$n')", "INSERT INTO w.$table (id, v, s) SELECT n, $n, 'i$n' FROM generate_series($id, $id + 2) AS n");
}

# ---- settings ------------------------------------------------------

my @settings = (
	[ 'TimeZone', 'UTC', 'America/New_York', 'Asia/Kolkata' ], [ 'DateStyle', "'ISO, MDY'", "'ISO, DMY'", "'German, DMY'", "'SQL, MDY'" ],
	[ 'IntervalStyle', 'postgres', 'iso_8601', 'sql_standard' ], [ 'search_path', 'w, w2', 'w2, w', 'w2, w', 'w', 'public', 'w, pg_temp' ], [ 'search_path', 'w2, w' ], [ 'extra_float_digits', 0, 1, -3 ],
	[ 'transform_null_equals', 'on', 'off' ], [ 'standard_conforming_strings', 'on', 'off' ], [ 'bytea_output', 'hex', 'escape' ], [ 'app.tenant', 'a', 'b', "''" ], [ 'app.tenant', 'a', 'b' ], [ 'app.tenant', 'a', 'b' ],
	[ 'row_security', 'on', 'off', 'on' ], [ 'enable_hashagg', 'on', 'off' ], [ 'constraint_exclusion', 'on', 'off', 'partition' ], [ 'quote_all_identifiers', 'on', 'off' ],
	[ 'xmloption', 'content', 'document' ], [ 'array_nulls', 'on', 'off' ], [ 'lc_time', 'C' ], [ 'plan_cache_mode', 'force_generic_plan', 'auto' ], [ 'backslash_quote', 'on', 'off' ]);

sub setting
{
	my ($local) = @_;
	my ($name, @values) = @{ one(@settings) };
	return "SET $local$name = " . one(@values);
}

1;
