#!/usr/bin/perl
# Random histories against the cache; every hit is compared with the table.
#
# Usage: test/soak/cache_checker.pl [--sessions N] [--seconds N] [--accounts N]
#        [--seed N] [--fault NAME] [--old-writer] [CONNECTION STRING]
#
# The sessions do transfers between accounts, so that the sum never changes, and
# read through the cache: with the remembered miss; with a lease, used at once, much
# later, or after the transaction that it was handed out in; one key and many;
# with and without a delay between reading and setting; by cache_fetch and
# cache_query; in READ COMMITTED, REPEATABLE READ and SERIALIZABLE; inside
# transactions that write, with savepoints, rollbacks, prepared transactions,
# TRUNCATE, and sessions that are killed.  Accounts are written through, too.
#
#	- What a get returns is compared with the table in the same statement, that is,
#	  under one snapshot.
#	- So is the sum of all accounts, as many of them as possible from the cache, in
#	  several statements of one REPEATABLE READ transaction: it is what it always was.
#	- Plain entries are long runs of one letter: none is torn, and none is of a
#	  transaction or a savepoint that was rolled back, or that was prepared.
#
# Exits with 1 on any mismatch, and when fewer than half of the gets were hits:
# a cache that never hits proves nothing.  --fault leaves a rule out (debug
# builds; see 029_cache_faults.pl) to see that it is found.  With --old-writer a
# transaction that has written something else is open all the time.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../t";

use CqChecker;
use Time::HiRes qw(sleep time);

my $accounts = 200;
my $old_writer = 0;
my $connection = CqChecker::options('accounts=i' => \$accounts, 'old-writer' => \$old_writer);

use constant {
	TEAMS => 20,
	START => 100,
	PLAIN_KEYS => 30,
	PLAIN_BYTES_MAX => 30000,
	LEASES_KEPT_MAX => 5,
	SUM_STATEMENTS => 5,
};

my @counted = qw(gets hits row_hits results sums sum_hits plain_hits sets refused
  transfers rollbacks prepared);

print "cache_checker: seed $seed, $sessions sessions, $seconds s\n";

# ---- what is cached ------------------------------------------------

sub account
{
	# some are busier than others
	return 1 + int($accounts * rand() * rand());
}

sub row
{
	my ($id) = @_;
	return { id => $id, key => "account:$id", actual => "(SELECT balance::text FROM account WHERE id = $id)" };
}

# A row, or an aggregate under a tag of many rows.
sub pick
{
	my $id = account();
	return row($id) if chance(0.8);
	my $team = $id % TEAMS;
	return { key => "team:$team", actual => "(SELECT sum(balance)::text FROM account WHERE team = $team)" };
}

sub same
{
	my ($what, $cached, $actual, $context) = @_;
	violation("$context: $what is $cached in the cache and $actual in the table")
	  if $cached ne $actual;
}

# Compare; returns whether it was a hit.
sub get
{
	my ($what, $context) = @_;
	my $written = defined $what->{id} ? "cq.cache_get_jsonb('row:$what->{id}') ->> 'balance'" : 'NULL';
	my $row = query("SELECT coalesce(cq.cache_get('$what->{key}'), '-'), coalesce($what->{actual}, 'none'), coalesce($written, '-')");
	my ($cached, $actual);

	($cached, $actual, $written) = split /\|/, $row;
	$count{gets}++;
	if ($written ne '-')
	{
		$count{row_hits}++;
		same("row:$what->{id}", $written, $actual, $context);
	}
	return 0 if $cached eq '-';
	$count{hits}++;
	same($what->{key}, $cached, $actual, $context);
	return 1;
}

sub value_of
{
	my ($what) = @_;

	pause();
	my $value = query("SELECT $what->{actual}");
	pause();
	return defined $value && length $value ? $value : undef;
}

sub set
{
	my ($what, $value, $lease) = @_;
	return unless defined $value;
	$lease = defined $lease ? ", lease => $lease" : '';
	my $ttl = chance(0.1) ? "'20 ms'" : 'NULL';
	my $condition = chance(0.1) ? ", condition => '" . (chance(0.7) ? 'absent' : 'present') . "'" : '';
	my $stored = query("SELECT cq.cache_set('$what->{key}', '$value', $ttl, ARRAY['$what->{key}']$condition$lease)");
	$count{ $stored eq 't' ? 'sets' : 'refused' }++;
}

# ---- reading through -----------------------------------------------

# Cache-aside within a transaction that is open; returns whether it missed.  A second
# miss is later than the value.
sub fill_here
{
	my ($what, $context) = @_;

	return 0 if get($what, $context);
	my $value = value_of($what);
	if (chance(0.3))
	{
		sleep(rand(0.03)) if chance(0.5);
		get($what, "$context, again");
	}
	set($what, $value);
	return 1;
}

# The lease of a miss, undef for a hit.
sub lease_of
{
	my ($what) = @_;
	my ($found, $lease) = split /\|/, query("SELECT found, lease FROM cq.cache_get_or_lease('$what->{key}')");
	return $found eq 't' ? undef : $lease;
}

my @kept;	# what was read for a lease some time ago

sub read_with_lease
{
	my ($what) = @_;
	my $lease = lease_of($what);

	return unless defined $lease;
	my $value = value_of($what);
	if (chance(0.1) && @kept < LEASES_KEPT_MAX)
	{
		push @kept, [ $what, $value, $lease ];
	}
	else
	{
		set($what, $value, $lease);
	}
}

sub read_plainly
{
	for my $what (map { pick() } 1 .. 6)
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
	set(@{ splice @kept, rand @kept, 1 }) if @kept && chance(0.2);
}

sub read_many
{
	my %ids = map { account() => 1 } 1 .. 6;
	my $keys = join ',', map { "'account:$_'" } sort { $a <=> $b } keys %ids;
	my (@missed, $lease);

	for (query("SELECT a.id, coalesce(m.value, '-'), a.balance, m.lease FROM cq.cache_get_many(ARRAY[$keys]) AS m JOIN account AS a ON 'account:' || a.id = m.key"))
	{
		my ($id, $cached, $actual, $number) = split /\|/;
		$count{gets}++;
		if ($cached eq '-')
		{
			push @missed, $id;
			$lease = $number;
			next;
		}
		$count{hits}++;
		same("account:$id", $cached, $actual, 'many');
	}
	return unless @missed;
	pause();
	my $in = join ',', @missed;
	query("SELECT cq.cache_set_many(array_agg('account:' || id), array_agg(balance::text), tags => array_agg('account:' || id), lease => $lease) FROM account WHERE id IN ($in)");
}

# Read-through: whether it was a hit only the server knows.
sub result
{
	my ($context) = @_;
	my $id = account();
	my $team = $id % TEAMS;
	my @results = (
		[ "cq.cache_fetch('balance', 'SELECT balance FROM account WHERE id = \$1', '{$id}')::text", row($id)->{actual} ],
		[ "cq.cache_fetch('sum', 'SELECT sum(balance) FROM account WHERE team = \$1', '{$team}')::text", "(SELECT sum(balance)::text FROM account WHERE team = $team)" ],
		[
			"(SELECT string_agg(id || ':' || balance, ',' ORDER BY id) FROM cq.cache_query('SELECT id, balance FROM account WHERE team = \$1', '{$team}') AS t (id int, balance int))",
			"(SELECT string_agg(id || ':' || balance, ',' ORDER BY id) FROM account WHERE team = $team)"
		]);
	my ($result, $actual) = @{ $results[ rand @results ] };
	my ($cached, $in_table) = split /\|/, query("SELECT coalesce($result, 'none'), coalesce($actual, 'none')");

	$count{results}++;
	same($result, $cached, $in_table, $context);
}

sub read_results
{
	query('BEGIN' . (chance(0.3) ? ' ISOLATION LEVEL REPEATABLE READ' : '')) if my $transaction = chance(0.3);
	result('result') for 1 .. 4;
	query('COMMIT') if $transaction;
}

sub read_repeatably
{
	query('BEGIN ISOLATION LEVEL ' . (chance(0.8) ? 'REPEATABLE READ' : 'SERIALIZABLE'));
	for (1 .. 6)
	{
		fill_here(pick(), 'repeatable read');
		pause();
	}
	query(chance(0.9) ? 'COMMIT' : 'ROLLBACK');
}

# All accounts, cached or not, at what the snapshot says: nothing is gained or
# lost.  (An empty table: there was a TRUNCATE.)
sub read_all
{
	my ($sum, $hits, $empty) = (0, 0, 0);

	query('BEGIN ISOLATION LEVEL REPEATABLE READ');
	for my $n (0 .. SUM_STATEMENTS - 1)
	{
		my ($part, $actual, $cached) = split /\|/, query('SELECT coalesce(sum(coalesce(c.value::int, balance)), 0), coalesce(sum(balance), 0), count(c.value)'
			  . ' FROM account, LATERAL (SELECT cq.cache_get(\'account:\' || id) AS value OFFSET 0) AS c'
			  . ' WHERE id % ' . SUM_STATEMENTS . " = $n");
		same("the sum of part $n", $part, $actual, 'repeatable read');
		$sum += $part;
		$hits += $cached;
		$empty ||= $actual == 0;
		fill_here(pick(), 'between the sums') if chance(0.5);
		sleep(rand(0.01));
	}
	query('COMMIT');
	$count{sums}++;
	$count{sum_hits} += $hits;
	violation("the sum of all is $sum") if $sum != $accounts * START && !$empty;
}

# ---- plain entries -------------------------------------------------

# Of what letter it consists, '' if it is not there.
sub get_plain
{
	my ($key) = @_;
	my ($letter, $rest) = split /\|/, query("SELECT left(v, 1), replace(v, left(v, 1), '') FROM (SELECT cq.cache_get('$key') AS v OFFSET 0) AS c");

	$letter //= '';
	$count{plain_hits}++ if $letter ne '';
	violation("$key is torn: $letter and $rest") if ($rest // '') ne '';
	return $letter;
}

# What must never be seen by others consists of the letter x.
sub undone_set
{
	my ($key) = @_;

	query('BEGIN');
	my $savepoint = chance(0.4);
	query('SAVEPOINT s') if $savepoint;
	query("SELECT cq.cache_set('$key', repeat('x', @{[1 + int rand PLAIN_BYTES_MAX]}))");
	violation("$key: what this transaction has set is not there") if get_plain($key) ne 'x';
	pause();
	if ($savepoint)
	{
		query('ROLLBACK TO s');
		violation("$key: is what was set in a savepoint") if get_plain($key) eq 'x';
		query('COMMIT');
	}
	elsif (chance(0.2))
	{
		my $name = "checker $me x$count{plain_hits}";
		query("SELECT txid_current(); PREPARE TRANSACTION '$name'");
		query("COMMIT PREPARED '$name'");
	}
	else
	{
		query('ROLLBACK');
	}
}

sub use_plain
{
	my $key = 'plain:' . int rand PLAIN_KEYS;
	my $letter = chr(ord('a') + int rand 20);

	if (chance(0.3))
	{
		query("SELECT cq.cache_set('$key', repeat('$letter', @{[1 + int rand PLAIN_BYTES_MAX]}), " . (chance(0.2) ? "'30 ms'" : 'NULL') . ')');
	}
	elsif (chance(0.3))
	{
		undone_set($key);
	}
	for (1 .. 4)
	{
		$key = 'plain:' . int rand PLAIN_KEYS;
		violation("$key is what nobody may see") if get_plain($key) eq 'x';
	}
}

# ---- writing -------------------------------------------------------

sub work_in_savepoint
{
	my ($id) = @_;
	my ($missed, $value);

	query('SAVEPOINT s');
	query("UPDATE account SET balance = balance - 1000 WHERE id = $id");
	$missed = fill_here(row($id), 'in a savepoint') if chance(0.7);
	$value = query("SELECT balance FROM account WHERE id = $id") if chance(0.5);
	result('in a savepoint') if chance(0.2);
	query('ROLLBACK TO s');
	set(row($id), $value) if $missed;
	fill_here(row($id), 'after a savepoint') if chance(0.5);
}

# Ends the transaction, and tries what was read in it with its lease.
sub end_transfer
{
	my ($x, $y, $value, $lease) = @_;

	if (chance(0.15))
	{
		my $name = "checker $me $count{transfers}";
		query("PREPARE TRANSACTION '$name'");
		$count{prepared}++;
		get(row($_), 'while prepared') for $x, $y, account();
		result('while prepared') if chance(0.3);
		pause();
		set(row($x), $value, $lease) if defined $lease;
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
	set(row($x), $value, $lease) if defined $lease;
}

sub transfer
{
	my ($x, $y) = sort { $a <=> $b } account(), account();
	return if $x == $y;
	my $amount = int rand 10;
	my ($lease, $value);

	my $level = rand;
	query('BEGIN' . ($level < 0.75 ? '' : ' ISOLATION LEVEL ' . ($level < 0.95 ? 'REPEATABLE READ' : 'SERIALIZABLE')));
	fill_here(row($x), 'before its write') if chance(0.3);
	query("UPDATE account SET balance = balance - $amount WHERE id = $x");
	work_in_savepoint($x) if chance(0.3);
	fill_here(row($y), 'between its writes') if chance(0.3);
	query("UPDATE account SET balance = balance + $amount WHERE id = $y");
	fill_here(row($_), 'after its write') for chance(0.5) ? ($x, $y) : ();
	result('after its write') if chance(0.3);
	if (chance(0.2))
	{
		# used when the transaction is over, with what it has read
		$lease = lease_of(row($x));
		$value = query("SELECT balance FROM account WHERE id = $x");
	}
	$count{transfers}++;
	end_transfer($x, $y, $value, $lease);
	get(row($_), 'after a transfer') for $x, $y;
	result('after a transfer') if chance(0.3);
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

# ---- all together --------------------------------------------------

my @jobs = (
	[ 0.57, \&read_plainly ],
	[ 0.06, \&read_many ],
	[ 0.06, \&read_results ],
	[ 0.06, \&read_repeatably ],
	[ 0.02, \&read_all ],
	[ 0.10, \&use_plain ],
	[ 0.11, \&transfer ],
	[ 0.01, \&invalidate ],
	[ 0.002, \&truncate_table ],
	[ 0.003, \&kill_one ]);

# Why gets missed and sets were refused; the latter tell busy slots from changed rows.
my @server_counters = qw(loads misses_absent misses_expired misses_invalidated misses_snapshot misses_bypass
  refused_changed refused_epoch refused_own_change refused_lease refused_bypass);

sub counters { return split /\|/, query('SELECT ' . join(', ', @server_counters) . ' FROM cq.stat_cache'); }

CqChecker::start(
	name => 'cache_checker', connection => $connection, fault => $fault,
	lock_timeout => '300ms', counted => \@counted);
query('CREATE TABLE account (id int PRIMARY KEY, balance int, team int)');
query("INSERT INTO account SELECT n, @{[START]}, n % @{[TEAMS]} FROM generate_series(1, $accounts) AS n");
query("SELECT cq.cache_watch('account', ARRAY['account:{id}', 'team:{team}'], '{\"key\": \"row:{id}\"}')");
my @before = counters();
if ($old_writer)
{
	query('CREATE TABLE unrelated (n int)');
	# not to be killed as the others are
	query("SET application_name = 'old writer'; BEGIN; INSERT INTO unrelated VALUES (1)");
}

my $until = time + $seconds;
run_sessions($sessions, $seed, sub {
	while (time < $until)
	{
		# what a session leaves prepared when it dies would hold up what depends on
		# the same slots: while it is open, hardly anything of that can be stored
		attempt(some_job(@jobs)) || eval { end_prepared("checker $me %") };
	}
});

query('COMMIT') if $old_writer;
end_prepared('checker %');
my $sum = query('SELECT sum(balance) FROM account');
violation("the sum has changed to $sum") if $sum ne $accounts * START;
my @after = counters();
my %server = map { $server_counters[$_] => $after[$_] - $before[$_] } 0 .. $#server_counters;
query('DROP SCHEMA cache_checker CASCADE');

my $ratio = $count{gets} ? 100 * $count{hits} / $count{gets} : 0;
printf "%d comparisons, %.1f %% hits\n", $count{hits} + $count{row_hits} + $count{sum_hits} + $count{results}, $ratio;
printf "%d of %d results were computed\n", $server{loads}, $count{results};
print 'of the server: ', join(', ', map { "$server{$_} $_" } @server_counters), "\n";
violation('fewer than half of the gets were hits') if $ratio < 50;
violation('all results were computed') if $server{loads} >= $count{results};
my @idle = grep { !$count{$_} } @counted;
violation("no @idle") if @idle;
exit(CqChecker::finish('no hit contradicts the table'));
