#!/usr/bin/perl
# Random load on a queue, with sessions and servers that die; afterwards every
# message is accounted for.
#
# Usage: test/soak/queue_checker.pl [--sessions N] [--seconds N] [--data DIR]
#        [--server-kills N] [--seed N] [--fault NAME] [CONNECTION STRING]
#
# Producers send one, many, delayed; with rollbacks, savepoints and prepared
# transactions.  Consumers receive, with acknowledgements one by one or in
# transactions, failures, extensions, or by letting the lease end; others take.
# Sessions are terminated now and then, the maintenance worker too.  With --data
# (the server's data folder, on this machine) the server is killed so many times,
# by turns all of it and a single backend, and started again.  It should have
# small values of cachequeue.queue_memory and cachequeue.segment_rows, so that
# backlogs overflow and segments rotate, and restart_after_crash.
#
# What is sent, acknowledged and taken is also inserted into tables, in the same
# transactions.  So, when all is over and the queue has been drained:
#
#	- each message that was sent was acknowledged or taken once, or is a dead
#	  letter, and nothing else was (nothing lost, nothing twice, nothing undone);
#	- none was delivered whose acknowledgement had been committed before;
#	- none had two deliveries at a time: the times for which a delivery was
#	  certainly live, from its arrival here until its lease could end, or until
#	  something that ends it was sent to the server, don't overlap;
#	- none was delivered more often than max_attempts;
#	- cq.stat_queues counts what is left before the drain, and nothing after it;
#	- no table of the queue has had an update or a delete, and the segments that
#	  are not in use have been truncated.  Rolled-back sends leave dead rows in
#	  those in use, until they are truncated in their turn; nothing else does.
#
# Exits with 1 when one of these is not so.  --fault leaves a rule out (debug
# builds; see 033_queue_faults.pl) to see that it is found.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../t";

use CqChecker;
use File::Temp qw(tempdir);
use Time::HiRes qw(sleep time);

my $connection = CqChecker::options_with_kills();

use constant {
	BACKLOG_MAX => 12000,
	BURST_MAX => 4000,
	LEASE => 5,			# s, of the queue
	MAX_ATTEMPTS => 8,
};

my @counted = qw(sends bursts receives deliveries acks nacks rejects abandoned takes
  rollbacks savepoints prepared);

print "queue_checker: seed $seed, $sessions sessions, $seconds s, $server_kills kills of the server\n";

# ---- deliveries ----------------------------------------------------

# One that is going on: id, receipt, since when it is live for sure, and until
# when; in_txn: a rollback, or the death of the session, ends it.
my @live;
my $log;			# of those that have ended: id, from, to
my $known_alive;	# when the latest query that was answered had been sent

sub over
{
	print $log "$_->{id} $_->{from} $_->{to} $_->{how}\n" for @_;
}

# This is about to end the deliveries, at the earliest now.
sub ends
{
	my $now = time;

	for my $d (@_)
	{
		$d->{to} = $now if $now < $d->{to};
	}
}

sub all_over
{
	over(@live);
	@live = ();
}

# The session has ended, or its transaction was rolled back by an error.
sub aborted
{
	for my $d (grep { $_->{in_txn} } @live)
	{
		$d->{to} = $known_alive if $known_alive < $d->{to};
	}
	all_over();
}

# query() that notes for how long the transaction was alive.
sub step
{
	my ($sql) = @_;
	my $now = time;
	my @rows = query($sql);

	$known_alive = $now;
	return wantarray ? @rows : $rows[0];
}

sub note_deliveries
{
	my ($how, $to, $in_txn, @rows) = @_;
	my $now = time;
	my @new;

	for (@rows)
	{
		my ($id, $attempt, $done, $receipt) = split /\|/;
		violation("message $id is delivered, and was acknowledged") if $done eq 't';
		violation("message $id: attempt $attempt") if $attempt > MAX_ATTEMPTS;
		push @new, { id => $id, receipt => $receipt, from => $now, to => $to, in_txn => $in_txn, how => $how };
	}
	$count{deliveries} += @new;
	push @live, @new;
	return @new;
}

# The subquery sees what was committed before the claim.
my $was_done = 'EXISTS (SELECT FROM done WHERE id = m.body::bigint)';

sub receive
{
	my ($max, $lease, $in_txn) = @_;
	my $sent = time;

	$count{receives}++;
	return note_deliveries('received', $sent + $lease, $in_txn,
		step("SELECT m.body, m.attempt, $was_done, m.receipt FROM cq.queue_receive('checker', $max, '$lease s') m"));
}

# ---- what sessions do ----------------------------------------------

my @leases = (0.05, 0.1, 0.3, 1, LEASE, LEASE);

sub delay { return chance(0.8) ? '' : sprintf ", delay => '%d ms'", rand 1500; }

sub send_one
{
	my $delay = delay();
	$count{sends}++;
	step("WITH s AS (INSERT INTO sent DEFAULT VALUES RETURNING id) SELECT cq.queue_send('checker', to_jsonb(id)$delay) FROM s");
}

sub send_many
{
	my ($n) = @_;
	my $delay = delay();
	$count{sends} += $n;
	step('WITH s AS (INSERT INTO sent SELECT FROM generate_series(1, ' . $n . ') RETURNING id) '
		  . "SELECT count(*) FROM cq.queue_send_many('checker', (SELECT array_agg(to_jsonb(id)) FROM s)$delay)");
}

sub send_some
{
	chance(0.6) ? send_one() : send_many(1 + int rand 40);
}

my $nprepared = 0;

# COMMIT, ROLLBACK or PREPARE.  Deliveries that must not outlive it have ended
# before: those settled in it, and for a rollback those made in it.
sub end_transaction
{
	my ($rollback) = @_;

	if (chance(0.06))
	{
		$nprepared++;
		$count{prepared}++;
		# leases go on; what was taken or settled is up to whoever ends it
		ends(grep { $_->{how} eq 'taken' } @live);
		query("PREPARE TRANSACTION 'checker $me $$ $nprepared'");
		$_->{in_txn} = 0 for @live;
		pause();
		finish_prepared("checker $me $$ $nprepared") if chance(0.7);
	}
	elsif (chance($rollback))
	{
		$count{rollbacks}++;
		ends(grep { $_->{in_txn} } @live);
		query('ROLLBACK');
	}
	else
	{
		ends(grep { $_->{how} eq 'taken' } @live);
		query('COMMIT');
		$_->{in_txn} = 0 for @live;
	}
	all_over();
}

sub finish_prepared
{
	my ($gid) = @_;
	query((chance(0.7) ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$gid'");
}

sub finish_somebodys_prepared
{
	my $gid = query("SELECT gid FROM pg_prepared_xacts WHERE gid LIKE 'checker %' ORDER BY random() LIMIT 1");
	finish_prepared($gid) if defined $gid;
}

sub produce
{
	if (chance(0.5))
	{
		send_some();
		return;
	}
	query('BEGIN');
	send_some() for 0 .. rand 3;
	pause();
	if (chance(0.3))
	{
		$count{savepoints}++;
		query('SAVEPOINT s');
		send_some();
		query(chance(0.6) ? 'ROLLBACK TO s' : 'RELEASE s');
		send_some() if chance(0.5);
	}
	end_transaction(0.25);
}

# So many that memory overflows.
sub burst
{
	my $waiting = query("SELECT ready + delayed FROM cq.stat_queues WHERE queue = 'checker'");
	return if $waiting > BACKLOG_MAX;
	$count{bursts}++;
	query('BEGIN') if my $txn = chance(0.5);
	send_many(500 + int rand BURST_MAX);
	end_transaction(0.2) if $txn;
}

# Acknowledge deliveries, and insert those that were live into done.
sub ack
{
	my (@d) = @_;

	return unless @d;
	$count{acks} += @d;
	ends(@d);
	my $ids = join ',', map { $_->{id} } @d;
	my $receipts = join ',', map { "'$_->{receipt}'" } @d;
	step("INSERT INTO done SELECT id FROM unnest(ARRAY[$ids], ARRAY[$receipts]) AS u (id, receipt) "
		  . "WHERE cq.queue_ack('checker', receipt) = 1");
}

sub nack
{
	my ($d) = @_;
	my $delay = chance(0.5) ? '0' : sprintf '%d ms', rand 500;

	$count{nacks}++;
	ends($d);
	step("SELECT cq.queue_nack('checker', '$d->{receipt}', '$delay', 'checker')");
}

sub reject
{
	my ($d) = @_;

	$count{rejects}++;
	ends($d);
	step("SELECT cq.queue_reject('checker', '$d->{receipt}', 'checker')");
}

sub extend
{
	my ($d) = @_;
	my $lease = $leases[ rand @leases ];
	my $old = $d->{to};
	my $now = time;

	# it may become shorter
	ends($d);
	my $live = step("SELECT cq.queue_extend('checker', '$d->{receipt}', '$lease s')");
	$d->{to} = $live eq 't' ? $now + $lease : $old;
}

# Something happens to each of the deliveries.
sub settle
{
	my (@d) = @_;
	my @good;

	for my $d (@d)
	{
		my $dice = rand;
		if    ($dice < 0.80) { push @good, $d; }
		elsif ($dice < 0.86) { nack($d); }
		elsif ($dice < 0.88) { reject($d); }
		elsif ($dice < 0.92) { extend($d); push @good, $d; }
		elsif ($dice < 0.95) { ack($d); }
		else                 { $count{abandoned}++; }
	}
	ack(@good);
}

sub many { return chance(0.1) ? 500 : 1 + int rand 30; }

sub consume_plainly
{
	my @d = receive(many(), $leases[ rand @leases ], 0);

	pause();
	# for a live one it is the same with many at once
	@d > 100 ? ack(@d) : settle(@d);
	all_over();
}

sub consume_in_transaction
{
	my @before = chance(0.3) ? receive(many(), $leases[ rand @leases ], 0) : ();

	query(chance(0.8) ? 'BEGIN' : 'BEGIN ISOLATION LEVEL REPEATABLE READ');
	$known_alive = time;
	my @in = receive(1 + int rand 10, $leases[ rand @leases ], 1);
	pause();
	settle(@before[ 0 .. (@before > 20 ? 19 : $#before) ]);
	if (chance(0.3))
	{
		$count{savepoints}++;
		step('SAVEPOINT s');
		my @inner = receive(1 + int rand 5, $leases[ rand @leases ], 1);
		ack(@inner) if chance(0.5);
		send_one() if chance(0.5);
		ends(@inner);
		step('ROLLBACK TO s');
	}
	settle(@in) if chance(0.7);
	end_transaction(0.25);
}

sub take
{
	my ($max) = @_;

	$count{takes}++;
	return note_deliveries('taken', 9e99, 1,
		step("WITH m AS MATERIALIZED (SELECT * FROM cq.queue_take('checker', $max)), "
			  . 'd AS (INSERT INTO done SELECT body::bigint FROM m) '
			  . "SELECT m.body, m.attempt, $was_done FROM m"));
}

sub consume_by_take
{
	query('BEGIN');
	$known_alive = time;
	take(many());
	pause();
	if (chance(0.3))
	{
		$count{savepoints}++;
		step('SAVEPOINT s');
		my @inner = take(1 + int rand 10);
		send_one() if chance(0.3);
		pause();
		if (chance(0.6))
		{
			ends(@inner);
			step('ROLLBACK TO s');
		}
	}
	end_transaction(0.15);
}

# Purges are undone, since nobody could tell what they took.
sub purge
{
	query('BEGIN');
	query("SELECT cq.queue_purge('checker')");
	query('ROLLBACK');
}

sub wait_for_message
{
	query("CALL cq.queue_wait('checker', '50 ms')");
}

my @jobs = (
	[ 0.22, \&produce ],
	[ 0.22, \&consume_plainly ],
	[ 0.20, \&consume_in_transaction ],
	[ 0.22, \&consume_by_take ],
	[ 0.05, \&finish_somebodys_prepared ],
	[ 0.05, \&wait_for_message ],
	[ 0.005, \&burst ],
	[ 0.003, \&purge ],
	[ 0.02, \&kill_somebody ]);

sub work
{
	my ($until) = @_;

	while (time < $until)
	{
		my $job = some_job(@jobs);
		attempt(sub { $known_alive = time; $job->(); all_over(); }, \&aborted);
	}
}

# ---- killing the server --------------------------------------------

# From before a kill until there was a server again: somewhere in between all
# leases end, and other sessions may still, or again, receive.
my @crashes;

# Kill all of the server, or one backend.
sub kill_all_or_one
{
	my ($all) = @_;
	my $killed = time;

	if ($all)
	{
		kill_server();
	}
	else
	{
		my $victim = eval { query("SELECT pid FROM pg_stat_activity WHERE application_name = 'queue_checker' LIMIT 1") };
		kill 'KILL', $victim if $victim;
		1 while $victim && time < $killed + QUIET_SECONDS && eval { query('SELECT 1') };
		reconnect();
	}
	push @crashes, [ $killed, scalar time ];
}

# ---- afterwards ----------------------------------------------------

# Poll until the query says true.
sub await
{
	my ($what, $sql) = @_;
	my $end = time + QUIET_SECONDS;

	while (time < $end)
	{
		return 1 if query($sql) eq 't';
		sleep 0.05;
	}
	violation("not in time: $what");
	return 0;
}

sub expect
{
	my ($what, $expected, $sql) = @_;
	my $rows = join ' ', query($sql);

	violation("$what: $rows, expected $expected") if $rows ne $expected;
}

# Times in which two deliveries of a message were live.
sub check_overlaps
{
	my ($dir) = @_;
	my %deliveries;
	my $n = 0;

	for my $file (glob "$dir/*")
	{
		open(my $fh, '<', $file) or die $!;
		while (<$fh>)
		{
			my ($id, $from, $to, $how) = split;
			for my $crash (@crashes)
			{
				$to = $crash->[0] if $from <= $crash->[1] && $to > $crash->[0];
			}
			$n++;
			push @{ $deliveries{$id} }, [ $from, $to, $how ] if $from < $to;
		}
	}
	for my $id (keys %deliveries)
	{
		my $before;
		for my $d (sort { $a->[0] <=> $b->[0] } @{ $deliveries{$id} })
		{
			violation("message $id was delivered twice at a time: $before->[2] from $before->[0] to $before->[1], $d->[2] from $d->[0] to $d->[1]")
			  if $before && $d->[0] < $before->[1];
			$before = $d if !$before || $d->[1] > $before->[1];
		}
	}
	return $n;
}

# The counters are exact as soon as memory holds all that is left; of a longer
# backlog, a part of which was sent by prepared transactions, they are not.
sub check_left
{
	for (['checker', 'done'], ['checker.dead', 'dead'])
	{
		my ($queue, $table) = @$_;
		# what prepared transactions have sent has entries too, but is not counted yet
		await("$queue knows the ends of prepared transactions",
			"SELECT uncommitted = 0 FROM cq.stat_queues WHERE queue = '$queue'");
		query("INSERT INTO $table SELECT body::bigint FROM cq.queue_take('$queue', 500)")
		  while query("SELECT entries < ready + delayed + in_flight FROM cq.stat_queues WHERE queue = '$queue'") eq 't';
	}
	await('leases have ended', "SELECT in_flight = 0 AND uncommitted = 0 FROM cq.stat_queues WHERE queue = 'checker'");
	expect('counted before the drain', 'true',
		'SELECT CASE WHEN s.ready + s.delayed + s.dead = e.n THEN \'true\' ELSE format(\'%s + %s + %s, %s are left; %s entries, %s in flight, %s uncommitted\', ready, delayed, dead, e.n, entries, in_flight, uncommitted) END '
		  . "FROM cq.stat_queues s, (SELECT (SELECT count(*) FROM sent) - (SELECT count(*) FROM done) - (SELECT count(*) FROM dead) AS n) e WHERE queue = 'checker'");
}

sub drain
{
	my $end = time + QUIET_SECONDS;

	while (time < $end)
	{
		query("INSERT INTO done SELECT body::bigint FROM cq.queue_take('checker', 1000)");
		query("INSERT INTO dead SELECT body::bigint FROM cq.queue_take('checker.dead', 1000)");
		last if query("SELECT ready + delayed + in_flight + uncommitted + dead = 0 FROM cq.stat_queues WHERE queue = 'checker'") eq 't';
	}
	expect('left after the drain', '0|0|0|0|0|0',
		"SELECT ready, delayed, in_flight, uncommitted, dead, entries FROM cq.stat_queues WHERE queue = 'checker'");
}

sub check_accounts
{
	my $problems = <<'SQL';
SELECT what || ' ' || count(*) || ' (' || min(id) || ', ...)' FROM (
	SELECT 'lost' AS what, id FROM sent WHERE NOT EXISTS (SELECT FROM done d WHERE d.id = sent.id)
		AND NOT EXISTS (SELECT FROM dead d WHERE d.id = sent.id)
	UNION ALL SELECT 'never sent', id FROM (TABLE done UNION ALL TABLE dead) d
		WHERE NOT EXISTS (SELECT FROM sent s WHERE s.id = d.id)
	UNION ALL SELECT 'settled twice', id FROM (TABLE done UNION ALL TABLE dead) d GROUP BY id HAVING count(*) > 1
) p GROUP BY what
SQL
	violation($_) for query($problems =~ s/\s+/ /gr);
}

# Go on to new segments, so that none is left that was used under load.
sub check_tables
{
	my $tables = "pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'cq' AND relname ~ '^q\\d+_[se]\\d+\$'";

	for my $queue ('checker', 'checker.dead')
	{
		query("SELECT count(*) FROM cq.queue_send_many('$queue', array_fill('0'::jsonb, ARRAY[current_setting('cachequeue.segment_rows')::int]))");
		query('CALL cq.queue_maintain()');
		query("SELECT cq.queue_send('$queue', '0')");
		1 while query("SELECT count(*) FROM cq.queue_take('$queue', 1000)") > 0;
	}
	await('segments are truncated',
		"SELECT count(*) FILTER (WHERE pg_relation_size(c.oid) > 0) <= 4 FROM $tables");
	expect('updated and deleted rows', '0',
		"SELECT sum(n_tup_upd + n_tup_del) FROM pg_stat_user_tables WHERE schemaname = 'cq' AND relname ~ '^q\\d+_[se]\\d+\$'");

	# the counts are lost with the server, the pages are not: an xmax that is
	# not a lock (0x80) nor invalid (0x800) has updated or deleted the row
	query('CREATE EXTENSION IF NOT EXISTS pageinspect SCHEMA queue_checker');
	expect('updated and deleted rows in the pages', '0', <<"SQL")
SELECT count(*) FROM (SELECT c.oid::regclass::text AS name,
	generate_series(0, pg_relation_size(c.oid) / 8192 - 1) AS page FROM $tables) t,
	heap_page_items(get_raw_page(name, page)) WHERE t_xmax::text <> '0' AND (t_infomask & 2176) = 0
SQL
}

# ---- all together --------------------------------------------------

CqChecker::start(
	name => 'queue_checker', connection => $connection, fault => $fault,
	counted => \@counted);
query('CREATE TABLE sent (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)');
query('CREATE TABLE done (id bigint); CREATE INDEX ON done (id); CREATE TABLE dead (id bigint)');
query("SELECT cq.queue_create('checker', lease => '@{[LEASE]} s', max_attempts => @{[MAX_ATTEMPTS]})");

my $dir = tempdir(CLEANUP => 1);
my $until = time + $seconds;
run_sessions($sessions, $seed, sub {
	open($log, '>', "$dir/$me") or die $!;
	work($until);
	close $log;
}, sub {
	for my $k (1 .. $server_kills)
	{
		my $wait = $until - $seconds + $seconds * ($k - 0.3 + rand(0.3)) / ($server_kills + 0.5) - time;
		sleep $wait if $wait > 0;
		kill_all_or_one($k % 2);
	}
});

my $finished = eval {
	reconnect();
	end_prepared('checker %');
	my $n = check_overlaps($dir);
	print "$n deliveries compared\n";
	check_left();
	drain();
	check_accounts();
	check_tables();
	query("SELECT cq.queue_drop('checker'); SELECT cq.queue_drop('checker.dead'); DROP SCHEMA queue_checker CASCADE")
	  unless $count{violations};
	1;
};
violation("the end failed: $@") unless $finished;

my @idle = grep { !$count{$_} } qw(sends bursts acks nacks abandoned takes rollbacks savepoints prepared kills);
violation("no @idle") if @idle && $seconds >= 20;
exit(CqChecker::finish('all messages are accounted for'));
