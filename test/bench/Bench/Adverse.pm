# Cached queries and watched tables when something is against them: P23 to P26.

package Bench::Adverse;

use strict;
use warnings;

use Bench::Load qw(load quick);
use Bench::Server qw(create_database sql start_churn stop_churn);
use Bench::Table qw(median rate_row ratio_row row);

use constant {
	CALLERS => 6,
	NAP_MS => 50,
	ROWS => 40_000,
	FAILURES => 2000,
	WRITTEN_THROUGH => 200,
	DROPS => 200,
};

our @groups = (
	[ uncached => \&uncached_group ],
	[ churn => \&churn_group ],
	[ rollback => \&rollback_group ],
	[ drop => \&drop_group ]);

# Callers of one result that is too large to be cached, each of whom has to run the query;
# by as many who run the query itself.
sub uncached_group
{
	# a function of constants alone would be run once, when the query is planned
	my $query = "SELECT repeat('x', 4000) || nap(@{[NAP_MS]} + 0 * id) FROM large";

	sql(<<~SQL);
		CREATE FUNCTION nap(ms int) RETURNS text IMMUTABLE LANGUAGE plpgsql
		AS 'BEGIN PERFORM pg_sleep(\$1 / 1000.0); RETURN ''''; END';
		CREATE TABLE large (id int);
		INSERT INTO large VALUES (1);
		SELECT cq.cache_watch('large');
		ALTER SYSTEM SET cachequeue.value_size_max = '1kB';
		SELECT pg_reload_conf();
		SQL
	my $run = load(CALLERS, <<~PLAN);
		case query
		step SELECT length(to_jsonb(q.x)::text) FROM ($query) AS q (x)
		case cache_fetch
		step SELECT length(cq.cache_fetch('large', \$1)::text)
		arg text $query
		PLAN
	sql('ALTER SYSTEM RESET cachequeue.value_size_max; SELECT pg_reload_conf()');
	rate_row('P23', CALLERS . ' callers of a result too large to be cached, by the query itself, a second',
		$run, 'cache_fetch', 'query', 0.9);
}

# Hits while another session makes and drops temporary tables, by those without it, and
# by the query itself.
sub churn_group
{
	my $query = 'SELECT v FROM stock WHERE id = $1';
	my $rows = 1000;

	sql(<<~SQL);
		CREATE TABLE stock (id int PRIMARY KEY, v text NOT NULL);
		INSERT INTO stock SELECT n, 'in stock: ' || n FROM generate_series(1, $rows) n;
		SELECT cq.cache_watch('stock', ARRAY['stock:{id}']);
		CREATE TABLE churn (active boolean);
		INSERT INTO churn VALUES (false);
		VACUUM ANALYZE stock;
		SQL
	my $session = start_churn(<<~SQL);
		DO \$\$ BEGIN
			LOOP
				IF (SELECT bool_or(active) FROM churn) THEN
					CREATE TEMP TABLE of_a_moment (a int, b text);
					DROP TABLE of_a_moment;
				END IF;
				COMMIT;
				PERFORM pg_sleep(0.01);
			END LOOP;
		END \$\$;
		SQL
	my $case = sub {
		my ($name, $active, $statement) = @_;

		return <<~PLAN;
			case $name
			before UPDATE churn SET active = $active; SELECT pg_sleep(0.05)
			step $statement
			arg key %d $rows
			PLAN
	};
	my $fetch = "SELECT cq.cache_fetch('stock', '$query', ARRAY[\$1])";
	my $run = load(1, join '', $case->('calm', 'false', $fetch), $case->('churn', 'true', $fetch),
		$case->('query', 'true', $query));

	stop_churn($session);
	rate_row('P24', 'cache_fetch while temporary tables come and go, by without, a second', $run,
		'churn', 'calm', 0.9);
	rate_row('P24', 'the same by the query itself', $run, 'churn', 'query');
}

# Failing statements in a transaction that has changed many rows, watched by not.
sub rollback_group
{
	my %s = (plain => [], watched => []);

	for my $schema (sort keys %s)
	{
		sql(<<~SQL);
			CREATE SCHEMA $schema;
			CREATE TABLE $schema.one (id int PRIMARY KEY, v int);
			CREATE FUNCTION $schema.fail() RETURNS float8 LANGUAGE plpgsql AS \$\$
			DECLARE
				begun timestamptz;
			BEGIN
				INSERT INTO $schema.one SELECT n, n FROM generate_series(1, @{[ROWS]}) AS n;
				begun := clock_timestamp();
				FOR n IN 1 .. @{[FAILURES]} LOOP
					BEGIN
						INSERT INTO $schema.one VALUES (n, n);
					EXCEPTION WHEN unique_violation THEN
					END;
				END LOOP;
				RETURN extract(epoch FROM clock_timestamp() - begun);
			END \$\$;
			SQL
	}
	sql("SELECT cq.cache_watch('watched.one', ARRAY['one:{id}'])");
	for (1 .. (quick() ? 3 : 7))
	{
		push @{ $s{$_} }, sql("TRUNCATE $_.one; SELECT $_.fail()") for sort keys %s;
	}
	of_seconds('P25', "@{[FAILURES]} failing INSERTs after @{[ROWS]} rows, watched by not",
		$s{watched}, $s{plain}, 1.3);
	sql("SET client_min_messages = warning; DROP SCHEMA $_ CASCADE") for sort keys %s;
}

# DROP of a table with an index, with many tables that are written through and without.
sub drop_group
{
	my %s = (bench => [], bench_through => []);

	create_database('bench_through');
	sql(<<~SQL, 'bench_through');
		DO \$\$ BEGIN
			FOR n IN 1 .. @{[WRITTEN_THROUGH]} LOOP
				EXECUTE format('CREATE TABLE through_%s (id int PRIMARY KEY, v text)', n);
				PERFORM cq.cache_watch(('through_' || n)::regclass, NULL, jsonb_build_object('key', n || ':{id}'));
			END LOOP;
		END \$\$;
		SQL
	for (1 .. (quick() ? 3 : 7))
	{
		for my $database (sort keys %s)
		{
			push @{ $s{$database} }, sql(<<~SQL, $database);
				CREATE TEMP TABLE result (s float8);
				DO \$\$ DECLARE
					begun timestamptz;
					s interval := '0';
				BEGIN
					FOR n IN 1 .. @{[DROPS]} LOOP
						CREATE TABLE victim (id int PRIMARY KEY);
						begun := clock_timestamp();
						DROP TABLE victim;
						s := s + (clock_timestamp() - begun);
						COMMIT;
					END LOOP;
					INSERT INTO result VALUES (extract(epoch FROM s));
				END \$\$;
				SELECT s FROM result;
				SQL
		}
	}
	of_seconds('P26', DROPS . " DROPs of a table with an index, @{[WRITTEN_THROUGH]} tables written through by none",
		$s{bench_through}, $s{bench}, 1.1);
}

# A target by seconds, in turns.
sub of_seconds
{
	my ($target, $what, $ours, $floor, $limit) = @_;
	my $ratio = median(map { $ours->[$_] / $floor->[$_] } 0 .. $#$ours);

	row($target, $what, "≤ $limit", $ratio,
		map({ sprintf '%.3f s', median(@$_) } $floor, $ours), $ratio <= $limit);
}

1;
