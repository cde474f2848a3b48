# Each rule of the work queue matters, and a test would notice if it were gone:
# the same history is played with the rule and without it (setting
# cachequeue.fault of a debug build).
#
#	rule left out              promise of docs/queue.md that breaks
#	queue-keep-claim           rollback of a receive: the message is back at once
#	queue-no-fence             late worker: its receipt is refused
#	queue-no-expiry            what is not acknowledged is delivered again
#	queue-no-pending           prepared sends and settlements outlive a crash
#	queue-no-tombstones        none that was acknowledged is delivered again
#	queue-overtake             order by number among the ready
#	queue-truncate-unsettled   no message is lost when a segment is emptied
#	queue-no-key-lock          a key is sent once

use strict;
use warnings;

use CqFault;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $n = 0;
my $queue;
my $node;

# In a new queue.
sub play
{
	my ($history) = @_;

	$queue = 'q' . ++$n;
	$node->safe_psql('postgres', "SELECT cq.queue_create('$queue', lease => '1 h')");
	my $result = $history->();
	$node->safe_psql('postgres', "SELECT cq.queue_drop('$queue'), cq.queue_drop('$queue.dead')");
	return $result;
}

$node = CqFault::start(<<'EOC', \&play);
max_prepared_transactions = 2
statement_timeout = '30s'
cachequeue.queue_memory = 1MB
cachequeue.segment_rows = 100000
cachequeue.fault = ''
cachequeue.pause = ''
EOC
$node->safe_psql('postgres', 'CREATE EXTENSION cachequeue');

# Settings for all processes, the worker among them, which have them for sure.
sub restart_with
{
	my ($mode, %settings) = @_;

	$node->adjust_conf('postgresql.conf', "cachequeue.$_", "'$settings{$_}'") for keys %settings;
	$node->stop($mode);
	$node->start;
}

# The same where other processes than the test's sessions follow the rule.
sub proves_everywhere
{
	my ($name, $right, $wrong, $history) = @_;

	proves($name, $right, $wrong, sub {
		restart_with('fast', fault => $fault);
		return $history->();
	});
	restart_with('fast', fault => '');
}

# Poll until so much time has passed by the server's clock.
sub until_past
{
	my ($session, $interval) = @_;

	my $end = $session->query("SELECT clock_timestamp() + '$interval'");
	until_true($session, "SELECT clock_timestamp() > '$end'");
}

sub take_sql { return "SELECT string_agg(body #>> '{}', ',' ORDER BY msg_id) FROM cq.queue_take('$queue', 10000)"; }

# Everything that can be taken, in the order in which it comes.
sub take_all
{
	my ($session) = @_;
	my @seen;

	while (my $rows = $session->query(take_sql()))
	{
		push @seen, $rows;
	}
	return join ',', @seen;
}

proves('queue-keep-claim', 'a', '', sub {
	my ($consumer, $other) = (faulty(), session());
	$other->query("SELECT cq.queue_send('$queue', '\"a\"')");
	$consumer->query("BEGIN; SELECT * FROM cq.queue_receive('$queue'); ROLLBACK");
	my $rows = take_all($other);
	$_->quit for $consumer, $other;
	return $rows;
});

proves('queue-no-fence', '0', '1', sub {
	my ($late, $other) = (faulty(), session());
	$other->query("SELECT cq.queue_send('$queue', '1')");
	my $receipt = $late->query("SELECT receipt FROM cq.queue_receive('$queue', lease => '1 ms')");
	until_true($other, "SELECT count(*) = 1 FROM cq.queue_receive('$queue')");
	my $acked = $late->query("SELECT cq.queue_ack('$queue', '$receipt')");
	$_->quit for $late, $other;
	return $acked;
});

proves_everywhere('queue-no-expiry', 'a', '', sub {
	my $s = session();
	$s->query("SELECT cq.queue_send('$queue', '\"a\"')");
	$s->query("SELECT * FROM cq.queue_receive('$queue', lease => '1 ms')");
	until_past($s, '5 ms');
	$s->query('CALL cq.queue_maintain()');
	my $rows = take_all($s);
	$s->quit;
	return $rows;
});

# The first scan after the crash has to find the transaction's rows.  Without, a
# committed message is found by the next start only.
proves('queue-no-pending', 'commit: sent; rollback: taken', 'commit: ; rollback: sent', sub {
	my @seen;
	for my $end ('commit', 'rollback')
	{
		my $s = session();
		take_all($s);
		$s->query("SELECT cq.queue_send('$queue', '\"taken\"')");
		$s->query("BEGIN; " . take_sql() . "; SELECT cq.queue_send('$queue', '\"sent\"'); PREPARE TRANSACTION 'p'");
		$s->quit;
		restart_with('immediate', fault => $fault);
		$s = session();
		$s->query("SELECT ready FROM cq.stat_queues WHERE queue = '$queue'");
		$s->query("$end PREPARED 'p'");
		$s->query('CALL cq.queue_maintain()');
		push @seen, "$end: " . take_all($s);
		$s->quit;
	}
	restart_with('fast', fault => '');
	return join '; ', @seen;
});

# Sent, received and acknowledged between the scan's look at the events and its
# look at the messages.  It is not an overflow that makes the scan necessary,
# for then the message would have been kept back, but delayed messages beyond
# those that memory holds.
proves('queue-no-tombstones', 'nothing', 'acknowledged', sub {
	restart_with('fast', fault => $fault, pause => 'queue-scan');
	my ($tester, $other) = (session(), session());
	$tester->query("SELECT count(*) FROM cq.queue_send_many('$queue', array_fill('\"delayed\"'::jsonb, ARRAY[2000]), delay => '1 s')");
	$tester->query('SELECT pg_advisory_lock(4711)');
	until_true($tester, SOMEBODY_WAITS);
	$other->query("SELECT count(*) FROM cq.queue_take('$queue', 100)");		# makes room
	$other->query("SELECT cq.queue_send('$queue', '\"acknowledged\"')");
	my $acked = $other->query("SELECT body #>> '{}', cq.queue_ack('$queue', receipt) FROM cq.queue_receive('$queue', 10000) WHERE body = '\"acknowledged\"'");
	$tester->query('SELECT pg_advisory_unlock(4711)');
	$tester->query('CALL cq.queue_maintain()');		# after the worker, which scans
	my $rows = $other->query("SELECT coalesce(string_agg(body #>> '{}', ','), 'nothing') FROM cq.queue_receive('$queue', 10000) WHERE body = '\"acknowledged\"'");
	$_->quit for $tester, $other;
	restart_with('fast', fault => '', pause => '');
	return $acked eq 'acknowledged|1' ? $rows : "not acknowledged: $acked";
});

# more than memory holds, then one for which there is room again
proves('queue-overtake', 'in order', 'out of order', sub {
	my ($producer, $consumer) = (faulty(), session());
	$consumer->query('CALL cq.queue_maintain()');		# the first scan is over
	$producer->query("SELECT count(*) FROM cq.queue_send_many('$queue', array_fill('\"first\"'::jsonb, ARRAY[3000]))");
	$consumer->query("SELECT count(*) FROM cq.queue_take('$queue', 100)");
	$producer->query("SELECT cq.queue_send('$queue', '\"last\"')");
	my ($last, @seen) = ('');
	while (my $rows = $consumer->query("SELECT body #>> '{}' FROM cq.queue_take('$queue', 100)"))
	{
		push @seen, split /\n/, $rows;
	}
	$_->quit for $producer, $consumer;
	return join(',', @seen) eq join(',', ('first') x 2900, 'last') ? 'in order' : 'out of order';
});

# A table knows of a message that memory doesn't, as while a dump is restored;
# the rest of its segment is settled.
proves_everywhere('queue-truncate-unsettled', 'later,restored', 'later', sub {
	restart_with('fast', segment_rows => 16);
	my $s = session();
	$s->query('CALL cq.queue_maintain()');		# it knows now that the next segment is empty
	$s->query("SELECT cq.queue_send('$queue', '\"kept\"') FROM generate_series(1, 16)");
	$s->query("SELECT cq.queue_send('$queue', '\"later\"')");
	my $id = $s->query("SELECT queue_id FROM cq.queue WHERE name = '$queue'");
	$s->query("INSERT INTO cq.q${id}_s0 SELECT 1000000, now(), NULL, NULL, 0, 0, 0, NULL, NULL, '\"restored\"'");
	$s->query("SELECT * FROM cq.queue_take('$queue', 16)");
	# an older snapshot may keep it from being emptied for a while
	my $rows = '';
	for (my $end = time + 60; time < $end;)
	{
		$s->query('CALL cq.queue_maintain()');
		my $emptied = $s->query("SELECT count(*) = 0 FROM cq.q${id}_s0") eq 't';
		$rows = join ',', grep { $_ ne '' } $rows, take_all($s);
		last if $emptied || $rows =~ /restored/;
		usleep(10_000);
	}
	$s->quit;
	return $rows;
});

# a second sender of a key waits for the first
proves_everywhere('queue-no-key-lock', '1', '2', sub {
	my ($first, $second) = (session(), session());
	$first->query('BEGIN');
	$first->query("SELECT cq.queue_send('$queue', '1', dedup_key => 'k')");
	$second->send("SELECT cq.queue_send('$queue', '1', dedup_key => 'k')");
	until_true($first, "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
	  if !$fault;
	$second->wait if $fault;
	$first->query('COMMIT');
	$second->wait if !$fault;
	my $sent = $first->query("SELECT count(*) FROM cq.queue_peek('$queue')");
	$_->quit for $first, $second;
	return $sent;
});

$node->stop;
done_testing();
