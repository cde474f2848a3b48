#!/usr/bin/perl
# Random histories against the cache; every hit is compared with the table.
#
# Usage: test/soak/cache_checker.pl [--sessions N] [--seconds N] [--accounts N]
#        [--seed N] [--fault NAME] [CONNECTION STRING]
#
# The sessions do transfers between accounts, so that the sum never changes, and
# read through the cache: with the remembered miss and with a lease, with and
# without a delay between reading and setting, in READ COMMITTED and REPEATABLE
# READ, inside transactions that write, with savepoints, rollbacks, prepared
# transactions, TRUNCATE, and sessions that are killed.  Accounts are written
# through, too.  What a get returns is compared with the table in the same
# statement, that is, under one snapshot.
#
# Exits with 1 on any mismatch, and when fewer than half of the gets were hits:
# a cache that never hits proves nothing.  --fault leaves a rule out (debug
# builds; see 029_cache_faults.pl) to see that it is found.

use strict;
use warnings;

use Getopt::Long;
use IPC::Open3 qw(open3);
use Time::HiRes qw(sleep time);

my ($sessions, $seconds, $accounts, $seed, $fault) = (8, 20, 200, time ^ $$, '');
GetOptions(
	'sessions=i' => \$sessions,
	'seconds=i' => \$seconds,
	'accounts=i' => \$accounts,
	'seed=i' => \$seed,
	'fault=s' => \$fault) or exit 2;
my $connection = shift // '';

use constant {
	TEAMS => 20,
	START => 100,
};

my @counted = qw(gets hits row_hits mismatches sets refused transfers rollbacks prepared kills errors);
my %count = map { $_ => 0 } @counted;

print "cache_checker: seed $seed, $sessions sessions, $seconds s\n";

# ---- a session -----------------------------------------------------

my ($to, $from, $pid);
my $marker = 0;
my $me = 0;

sub connect_session
{
	close $to if $to;
	waitpid $pid, 0 if $pid;
	$pid = open3($to, $from, undef, 'psql', '-XAtq', '-d', $connection,
		'-v', 'VERBOSITY=sqlstate');
	select((select($to), $| = 1)[0]);
	query("SET client_min_messages = error; SET lock_timeout = '300ms'; SET search_path = cache_checker");
	query("SET cachequeue.fault = '$fault'") if $fault;
	query("SET application_name = 'cache_checker'") if $me;
}

# Rows of a query, or of several; undef when the session has died.
sub query
{
	my ($sql) = @_;
	my @rows;

	$marker++;
	print $to "$sql;\n\\echo marker $marker\n";
	while (defined(my $line = readline $from))
	{
		chomp $line;
		return @rows if $line eq "marker $marker";
		if ($line =~ /^(?:psql:.*)?(?:ERROR|FATAL):/)
		{
			$count{errors}++;
			die "failed\n" if $line =~ /ERROR/;
		}
		else
		{
			push @rows, $line;
		}
	}
	die "session ended\n";
}

# A statement that failed leaves its marker to be read.
sub resynchronise
{
	$marker++;
	print $to "ROLLBACK;\n\\echo marker $marker\n";
	while (defined(my $line = readline $from))
	{
		chomp $line;
		return if $line eq "marker $marker";
	}
	die "session ended\n";
}

# ---- what sessions do ----------------------------------------------

sub chance { return rand() < $_[0]; }

sub account
{
	# some are busier than others
	return 1 + int($accounts * rand() * rand());
}

sub pause { sleep(rand(0.004)) if chance(0.3); }

# Two kinds of cached values: a row, and an aggregate under a tag of many rows.
sub pick
{
	my $id = account();
	return chance(0.8)
	  ? row($id)
	  : {
		key => 'team:' . $id % TEAMS,
		actual => "(SELECT sum(balance)::text FROM account WHERE team = " . $id % TEAMS . ')'
	  };
}

# Compare; returns whether it was a hit.
sub get
{
	my ($what, $context) = @_;
	my $written = defined $what->{id} ? "cq.cache_get_jsonb('row:$what->{id}') ->> 'balance'" : 'NULL';
	my ($row) = query("SELECT coalesce(cq.cache_get('$what->{key}'), '-'), coalesce($what->{actual}, 'none'), coalesce($written, '-')");
	return 0 unless defined $row;

	(my $cached, my $actual, $written) = split /\|/, $row;
	$count{gets}++;
	$count{row_hits}++ if $written ne '-';
	if ($written ne '-' && $written ne $actual)
	{
		$count{mismatches}++;
		print "MISMATCH in session $me, $context: row:$what->{id} is $written in the cache and $actual in the table\n";
	}
	return 0 if $cached eq '-';
	$count{hits}++;
	if ($cached ne $actual)
	{
		$count{mismatches}++;
		print "MISMATCH in session $me, $context: $what->{key} is $cached in the cache and $actual in the table\n";
	}
	return 1;
}

sub set
{
	my ($what, $value, $lease) = @_;
	$lease = defined $lease ? ", lease => $lease" : '';
	my $ttl = chance(0.1) ? "'20 ms'" : 'NULL';
	my $condition = chance(0.1) ? ", condition => 'absent'" : '';
	my ($stored) = query("SELECT cq.cache_set('$what->{key}', '$value', $ttl, ARRAY['$what->{key}']$condition$lease)");
	$count{ $stored eq 't' ? 'sets' : 'refused' }++;
}

# Cache-aside within a transaction that is open.
sub fill_here
{
	my ($what, $context) = @_;

	return if get($what, $context);
	pause();
	my ($value) = query("SELECT $what->{actual}");
	pause();
	set($what, $value) if defined $value && length $value;
}

sub read_with_lease
{
	my ($what) = @_;
	my ($row) = query("SELECT found, lease FROM cq.cache_get_or_lease('$what->{key}')");
	my ($found, $lease) = split /\|/, $row;

	return if $found eq 't';
	pause();
	my ($value) = query("SELECT $what->{actual}");
	pause();
	set($what, $value, $lease) if defined $value && length $value;
}

sub read_plainly
{
	my @what = map { pick() } 1 .. 6;

	for my $what (@what)
	{
		next if get($what, 'read committed');
		if (chance(0.5))
		{
			read_with_lease($what);
		}
		else
		{
			query('BEGIN');
			fill_here($what, 'read committed');
			query(chance(0.9) ? 'COMMIT' : 'ROLLBACK');
		}
	}
}

sub read_repeatably
{
	query('BEGIN ISOLATION LEVEL REPEATABLE READ');
	for (1 .. 6)
	{
		fill_here(pick(), 'repeatable read');
		pause();
	}
	my ($sum) = query('SELECT sum(balance) FROM account');
	if ($sum ne '' && $sum != $accounts * START)
	{
		print "the sum is $sum in session $me\n";
		$count{mismatches}++;
	}
	query(chance(0.9) ? 'COMMIT' : 'ROLLBACK');
}

sub row
{
	my ($id) = @_;
	return { id => $id, key => "account:$id", actual => "(SELECT balance::text FROM account WHERE id = $id)" };
}

sub transfer
{
	my ($a, $b) = sort { $a <=> $b } account(), account();
	return if $a == $b;
	my $amount = int rand 10;
	my ($lease, $value);

	query(chance(0.8) ? 'BEGIN' : 'BEGIN ISOLATION LEVEL REPEATABLE READ');
	fill_here(row($a), 'before its write') if chance(0.3);
	query("UPDATE account SET balance = balance - $amount WHERE id = $a");
	if (chance(0.3))
	{
		query('SAVEPOINT s');
		query("UPDATE account SET balance = balance - 1000 WHERE id = $a");
		fill_here(row($a), 'in a savepoint') if chance(0.7);
		($value) = query("SELECT balance FROM account WHERE id = $a") if chance(0.5);
		query('ROLLBACK TO s');
		set(row($a), $value) if defined $value;
		fill_here(row($a), 'after a savepoint') if chance(0.5);
	}
	fill_here(row($b), 'between its writes') if chance(0.3);
	query("UPDATE account SET balance = balance + $amount WHERE id = $b");
	fill_here(row($_), 'after its write') for chance(0.5) ? ($a, $b) : ();
	if (chance(0.2))
	{
		# the lease is used when the transaction is over, with what it has read
		(my $row) = query("SELECT found, lease FROM cq.cache_get_or_lease('account:$a')");
		(my $found, $lease) = split /\|/, $row;
		undef $lease if $found eq 't';
		($value) = query("SELECT balance FROM account WHERE id = $a");
	}
	$count{transfers}++;

	if (chance(0.15))
	{
		my $name = "checker $me " . $count{transfers};
		query("PREPARE TRANSACTION '$name'");
		$count{prepared}++;
		eval { get(row($_), 'while prepared') for $a, $b, account(); };
		pause();
		set(row($a), $value, $lease) if defined $lease && defined $value;
		query((chance(0.7) ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$name'");
	}
	elsif (chance(0.25))
	{
		$count{rollbacks}++;
		query('ROLLBACK');
	}
	else
	{
		query('COMMIT');
	}
	set(row($a), $value, $lease) if defined $lease && defined $value;
	get(row($_), 'after a transfer') for $a, $b;
}

sub invalidate
{
	my $what = pick();
	query(chance(0.5) ? "SELECT cq.cache_invalidate('$what->{key}')" : "SELECT cq.cache_delete('$what->{key}')");
}

# Not MVCC: readers with older snapshots see an empty table.
sub truncate_table
{
	query('BEGIN; LOCK TABLE account; CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT * FROM account');
	query('TRUNCATE account; INSERT INTO account SELECT * FROM kept');
	query(chance(0.7) ? 'COMMIT' : 'ROLLBACK');
}

sub kill_one
{
	my ($killed) = query('SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity'
		  . " WHERE application_name = 'cache_checker' AND datname = current_database()"
		  . ' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1) AS p');
	$count{kills} += $killed;
}

# What a session that died has left prepared would hold up everybody: while it
# is open, hardly anything can be stored.
sub end_prepared
{
	my ($pattern) = @_;

	for my $name (query("SELECT gid FROM pg_prepared_xacts WHERE gid LIKE '$pattern'"))
	{
		query("ROLLBACK PREPARED '$name'");
	}
}

sub work
{
	my ($until) = @_;

	connect_session();
	while (time < $until)
	{
		my $dice = rand;
		eval {
			if    ($dice < 0.80)  { read_plainly(); }
			elsif ($dice < 0.88)  { read_repeatably(); }
			elsif ($dice < 0.985) { transfer(); }
			elsif ($dice < 0.995) { invalidate(); }
			elsif ($dice < 0.997) { truncate_table(); }
			else                  { kill_one(); }
			1;
		} and next;
		my $error = $@;

		die $error unless $error eq "failed\n" || $error eq "session ended\n";
		connect_session()
		  unless $error eq "failed\n" && eval { resynchronise(); 1 };
		eval { end_prepared("checker $me %") };
	}
}

# ---- all together --------------------------------------------------

$SIG{PIPE} = 'IGNORE';
connect_session();
query('DROP SCHEMA IF EXISTS cache_checker CASCADE; CREATE SCHEMA cache_checker');
query('CREATE TABLE account (id int PRIMARY KEY, balance int, team int)');
query("INSERT INTO account SELECT n, @{[START]}, n % @{[TEAMS]} FROM generate_series(1, $accounts) AS n");
query("SELECT cq.cache_watch('account', ARRAY['account:{id}', 'team:{team}'], '{\"key\": \"row:{id}\"}')");

my $until = time + $seconds;
my @children;
for my $n (1 .. $sessions)
{
	pipe(my $reader, my $writer) or die $!;
	my $child = fork // die $!;
	if ($child == 0)
	{
		close $reader;
		close STDIN;
		undef $to;
		undef $pid;
		$me = $n;
		srand($seed + $n);
		$| = 1;
		work($until);
		print $writer join(' ', map { $count{$_} } @counted), "\n";
		close $writer;
		exit 0;
	}
	close $writer;
	push @children, { pid => $child, from => $reader };
}

my $broken = 0;
for my $child (@children)
{
	my $line = readline $child->{from};
	waitpid $child->{pid}, 0;
	$broken++, next if $? || !defined $line;
	my @n = split ' ', $line;
	$count{ $counted[$_] } += $n[$_] for 0 .. $#counted;
}
for my $name (eval { query("SELECT gid FROM pg_prepared_xacts WHERE gid LIKE 'checker %'") })
{
	eval { query("ROLLBACK PREPARED '$name'") };
}
my ($sum) = eval { query('SELECT sum(balance) FROM account') };
eval { query('DROP SCHEMA cache_checker CASCADE') };

my $ratio = $count{gets} ? 100 * $count{hits} / $count{gets} : 0;
print join(', ', map { "$count{$_} $_" } @counted), "\n";
printf "%d comparisons, %.1f %% hits, %d mismatches\n", $count{hits}, $ratio, $count{mismatches};
my @wrong;
push @wrong, "$broken sessions ended badly" if $broken;
push @wrong, 'hits that contradict the table' if $count{mismatches};
push @wrong, 'fewer than half of the gets were hits' if $ratio < 50;
push @wrong, 'no row that was written through has been hit' unless $count{row_hits};
push @wrong, 'no transfers' unless $count{transfers} && $count{prepared};
push @wrong, 'the sum has changed' if ($sum // '') ne $accounts * START;
print "FAILED: ", join(', ', @wrong), "\n" if @wrong;
exit(@wrong ? 1 : 0);
