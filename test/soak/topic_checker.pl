#!/usr/bin/perl
# Random load on a topic with consumer groups, with sessions and servers that die;
# afterwards every record is accounted for, in every group.
#
# Usage: test/soak/topic_checker.pl [--sessions N] [--seconds N] [--data DIR]
#        [--server-kills N] [--seed N] [--fault NAME] [CONNECTION STRING]
#
# Publishers publish one, many, with and without key, to several partitions; with
# rollbacks, savepoints, prepared transactions, and some that stay open for long.
# Members of three groups join, poll and commit in one transaction or in two, roll
# back, leave, hang until they are taken for dead, seek back, or are killed.
# Members of a shared group take from its queue.  --data and --server-kills as in
# queue_checker.pl.
#
# What is published is also inserted into a table, in the same transaction, and so
# is what a group has consumed, with the commit of its offset.  So, when all is
# over:
#
#	- each group has consumed each record that was published, once, and nothing
#	  else (nothing skipped, nothing twice, nothing that was rolled back);
#	- in the order of the offsets of each partition;
#	- no offset was given out twice;
#	- no table of the topic has had an update or a delete.
#
# Exits with 1 when one of these is not so.  --fault leaves a rule out, in debug
# builds, to see that it is found.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../t";

use CqChecker;
use Time::HiRes qw(sleep time);

my $connection = CqChecker::options_with_kills();

use constant {
	PARTITIONS => 5,
	TIMEOUT => 2,		# s, of the groups
	BACKLOG_MAX => 20000,
};

my @groups = qw(sticky range other);
my @counted = qw(publishes records rollbacks savepoints prepared joins leaves polls polled
  commits fenced hangs seeks takes);

print "topic_checker: seed $seed, $sessions sessions, $seconds s, $server_kills kills of the server\n";

# ---- publishing ----------------------------------------------------

my $transactions = 0;

# A key, NULL, or a partition.
sub where_to
{
	my $dice = rand;

	return sprintf "'k%d'", rand 40 if $dice < 0.6;
	return 'NULL' if $dice < 0.8;
	return sprintf 'NULL, NULL, %d', rand PARTITIONS;
}

sub publish_one
{
	$count{publishes}++;
	$count{records}++;
	query('INSERT INTO published SELECT * FROM cq.topic_publish(\'checker\', \'1\', ' . where_to() . ')');
}

sub publish_many
{
	my ($n) = @_;
	my $keys = chance(0.5) ? ", ARRAY(SELECT 'k' || s % 40 FROM generate_series(1, $n) s)" : '';

	$count{publishes}++;
	$count{records} += $n;
	query("INSERT INTO published SELECT * FROM cq.topic_publish_many('checker', array_fill('1'::jsonb, ARRAY[$n])$keys)");
}

sub publish_some { chance(0.7) ? publish_one() : publish_many(1 + int rand 50); }

sub end_transaction
{
	my ($rollback) = @_;

	if (chance(0.12))
	{
		my $name = "checker $me " . ++$transactions . ' ' . time;

		$count{prepared}++;
		query("PREPARE TRANSACTION '$name'");
		pause();
		finish_prepared($name) if chance(0.8);
	}
	elsif (chance($rollback))
	{
		$count{rollbacks}++;
		query('ROLLBACK');
	}
	else
	{
		query('COMMIT');
	}
}

sub finish_prepared
{
	my ($name) = @_;
	query((chance(0.7) ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$name'");
}

sub finish_somebodys_prepared
{
	my $name = query("SELECT gid FROM pg_prepared_xacts WHERE gid LIKE 'checker %' ORDER BY random() LIMIT 1");
	finish_prepared($name) if defined $name;
}

sub produce
{
	return if query('SELECT (SELECT count(*) FROM published) - (SELECT count(*) FROM consumed) / 3') > BACKLOG_MAX;
	if (chance(0.4))
	{
		publish_some();
		return;
	}
	query('BEGIN');
	publish_some() for 0 .. rand 3;
	sleep(rand 0.3) if chance(0.1);
	if (chance(0.3))
	{
		$count{savepoints}++;
		query('SAVEPOINT s');
		publish_some();
		query(chance(0.6) ? 'ROLLBACK TO s' : 'RELEASE s');
		publish_some() if chance(0.5);
	}
	pause();
	end_transaction(0.25);
}

# ---- consuming -----------------------------------------------------

my $group;			# that this session is a member of
my $member;
my $generation;

sub join_group
{
	$group = $groups[ rand @groups ];
	$member = "member $me";
	$count{joins}++;
	$generation = query("SELECT cq.group_join('checker', '$group', '$member', " . (chance(0.5) ? 'true' : 'false') . ')');
}

sub leave
{
	$count{leaves}++;
	query("SELECT cq.group_leave('checker', '$group', '$member')");
	undef $group;
}

sub many { return chance(0.1) ? 1000 : 1 + int rand 60; }

# Poll, and insert what came into consumed; the offsets, by partition.
my $poll = sub {
	my ($max, $auto) = @_;

	$count{polls}++;
	my @rows = query("WITH r AS MATERIALIZED (SELECT * FROM cq.topic_poll('checker', '$group', '$member', $max, $generation, $auto)), "
		  . "i AS (INSERT INTO consumed SELECT '$group', partition, record_offset FROM r) "
		  . 'SELECT partition, max(record_offset), count(*) FROM r GROUP BY partition');
	$count{polled} += (split /\|/)[2] for @rows;
	return @rows;
};

sub commit_offsets
{
	for (@_)
	{
		my ($partition, $offset) = split /\|/;

		$count{commits}++;
		return 0 if query("SELECT cq.topic_commit('checker', '$group', '$member', $partition, $offset, $generation)") ne 't';
	}
	return 1;
}

# All in one transaction.
sub consume_at_once
{
	my $auto = chance(0.5);

	query(chance(0.8) ? 'BEGIN' : 'BEGIN ISOLATION LEVEL REPEATABLE READ');
	my @rows = $poll->(many(), $auto ? 'true' : 'false');
	if (chance(0.1))
	{
		query('SAVEPOINT s');
		my @inner = $poll->(many(), 'true');
		if (chance(0.5)) { query('ROLLBACK TO s'); }
		# what was polled before in these partitions goes with it
		elsif (!$auto) { my %inner = map { (split /\|/)[0] => 1 } @inner; @rows = grep { !$inner{(split /\|/)[0]} } @rows; }
	}
	if (@rows && $group eq 'other' && chance(0.02))
	{
		$count{hangs}++;
		sleep(TIMEOUT + 0.5);
	}
	pause();
	if ($auto || commit_offsets(@rows))
	{
		end_transaction(0.15);
	}
	else
	{
		$count{fenced}++;
		query('ROLLBACK');
	}
}

# Poll, then work and commit in another transaction.  When that fails the member
# joins again, to start from what is committed.  Whoever has lost a partition may
# find his records consumed by its new owner; then he must not get through.
sub consume_in_two
{
	my @rows = query("SELECT partition, array_agg(record_offset), count(*) FROM cq.topic_poll('checker', '$group', '$member', "
		  . many() . ", $generation) GROUP BY partition");
	my $late = 0;

	$count{polls}++;
	pause();
	query('BEGIN');
	for (@rows)
	{
		my ($partition, $offsets, $n) = split /\|/;
		my ($last) = sort { $b <=> $a } $offsets =~ /\d+/g;

		$count{polled} += $n;
		if (!commit_offsets("$partition|$last"))
		{
			$count{fenced}++;
			query('ROLLBACK');
			undef $group;
			return;
		}
		$late ||= $n != query("WITH i AS (INSERT INTO consumed SELECT '$group', $partition, unnest('$offsets'::bigint[]) "
			  . 'ON CONFLICT DO NOTHING RETURNING 1) SELECT count(*) FROM i');
	}
	query('COMMIT');
	violation("records of $group have been consumed twice") if $late;
}

sub consume
{
	join_group() if !defined $group;
	my $dice = rand;

	if    ($dice < 0.05) { leave(); }
	elsif ($dice < 0.08) { join_group(); }
	elsif ($dice < 0.15) { query("CALL cq.topic_wait('checker', '$group', '$member', '50 ms')"); }
	elsif ($dice < 0.75) { consume_at_once(); }
	else                 { consume_in_two(); }
}

# Back by some records.  The lock keeps others from inserting what they have read
# before.
sub seek_back
{
	my $g = $groups[ rand @groups ];
	my $partition = int rand PARTITIONS;

	$count{seeks}++;
	query('BEGIN');
	query('LOCK TABLE consumed IN EXCLUSIVE MODE');
	my $offset = query("SELECT greatest(max(record_offset) - 20, 0) FROM consumed WHERE grp = '$g' AND partition = $partition");
	if (($offset // '') eq '')
	{
		query('ROLLBACK');
		return;
	}
	query("DELETE FROM consumed WHERE grp = '$g' AND partition = $partition AND record_offset >= $offset");
	query("SELECT cq.topic_seek('checker', '$g', '$offset', $partition)");
	query(chance(0.8) ? 'COMMIT' : 'ROLLBACK');
}

sub take
{
	$count{takes}++;
	query('WITH m AS MATERIALIZED (SELECT * FROM cq.queue_take(\'checker.shared\', 200)) '
		  . "INSERT INTO consumed SELECT 'shared', (headers->>'cq_partition')::int, (headers->>'cq_offset')::bigint FROM m");
}

# ---- sessions ------------------------------------------------------

my @jobs = (
	[ 0.30, \&produce ],
	[ 0.55, \&consume ],
	[ 0.05, \&finish_somebodys_prepared ],
	[ 0.01, \&seek_back ],
	[ 0.07, \&take ],
	[ 0.02, \&kill_somebody ]);

sub work
{
	my ($until) = @_;

	while (time < $until)
	{
		my $job = some_job(@jobs);
		attempt(sub { $job->() }, sub { undef $group if chance(0.5) || $job == \&consume });
	}
}

# ---- afterwards ----------------------------------------------------

sub drain
{
	my $end = time + QUIET_SECONDS;
	my $left;

	for my $g (@groups)
	{
		do
		{
			# others may not be taken for dead yet
			query("SELECT cq.group_join('checker', '$g', 'last')");
			query("WITH r AS MATERIALIZED (SELECT * FROM cq.topic_poll('checker', '$g', 'last', 1000, auto_commit => true)) "
				  . "INSERT INTO consumed SELECT '$g', partition, record_offset FROM r");
			$left = query("SELECT count(*) FROM published p WHERE NOT EXISTS (SELECT FROM consumed c "
				  . "WHERE grp = '$g' AND c.partition = p.partition AND c.record_offset = p.record_offset)");
			sleep 0.02 if $left;
		} while ($left && time < $end);
		print "$_\n" for $left ? query("SELECT * FROM cq.stat_groups WHERE group_name = '$g'") : ();
	}
	do
	{
		take();
		$left = query("SELECT count(*) FROM published p WHERE NOT EXISTS (SELECT FROM consumed c "
			  . "WHERE grp = 'shared' AND c.partition = p.partition AND c.record_offset = p.record_offset)");
		sleep 0.05 if $left;
	} while ($left && time < $end);
}

sub check
{
	my %problems = (
		'skipped' => 'SELECT g.grp, p.partition, p.record_offset FROM published p, '
		  . "unnest('{sticky,range,other,shared}'::text[]) AS g (grp) EXCEPT SELECT grp, partition, record_offset FROM consumed",
		'never published' => 'SELECT grp, partition, record_offset FROM consumed EXCEPT SELECT g.grp, p.partition, p.record_offset FROM published p, '
		  . "unnest('{sticky,range,other,shared}'::text[]) AS g (grp)",
		'out of order' => 'SELECT grp, partition, record_offset FROM (SELECT *, '
		  . 'lag(record_offset) OVER (PARTITION BY grp, partition ORDER BY n) AS before FROM consumed WHERE grp <> \'shared\') s WHERE before >= record_offset');

	for my $what (sort keys %problems)
	{
		my $row = query("SELECT count(*) || ': ' || string_agg(format('%s %s/%s', grp, partition, record_offset), ', ') FILTER (WHERE r <= 5) "
			  . "FROM (SELECT *, row_number() OVER (ORDER BY grp, partition, record_offset) AS r FROM ($problems{$what}) p) s HAVING count(*) > 0");
		violation("$what: $row") if defined $row;
	}
	my $changed = query("SELECT sum(n_tup_upd + n_tup_del) FROM pg_stat_user_tables WHERE schemaname = 'cq' AND relname ~ '^t\\d+_[sc]\\d+\$'");
	violation("$changed rows were updated or deleted") if $changed ne '0';
}

# ---- all together --------------------------------------------------

CqChecker::start(
	name => 'topic_checker', connection => $connection, fault => $fault,
	counted => \@counted);
query("CREATE TABLE published (partition int, record_offset bigint, PRIMARY KEY (partition, record_offset))");
query("CREATE TABLE consumed (grp text, partition int, record_offset bigint, n bigserial, PRIMARY KEY (grp, partition, record_offset))");
query("SELECT cq.topic_drop('checker') FROM cq.topic WHERE name = 'checker'");
query("SELECT cq.topic_create('checker', partitions => @{[PARTITIONS]})");
query("SELECT cq.group_create('checker', '$_', assignment => '" . ($_ eq 'range' ? 'range' : 'sticky') . "', session_timeout => '@{[TIMEOUT]} s')") for @groups;
query("SELECT cq.group_create('checker', 'shared', 'shared')");

my $until = time + $seconds;
run_sessions($sessions, $seed, sub { work($until) }, sub {
	for my $kill (1 .. $server_kills)
	{
		my $at = $until - $seconds * (1 - $kill / ($server_kills + 1));
		sleep($at - time) if $at > time;
		kill_server();
	}
});
reconnect();
end_prepared('checker %');
drain();
check();
exit(CqChecker::finish('all records are accounted for'));
