#!/usr/bin/perl
# Random queries, DDL, privileges, settings and changes; every result of cache_fetch and
# cache_query is compared with the query.
#
# Usage: test/soak/fetch_checker.pl [--sessions N] [--seconds N] [--checks N] [--seed N]
#        [--fault NAME] [--without REGEX] [--shrink] [--races] [CONNECTION STRING]
#
# Each of N processes has a world of its own: a database with tables, partitions, views
# of views, functions, types, policies and roles (fetch_world.sql), and FOUR sessions in
# it.  A history is a list of steps, one session after another: a change, DDL, GRANT or
# SET (FetchWorld.pm); the beginning or end of a transaction, a savepoint, a prepared
# transaction; a cursor that was opened before; and checks.  A check is one statement,
# which asks the cache and runs the query under one snapshot, many times: in READ COMMITTED
# and REPEATABLE READ, after own changes, in a cursor, in a FOR loop that changes
# what it reads, beside a volatile function that does.  Nothing is concurrent within a
# world, so there is no doubt which answer is the right one.
#
#	- What the cache returns is what the query returns.
#	- If the query is an error, so is the cache's answer, with the same SQLSTATE; a
#	  result that the query's own privileges do not give is a leak.
#	- A result may be refused (0A000, 55000): this is counted by its reason.
#
# A history depends on the seed alone.  Of a violation the last steps are printed; with
# --shrink the history is played again and again, with steps left out, until every step that
# is left is needed, and printed as a script.  --without leaves out steps and queries that
# match, to look for what else there is.
#
# With --races all N processes share one world, with a session each, and everything is
# concurrent.  Changes of rows are MVCC, so that one statement still gets both answers under
# one snapshot; DDL is not, so that it may come between them.  Therefore DDL takes an
# advisory lock, and a mismatch counts if it is there still when this lock is held.
#
# Exits with 1 on a mismatch, and when hardly anything was a hit or too much was refused.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../t", $FindBin::Bin;

use CqChecker;
use CqSession;
use FetchWorld;
use File::Temp qw(tempdir);
use List::Util qw(max);
use Time::HiRes qw(sleep time);

use constant {
	FOUR => 4,
	POOL => 36,
	BATCH => 30,
	STEPS_MAX => 2500,
	LAST_STEPS => 25,
	DDL_LOCK => 95,
	HITS_MIN => 20,		# per cent of the answers
	REFUSED_MAX => 30,
};

my ($checks, $shrink, $without, $races) = (0, 0, '', 0);
my $connection = CqChecker::options(
	'checks=i' => \$checks, 'shrink' => \$shrink, 'without=s' => \$without, 'races' => \$races);

my @counted = qw(checks errors_agreed refused locked mismatches unconfirmed steps ddl changes failed_steps worlds);

# ---- a world -------------------------------------------------------

my $world;		# its number
my @sessions;	# 0: a superuser's, who only asks; then { s, txn, cursor, n }
my @history;	# [session, SQL, ids of queries that are checked]
my %queries;	# id => query
my @pool;		# ids in use
my $query_id;
my ($prepared, $prepared_n);
my %reasons;
my %states;
my %bad;		# id => what happened last, if not a comparison
my $stale_catalog;

sub connect_to
{
	my ($database) = @_;
	my $c = $connection =~ /dbname=/ ? $connection =~ s/dbname=\S+/dbname=$database/r : "$connection dbname=$database";
	my @setup = ("\\set VERBOSITY sqlstate\nSET client_min_messages = error");
	return CqSession->new(undef, $c, @setup);
}

sub in_postgres
{
	my ($sql) = @_;
	my $c = connect_to('postgres');
	my $result = join '', map { $c->query($_) } split /;\n/, $sql;
	$c->quit;
	die "$sql: $result\n" if $result =~ /ERROR/;
	return $result;
}

sub roles { return map { "${_}_$world" } qw(own grp r1 r2); }

# The template of this process's databases, and its roles.
sub make_template
{
	my $setup = do { local (@ARGV, $/) = "$FindBin::Bin/fetch_world.sql"; <> };
	$setup =~ s/\@/$world/g;

	drop_worlds();
	in_postgres(join ";\n", (map { "CREATE ROLE $_" } roles()), "GRANT grp_$world TO own_$world", "CREATE DATABASE fetch_${world}_t");
	my $c = connect_to("fetch_${world}_t");
	my $result = $c->query($setup);
	die "world: $result\n" if $result =~ /ERROR/;
	$c->quit;
}

sub drop_worlds
{
	end_world();
	in_postgres("DROP DATABASE IF EXISTS fetch_${world}_t WITH (FORCE)");
	in_postgres("DROP ROLE IF EXISTS $_") for roles();
}

sub begin_world
{
	end_world();
	in_postgres(join ";\n", "GRANT grp_$world TO own_$world", "REVOKE grp_$world FROM r1_$world, r2_$world", "ALTER ROLE r1_$world NOBYPASSRLS", "ALTER ROLE r2_$world INHERIT",
		"CREATE DATABASE fetch_$world TEMPLATE fetch_${world}_t");
	my %settings = (client_min_messages => 'error', lock_timeout => $races ? "'50ms'" : "'10ms'", deadlock_timeout => "'50ms'", search_path => 'w, w2');
	$settings{'cachequeue.fault'} = "'$fault'" if $fault;
	in_postgres(join ";\n", map { "ALTER DATABASE fetch_$world SET $_ = $settings{$_}" } sort keys %settings);
	return if $races;
	@sessions = map { { s => connect_to("fetch_$world"), txn => 0, cursor => 0, hold => 0, n => $_ } } 0 .. FOUR;
	$prepared = undef;
}

sub end_world
{
	$_->{s}->quit for @sessions;
	@sessions = ();
	for my $name (split /\n/, in_postgres("SELECT gid FROM pg_prepared_xacts WHERE database = 'fetch_$world'"))
	{
		my $c = connect_to("fetch_$world");
		$c->query("ROLLBACK PREPARED '$name'");
		$c->quit;
	}
	in_postgres("DROP DATABASE IF EXISTS fetch_$world WITH (FORCE)");
}

# ---- steps ---------------------------------------------------------

# What the session says to it; an error ends its transaction.
sub say
{
	my ($session, $sql) = @_;
	my $out = $session->{s}->query($sql);
	die "session ended in: $sql\n$out\n" if $out =~ /server closed the connection|connection to server was lost/;
	return $out;
}

sub step
{
	my ($session, $sql, @ids) = @_;
	$sql =~ s/\@/$world/g;
	return '' if $without && $sql =~ /$without/;
	note_step($session, $sql, @ids);
	$count{steps}++;
	my $out = say($session, $sql);

	if ($out =~ /^ERROR/m)
	{
		$count{failed_steps}++;
		violation_in("internal error: $out in $sql") if $out =~ /XX\d\d\d/;
		if ($session->{txn})
		{
			note_step($session, 'ROLLBACK');
			say($session, 'ROLLBACK');
			$session->{txn} = $session->{cursor} = $session->{hold} = 0;
		}
	}
	settle($session, $_) for judge($out);
	return $out;
}

my ($traces, $trace);	# a file of each process, with --races

sub note_step
{
	my ($session, $sql, @ids) = @_;

	if ($races)
	{
		print $trace join("\t", sprintf('%.4f', time), $session->{n}, $sql =~ s/\s+/ /gr), "\n";
		return;
	}
	push @history, [ $session->{n}, $sql, @ids ];
}

# Count what a check has found; returns the mismatches, [id, kind, what].
sub judge
{
	my ($out) = @_;
	my @wrong;

	for (split /\n/, $out)
	{
		if (/^C (\d+)$/)
		{
			$count{checks} += $1;
		}
		elsif (/^R (\d+) (.*)/)
		{
			$count{refused}++;
			$reasons{$2}++;
			$bad{$1} = 'refused';
		}
		elsif (/^E (\d+) (.*)/)
		{
			$count{errors_agreed}++;
			$states{$2}++;
			$bad{$1} = $2;
		}
		elsif (/^L (\d+)/)
		{
			$count{locked}++;
		}
		elsif (/^M (\d+)\|(.*?)\|(.*)/)
		{
			push @wrong, [ $1, $2, $3 ];
		}
	}
	return @wrong;
}

# A mismatch ends the world.  If there was DDL at the same time, it must be there without, too.
sub settle
{
	my ($session, $wrong) = @_;
	my ($id, $kind, $what) = @$wrong;

	if ($races)
	{
		my ($begin, $commit) = $session->{txn} ? ('', '') : ('BEGIN; ', '; COMMIT');
		my $again = say($session, "${begin}SELECT pg_advisory_xact_lock_shared(@{[DDL_LOCK]}); SELECT checks.batch('{$id}')$commit");

		if ($again =~ /^ERROR/m && $session->{txn})
		{
			say($session, 'ROLLBACK');
			$session->{txn} = $session->{cursor} = $session->{hold} = 0;
		}
		if ($again !~ /^M $id\|(.*?)\|(.*)/m)
		{
			$count{unconfirmed}++;
			return;
		}
		($kind, $what) = ($1, $2);
	}
	$count{mismatches}++;
	my $asked = $races ? say($sessions[0], "SELECT query, args, form FROM checks.query WHERE id = $id") :
	  "$queries{$id}{query} [@{[$queries{$id}{args} // '']}] $queries{$id}{form}";
	violation_in("$kind of query $id: cache|truth: $what\n  $asked", $id);
	die "next world\n";
}

sub as
{
	my ($session) = @_;
	my $role = FetchWorld::one(('r1_@') x 4, 'r2_@', 'own_@', 'own_@', 'none');
	return "SET ROLE $role; ";
}

sub check
{
	my ($session) = @_;
	my @shuffled = map { $_->[1] } sort { $a->[0] <=> $b->[0] } map { [ rand, $_ ] } @pool;
	my @ids = sort { $a <=> $b } splice(@shuffled, 0, BATCH);
	my $batch = "checks.batch('{" . join(',', @ids) . "}')";
	my $dice = rand;
	if ($dice < 0.05)
	{
		my $change = FetchWorld::change() =~ s/;.*//r;
		$count{changes}++;
		step($session, as($session) . "SELECT checks.change(\$\$$change\$\$), '\n' || $batch", @ids);
	}
	elsif ($dice < 0.07)
	{
		my $change = FetchWorld::change() =~ s/;.*//r;
		$count{changes}++;
		splice @ids, 6;
		step($session, as($session) . "SELECT checks.loop(\$\$$change\$\$, '{" . join(',', @ids) . "}')", @ids);
	}
	elsif ($dice < 0.12)
	{
		check_inside($session, @ids);
	}
	elsif ($session->{cursor} && $dice < 0.6)
	{
		step($session, 'FETCH 1 c', @ids);
	}
	elsif ($session->{txn} && !$session->{hold} && $dice < 0.14)
	{
		step($session, as($session) . "DECLARE hold CURSOR WITH HOLD FOR SELECT $batch FROM generate_series(1, 2)", @ids);
		$session->{hold} = $session->{txn};
	}
	elsif ($session->{txn} && !$session->{cursor} && $dice < 0.2)
	{
		step($session, as($session) . "DECLARE c CURSOR FOR SELECT $batch FROM generate_series(1, 5)", @ids);
		$session->{cursor} = $session->{txn};
	}
	else
	{
		step($session, as($session) . "SELECT $batch", @ids);
	}
}

# In the middle of a statement that changes what is read.
sub check_inside
{
	my ($session, @ids) = @_;
	my $change = FetchWorld::change() =~ s/;.*//r;
	my $set = "'{" . join(',', splice(@ids, 0, 6)) . "}'";
	my $dice = rand;

	$count{changes}++;
	if ($dice < 0.3)
	{
		step($session, "SET ROLE own_@; WITH c AS ($change RETURNING 1) SELECT checks.batch($set)");
	}
	elsif ($dice < 0.6)
	{
		step($session, "SET ROLE own_@; $change RETURNING checks.now($set)");
	}
	else
	{
		step($session, "SET ROLE own_@; SET checks.ids = $set; SET checks.report = ''; $change; SET checks.ids = ''; SELECT current_setting('checks.report')");
	}
}

sub refresh_catalog
{
	my $out = say($sessions[0], FetchWorld::CATALOG);
	FetchWorld::learn(split /\n/, $out);
	$stale_catalog = 0;
}

# A new query in the place of an old one, rather of one that is no good.
sub renew_query
{
	my @worse = grep { exists $bad{ $pool[$_] } } 0 .. $#pool;
	my $place = @pool < BATCH || @pool < POOL && !$races ? @pool : @worse && chance(0.7) ? $worse[ rand @worse ] : int rand @pool;
	my $id = ++$query_id;

	refresh_catalog() if $stale_catalog;
	my $query = $queries{$id} = FetchWorld::query($id);
	my @values = map { defined $_ ? "\$sql\$$_\$sql\$" : 'NULL' } @{$query}{qw(form key query)}, undef, @{$query}{qw(cached truth)};
	$values[3] = defined $query->{args} ? "'{$query->{args}}'" : "'{}'";
	step($sessions[0], "INSERT INTO checks.query VALUES ($id, " . join(', ', @values) . ')', $id);
	$pool[$place] = $id;
}

sub transaction_step
{
	my ($session) = @_;
	my $dice = rand;

	if (!$session->{txn})
	{
		if ($prepared && ($races || $dice < 0.4))
		{
			step($session, 'RESET ROLE; ' . (chance(0.7) ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$prepared'");
			$prepared = undef;
			return;
		}
		my $repeatable = chance(0.5);
		step($session, 'BEGIN' . ($repeatable ? ' ISOLATION LEVEL REPEATABLE READ; SELECT 1' : ''));
		$session->{txn} = 1;
		return;
	}
	if ($dice < 0.2)
	{
		step($session, 'SAVEPOINT s');
		$session->{txn}++ if $session->{txn};
	}
	elsif ($dice < 0.4 && $session->{txn} > 1)
	{
		step($session, 'ROLLBACK TO s');
		$session->{$_} > 1 and $session->{$_} = 0 for qw(cursor hold);
	}
	elsif ($dice < 0.5 && !$prepared)
	{
		my $name = "fetch $world " . ++$prepared_n;
		my $out = step($session, "PREPARE TRANSACTION '$name'");
		$prepared = $name if $out !~ /ERROR/;
		$session->{txn} = $session->{cursor} = $session->{hold} = 0;
	}
	else
	{
		my $commits = $dice < 0.85;
		step($session, $commits ? 'COMMIT' : 'ROLLBACK');
		step($session, 'FETCH ALL FROM hold; CLOSE hold') if $session->{hold} && $commits;
		$session->{hold} = 0;
		$session->{txn} = $session->{cursor} = $session->{hold} = 0;
	}
}

# DDL needs locks: usually others end their transactions first, unless theirs has only
# a snapshot.
sub ddl_step
{
	my ($session) = @_;

	if (chance(0.8))
	{
		for my $other (grep { $_ != $session && $_->{txn} && chance(0.8) } @sessions[ 1 .. $#sessions ])
		{
			step($other, 'COMMIT');
			step($other, 'CLOSE ALL') if $other->{hold};
			$other->{txn} = $other->{cursor} = $other->{hold} = 0;
		}
	}
	$stale_catalog = 1;
	$count{ddl}++;
	my ($begin, $commit) = ('', '');
	if ($races)
	{
		$begin = ($session->{txn} ? '' : 'BEGIN; ') . "SELECT pg_advisory_xact_lock(@{[DDL_LOCK]}); ";
		$commit = (chance(0.3) ? '; SELECT pg_sleep(0.005)' : '') . '; COMMIT' unless $session->{txn};
	}
	step($session, "${begin}SET ROLE own_\@; " . FetchWorld::ddl() . $commit);
}

# Few combinations: results are shared only among equal ones.
sub setting_step
{
	my ($session) = @_;
	my $local = $session->{txn} && chance(0.5);
	step($session, 'RESET ROLE; ' . ($local ? '' : 'RESET ALL; ') . FetchWorld::setting($local ? 'LOCAL ' : ''));
}

sub some_step
{
	my $session = $sessions[ 1 + int rand $#sessions ];
	my $dice = rand;

	# others wait for its locks, without end
	if ($races && $prepared && !$session->{txn} && $dice < 0.5) { transaction_step($session) }
	elsif ($dice < 0.58) { check($session) }
	elsif ($dice < 0.70) { $count{changes}++; step($session, 'SET ROLE own_@; ' . FetchWorld::change()) }
	elsif ($dice < 0.75) { ddl_step($session) }
	elsif ($dice < 0.80) { setting_step($session) }
	elsif ($dice < 0.92) { transaction_step($session) }
	else { renew_query() }
}

sub play_world
{
	@history = @pool = ();
	%queries = %bad = ();
	($query_id, $prepared_n) = (0, 0);
	begin_world();
	$count{worlds}++;
	refresh_catalog();
	renew_query() for 1 .. POOL;
	for (1 .. STEPS_MAX)
	{
		return if finished();
		some_step();
	}
}

# In a world that others use, too.  The newest queries are everybody's.
sub play_races
{
	open($trace, '>', "$traces/$me") or die $!;
	select((select($trace), $| = 1)[0]);
	@sessions = map { { s => connect_to("fetch_$world"), txn => 0, cursor => 0, hold => 0, n => $_ } } 0, $me;
	($query_id, $prepared_n) = ($me * 1_000_000, $me * 1_000_000);
	refresh_catalog();
	renew_query() for 1 .. POOL / $sessions + 1;
	while (!finished())
	{
		@pool = split /\n/, say($sessions[0], 'SELECT id FROM checks.query ORDER BY xmin::text::bigint DESC, id LIMIT ' . POOL)
		  if $count{steps} % 20 == 0 || @pool < BATCH;
		$stale_catalog = 1 if $count{steps} % 50 == 0;
		eval { some_step(); 1 } || $@ =~ /^next world/ || die $@;
	}
	$_->{s}->quit for splice @sessions;
}

my ($until, $checks_max);

sub finished { return time > $until || ($checks_max && $count{checks} >= $checks_max); }

# ---- violations ----------------------------------------------------

sub violation_in
{
	my ($what, $id) = @_;
	@history = traced() if $races;
	my @last = @history > LAST_STEPS ? @history[ -(LAST_STEPS) .. -1 ] : @history;
	my @shown = $shrink && defined $id ? shrunk($id) : @last;

	violation("world $world, seed $seed, step " . @history . ": $what\n" . script(\@shown, $id) . "\n");
}

# What all processes did last, but for checks.
sub traced
{
	my @lines;

	for my $file (glob "$traces/*")
	{
		open(my $fh, '<', $file) or next;
		push @lines, (grep { !/batch|checks\.query/ } <$fh>);
	}
	chomp @lines;
	return map { my ($when, $n, $sql) = split /\t/; [ "$n, at $when", $sql ] } sort @lines;
}

# As a script for people.
sub script
{
	my ($steps, $id) = @_;
	return join '', map { my ($n, $sql) = @$_; "  [$n] $sql;\n" } @$steps;
}

# Does the history show it?
sub shows
{
	my ($id, @steps) = @_;

	begin_world();
	my $last = '';
	for my $step (@steps)
	{
		my ($n, $sql) = @$step;
		$last = $sessions[$n]{s}->query($sql);
		last if $last =~ /server closed/;
	}
	return $last =~ /^M $id\|/m;
}

# Only the query in question is checked in a step.
sub narrowed
{
	my ($step, $id) = @_;
	my ($n, $sql, @ids) = @$step;
	return $step unless grep { $_ == $id } @ids;
	$sql =~ s/'\{[\d,]+\}'\)(?= FROM gen|$)/'{$id}')/;
	return [ $n, $sql, $id ];
}

# Delta debugging.
sub shrunk
{
	my ($id) = @_;
	my @steps = @history;
	my $end = time + 120;

	# those that check other queries only, or make them
	my @mine = map { narrowed($_, $id) } grep { my ($n, $sql, @ids) = @$_; !@ids || grep { $_ == $id } @ids } @steps;
	print "shrinking $#steps steps of query $id\n";
	return @steps[ max(0, @steps - 2 * LAST_STEPS) .. $#steps ] unless shows($id, @mine) || (@mine = @steps, shows($id, @mine))[-1];
	for (my $size = int(@mine / 2); $size >= 1; $size = int($size / 2))
	{
		my $again = 1;
		while ($again)
		{
			$again = 0;
			for (my $from = @mine - 1 - $size; $from > -$size; $from -= $size)
			{
				last if time > $end;
				my $first = max($from, 0);
				my @without = @mine;
				splice @without, $first, $from + $size - $first;
				next unless @without && shows($id, @without);
				@mine = @without;
				$again = 1 if $size == 1;
			}
		}
	}
	return @mine;
}

# ---- all together --------------------------------------------------

my @server_counters = qw(hits loads sets sets_refused misses_absent misses_invalidated misses_snapshot misses_bypass
  refused_changed refused_epoch refused_own_change);

sub counters { return split /\|/, query('SELECT ' . join(', ', @server_counters) . ' FROM cq.stat_cache'); }

print "fetch_checker: seed $seed, $sessions worlds, $seconds s\n";
CqChecker::start(name => 'fetch_checker', connection => $connection, fault => $fault, counted => \@counted);
my @before = counters();
my $begun = time;

if ($races)
{
	$world = 1;
	$traces = tempdir(CLEANUP => 1);
	make_template();
	begin_world();
}
run_sessions($sessions, $seed * 100, sub {
	$world //= $me;
	($until, $checks_max) = (time + $seconds, $checks / $sessions);
	if ($races)
	{
		play_races();
	}
	else
	{
		make_template();
		until (finished())
		{
			next if eval { play_world(); 1 };
			die $@ if $@ !~ /^next world/;
		}
		drop_worlds();
	}
	# counts have one word for a name
	$count{"reason:" . s/\s+/_/gr} += $reasons{$_} for keys %reasons;
	$count{"state:$_"} += $states{$_} for keys %states;
});

drop_worlds() if $races;
my @after = counters();
my %server = map { $server_counters[$_] => $after[$_] - $before[$_] } 0 .. $#server_counters;
query('DROP SCHEMA fetch_checker CASCADE');

my $asked = $count{checks} + $count{errors_agreed} + $count{refused} + $count{mismatches};
my $hits = $asked ? 100 * $server{hits} / $asked : 0;
printf "%d checks, %.0f a second; %.1f %% were hits; %.1f %% were refused\n", $count{checks}, $count{checks} / (time - $begun), $hits, $asked ? 100 * $count{refused} / $asked : 0;
print 'of the server: ', join(', ', map { "$server{$_} $_" } @server_counters), "\n";
for my $what ('reason', 'state')
{
	print "  $what: $count{$_} ", s/^$what:|_/ /gr, "\n" for sort { $count{$b} <=> $count{$a} } grep { /^$what:/ } keys %count;
}
violation('hardly anything was a hit') if $hits < HITS_MIN || !$count{checks};
violation('too much was refused') if $count{refused} > REFUSED_MAX / 100 * $asked;
exit(CqChecker::finish('every answer of the cache is that of the query'));
