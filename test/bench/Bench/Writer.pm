# A transaction that has nothing to do with the cache stays open: P22.
#
# 1,000 transactions a second write, 100 of them what cached values depend on: 60 the
# rows of a watched table, 39 keys that they delete, 1 the database's epoch.  Beside
# them sessions read through the cache, by remembered misses and by leases.  While they
# work a transaction that has written begins, stays, and ends: half of the time without it
# is before, half after.  What counts are hits, and sets by lease that were accepted;
# pgbench keeps the rates.

package Bench::Writer;

use strict;
use warnings;

use Bench::Load qw(quick sample);
use Bench::Server qw(command conninfo results_folder sql start_churn stop_churn tool write_file);
use Bench::Table qw(note row);
use List::Util qw(sum);

use constant {
	ROWS => 20,
	WRITES => 1000,
	READS => 2000,
};

our @groups = ([ writer => \&writer_group ]);

my %writes = (
	unrelated => [ 900, "INSERT INTO unrelated VALUES (1);\n" ],
	tag => [ 60, "\\set id random(1, @{[ROWS]})\nUPDATE writer SET v = v + 1 WHERE id = :id;\n" ],
	key => [ 39, "\\set id random(1, @{[ROWS]})\nSELECT cq.cache_delete('key:' || :id, 'keys');\n" ],
	epoch => [ 1, "TRUNCATE emptied;\n" ]);

my %reads = (
	by_tag => [ 40, "\\set id random(1, @{[ROWS]})\nSELECT read_aside('tag:' || :id, 'tags', :id, ARRAY['writer:' || :id]);\n" ],
	by_key => [ 40, "\\set id random(1, @{[ROWS]})\nSELECT read_aside('key:' || :id, 'keys', :id, '{}');\n" ],
	by_lease => [ 20, <<~SQL ]);
		\\set id random(1, @{[ROWS]})
		SELECT found, lease FROM cq.cache_get_or_lease('lease:' || :id, 'leases') \\gset
		\\if :found
		\\else
		SELECT v FROM writer WHERE id = :id \\gset
		SELECT cq.cache_set('lease:' || :id, :v::text, tags => ARRAY['writer:' || :id], namespace => 'leases', lease => :lease);
		\\endif
		SQL

# minutes: how long it works, with the transaction as without
sub writer_group
{
	my (%options) = @_;
	my $seconds = 2 * int(30 * ($options{minutes} // (quick() ? 0.1 : 1)));
	my %counts;

	create();
	add(\%{ $counts{without} }, work($seconds / 2));
	my $writer = start_churn("BEGIN;\nINSERT INTO unrelated VALUES (0);\n");
	add(\%{ $counts{with} }, work($seconds));
	stop_churn($writer);
	add(\%{ $counts{without} }, work($seconds / 2));

	compare('hits by tags', 0.95, hits($counts{without}{tags}), hits($counts{with}{tags}));
	compare('hits by keys', 0.95, hits($counts{without}{keys}), hits($counts{with}{keys}));
	compare('hits by leases', 0.95, hits($counts{without}{leases}), hits($counts{with}{leases}));
	compare('sets by lease accepted', 0.9, accepted($counts{without}{leases}),
		accepted($counts{with}{leases}));
	note('P22: reads without the writer ' . reads($counts{without}) . ', with it ' . reads($counts{with})
		  . ", in $seconds s each");
	sql(<<~SQL);
		SET client_min_messages = warning;
		DROP TABLE writer, unrelated, emptied;
		DROP FUNCTION read_aside;
		SELECT cq.namespace_drop(n) FROM unnest('{tags,keys,leases}'::text[]) AS n;
		SQL
}

# Add figures, by namespace, to others.
sub add
{
	my ($to, $figures) = @_;

	for my $namespace (keys %$figures)
	{
		$to->{$namespace}[$_] += $figures->{$namespace}[$_] for 0 .. $#{ $figures->{$namespace} };
	}
}

sub create
{
	sql(<<~SQL);
		CREATE TABLE writer (id int PRIMARY KEY, v int NOT NULL);
		INSERT INTO writer SELECT n, 0 FROM generate_series(1, @{[ROWS]}) AS n;
		CREATE TABLE unrelated (n int);
		CREATE TABLE emptied (id int);
		SELECT cq.cache_watch('writer', ARRAY['writer:{id}']);
		SELECT cq.cache_watch('emptied', ARRAY['emptied:{id}']);
		SELECT cq.namespace_create(n) FROM unnest('{tags,keys,leases}'::text[]) AS n;
		CREATE FUNCTION read_aside(key text, name_space text, the_id int, tags text[]) RETURNS boolean
		LANGUAGE plpgsql AS \$\$
		BEGIN
			IF cq.cache_get(key, name_space) IS NOT NULL THEN
				RETURN true;
			END IF;
			PERFORM cq.cache_set(key, (SELECT v::text FROM writer WHERE id = the_id),
				tags => tags, namespace => name_space);
			RETURN false;
		END \$\$;
		SQL
}

# Write and read for so long; returns what was counted, by namespace.
sub work
{
	my ($seconds) = @_;
	my %counts;

	sql('SELECT cq.stat_reset()');
	my @running =
	  map { start_pgbench($seconds, @$_) } [ WRITES, 4, \%writes ], [ READS, 4, \%reads ];
	for (@running)
	{
		my $output = join '', <$_>;

		sample("writer\t$_\n") for split /\n/, $output;
		close $_ or die "pgbench: $output\n";
		die "pgbench: $output\n" if $output =~ /aborted|ERROR/;
	}
	for (
		split /\n/,
		sql(<<~SQL))
			SELECT namespace, hits, misses_absent + misses_expired + misses_invalidated
				+ misses_snapshot + misses_bypass, sets, sets_refused FROM cq.stat_cache_namespaces
			SQL
	{
		my ($namespace, @figures) = split /\|/;
		$counts{$namespace} = \@figures;
	}
	return \%counts;
}

sub start_pgbench
{
	my ($seconds, $rate, $sessions, $scripts) = @_;
	my $files = '';

	for my $name (sort keys %$scripts)
	{
		my ($weight, $script) = @{ $scripts->{$name} };
		my $file = results_folder() . "/$name.sql";

		write_file($file, $script);
		$files .= " -f '$file\@$weight'";
	}
	open(my $pgbench, '-|',
		"'@{[tool('pgbench')]}' -n -M prepared -c $sessions -T $seconds -R $rate $files '@{[conninfo()]}' 2>&1")
	  or die "pgbench: $!\n";
	return $pgbench;
}

sub reads
{
	my ($counts) = @_;

	return sum(map { $counts->{$_}[0] + $counts->{$_}[1] } qw(tags keys leases));
}

sub hits
{
	my ($hits, $misses) = @{ $_[0] };

	return $hits / ($hits + $misses);
}

sub accepted
{
	my (undef, undef, $sets, $refused) = @{ $_[0] };

	return $sets / ($sets + $refused);
}

sub compare
{
	my ($what, $limit, $without, $with) = @_;
	my $ratio = $without > 0 ? $with / $without : 0;

	row('P22', "one writer open, $what, by those without it", "≥ $limit", $ratio,
		map({ sprintf '%.1f %%', 100 * $_ } $without, $with), $ratio >= $limit);
}

1;
