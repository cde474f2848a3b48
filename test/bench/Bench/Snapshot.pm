# Messages come and go while an old snapshot is held, and beside it: P14.
#
# There are two databases with the same in them.  In "held" a transaction keeps
# its snapshot all the time, which holds vacuum back there and nowhere else; in
# "bench" nobody does.  Ours and a plain table with SKIP LOCKED work in both, half
# a second each in turns: so all four meet the same moments of the machine, and
# one by another needs no correction for its moods.  The plain table is vacuumed
# before each of its slices, for free.
#
# After that F4 and F5 in both, to show that the snapshot does nothing to them.

package Bench::Snapshot;

use strict;
use warnings;

use Bench::Load qw(load per_second per_unit quick slice_ms);
use Bench::Plan qw(BODY create_tables steps_of_f4 steps_of_f5 steps_of_plain);
use Bench::Server qw(create_database hold_snapshot release_snapshot sql);
use Bench::Table qw(median ratios row table);

use constant SESSIONS => 4;

our @groups = ([ snapshot => \&snapshot_group ]);

my @series = ('plain clean', 'plain held', 'ours clean', 'ours held');

# minutes: how long each of the four works
sub snapshot_group
{
	my (%options) = @_;
	my $seconds = 60 * ($options{minutes} // (quick() ? 0.1 : 1));
	my $rounds = int(1000 * $seconds / slice_ms());

	create_database('held');
	create_tables('held');
	for my $database (qw(bench held))
	{
		sql(<<~SQL, $database);
			CREATE EXTENSION pgstattuple;
			SELECT cq.queue_create('snapshot');
			TRUNCATE plain;
			SQL
		sql('VACUUM', $database);
		sql('SELECT pg_stat_reset()', $database);
	}
	my $holder = hold_snapshot('held');
	my $run = load(SESSIONS, "rounds $rounds\n" . join('', map { case_of($_) } @series));

	rate_and_cost($run);
	buckets($run, $seconds);
	dead_rows($options{minutes});
	floors();
	release_snapshot($holder);
	sql("SELECT cq.queue_drop('snapshot')");
	sql('DROP EXTENSION pgstattuple');
	sql('DROP DATABASE held WITH (FORCE)');
}

# The directive for a case's database.
sub in
{
	my ($when) = @_;

	return $when eq 'held' ? "in held\n" : '';
}

sub case_of
{
	my ($series) = @_;
	my ($whose, $when) = split / /, $series;
	my $case = "case $series\n" . in($when);

	return $case . <<~PLAN if $whose eq 'ours';
		worker
		step SELECT cq.queue_send('snapshot', \$1)
		arg text @{[BODY]}
		step SELECT * FROM cq.queue_receive('snapshot', 1)
		step SELECT cq.queue_ack('snapshot', \$1)
		arg cell 2
		PLAN
	return $case . <<~PLAN . steps_of_plain(1);
		before VACUUM plain
		step INSERT INTO plain (body) VALUES (\$1)
		arg text @{[BODY]}
		PLAN
}

# Held by clean, round by round.
sub rate_and_cost
{
	my ($run) = @_;

	for my $whose (qw(ours plain))
	{
		for (
			[ 'messages a second', \&per_second, '%.0f' ],
			[ 'cost of a message', \&per_unit, '%.1f' ])
		{
			my ($what, $figure, $format) = @$_;
			my ($held, $clean) = map { [ $figure->($run, "$whose $_") ] } qw(held clean);
			my @ratios = ratios($held, $clean);
			my $half = int(@ratios / 2);

			for ([ 'all the time', 0 ], [ 'second half', $half ])
			{
				my ($when, $from) = @$_;
				my $ratio = median(@ratios[ $from .. $#ratios ]);
				my ($limit, $met) =
				    $whose eq 'plain' ? ('', undef)
				  : $figure == \&per_second ? ('≥ 0.95', $ratio >= 0.95)
				  : ('≤ 1.05', $ratio <= 1.05);

				row('P14', ($whose eq 'plain' ? 'plain table' : 'old snapshot') . ", $when: $what",
					$limit, $ratio,
					map({ sprintf($format, median(@$_[ $from .. $#$_ ])) } $clean, $held), $met);
			}
		}
	}
}

# Messages a second of each series, by its own time: every ten seconds, unless the
# run is much shorter or longer.
sub buckets
{
	my ($run, $seconds) = @_;
	my $bucket_us = 1_000_000 * ($seconds < 60 ? $seconds / 6 : $seconds > 300 ? 60 : 10);
	my (%count, %us, @rows);

	for my $series (@series)
	{
		my $passed = 0;

		for (@{ $run->{$series} })
		{
			my ($operations, $count, $us) = @$_;
			my $bucket = int($passed / $bucket_us);

			$count{$series}[$bucket] += $count;
			$us{$series}[$bucket] += $us;
			$passed += $us;
		}
	}
	# what the last ones are longer than the slices asked for is not a bucket
	for my $bucket (0 .. int(1_000_000 * $seconds / $bucket_us + 0.5) - 1)
	{
		push @rows,
		  [ sprintf('%.3g to %.3g s', map { $_ * $bucket_us / 1_000_000 } $bucket, $bucket + 1),
			map {
				defined $us{$_}[$bucket]
				  ? sprintf('%.0f', 1_000_000 * $count{$_}[$bucket] / $us{$_}[$bucket])
				  : ''
			} @series ];
	}
	table('Old snapshot: messages a second, sent, received and acknowledged one by one, '
		  . SESSIONS . ' sessions', [ 'own time', @series ], @rows);
}

# In "held", where they cannot be removed.
sub dead_rows
{
	my ($list) = @_;
	my $tables = <<~SQL;
		WITH wanted AS (
			SELECT oid, reltoastrelid AS toast, oid::regclass::text AS name,
				relnamespace = 'cq'::regnamespace AS ours
			FROM pg_class
			WHERE relkind = 'r' AND NOT relisshared AND (relnamespace = 'cq'::regnamespace
				OR oid = 'plain'::regclass
				OR relnamespace = 'pg_catalog'::regnamespace
				AND pg_stat_get_tuples_inserted(oid) + pg_stat_get_tuples_updated(oid)
					+ pg_stat_get_tuples_deleted(oid) > 0)),
		counted AS (
			SELECT name, ours,
				sum(pg_stat_get_tuples_inserted(t)) AS inserted,
				sum(pg_stat_get_tuples_updated(t)) AS updated,
				sum(pg_stat_get_tuples_deleted(t)) AS deleted,
				sum(pg_stat_get_dead_tuples(t)) AS dead,
				sum((pgstattuple(t)).dead_tuple_count) AS found
			FROM wanted, unnest(ARRAY[oid, toast]) t WHERE t <> 0
			GROUP BY name, ours)
		SQL

	# what the sessions have counted is there when they have ended, the worker's a
	# second after
	sql('SELECT pg_sleep(2)');
	my ($n, $stat, $tuples) = split /\|/,
	  sql("$tables SELECT count(*), sum(dead), sum(found) FROM counted WHERE ours", 'held');

	row('P14', "dead rows in $n tables and their toast by pg_stat_user_tables", '0', undef, '', $stat,
		$stat == 0);
	row('P14', "dead rows in $n tables and their toast by pgstattuple", '0', undef, '', $tuples, $tuples == 0);

	my @rows = map { [ split /\|/ ] } split /\n/,
	  sql(<<~SQL, 'held');
		$tables
		SELECT name, inserted, updated, deleted, dead, found FROM counted
		WHERE @{[$list ? 'true' : 'NOT ours']} ORDER BY ours DESC, name
		SQL
	table('Under the old snapshot, rows ' . ($list ? "in the extension's tables, in " : 'in ')
		  . 'catalogs that were touched, and in the plain table',
		[ 'table', 'inserted', 'updated', 'deleted', 'dead', 'by pgstattuple' ], @rows);
}

sub floors
{
	my $plan = join '',
	  map { "case F4 $_\n" . in($_) . steps_of_f4() . "case F5 $_\n" . in($_) . steps_of_f5() }
	  qw(clean held);
	my $run = load(SESSIONS, $plan);

	for my $floor (qw(F4 F5))
	{
		my ($held, $clean) = map { [ per_second($run, "$floor $_") ] } qw(held clean);

		row('P14', "$floor, old snapshot held: rows a second", '', median(ratios($held, $clean)),
			map { sprintf('%.0f', median(@$_)) } $clean, $held);
	}
}

1;
