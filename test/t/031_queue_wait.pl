# Waiting consumers: woken by the commit, holding no snapshot, using no time.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use IPC::Run qw(start finish);
use Time::HiRes qw(usleep);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'cachequeue'\nmax_prepared_transactions = 2");
$node->start;

sub sql
{
	return $node->safe_psql('postgres', $_[0]);
}

# A session that waits and then takes; returns handle and reference to output.
my $nwaiting = 0;

sub waiter
{
	my (@sql) = @_;
	my $out = '';
	my $handle = start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'),
			map { ('-c', $_) } @sql ], '>', \$out, '2>', '/dev/null');
	$nwaiting++;
	$node->poll_query_until('postgres',
		"SELECT count(*) = $nwaiting FROM pg_stat_activity WHERE query ~ '^CALL cq.queue_wait' AND wait_event = 'Extension'")
	  or die 'does not wait';
	return [ $handle, \$out ];
}

sub result
{
	my ($waiter) = @_;
	finish($waiter->[0]);
	$nwaiting--;
	chomp(my $out = ${ $waiter->[1] });
	return $out;
}

sub still_waiting
{
	return sql("SELECT count(*) FROM pg_stat_activity WHERE query ~ '^CALL cq.queue_wait' AND wait_event = 'Extension'");
}

sql("CREATE EXTENSION cachequeue; SELECT cq.queue_create('q', lease => '1 h')");
my @wait = ("CALL cq.queue_wait('q', '10 min')", "SELECT body FROM cq.queue_take('q')");

my $w = waiter(@wait);
is(sql("SELECT count(*) FROM pg_stat_activity WHERE query ~ '^CALL cq.queue_wait' AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)"),
	'0', 'a waiting session holds no snapshot');
sql("BEGIN; SELECT cq.queue_send('q', '1'); SELECT pg_sleep(0.1); ROLLBACK");
is(still_waiting(), '1', 'a rolled back send wakes nobody');
sql("SELECT cq.queue_send('q', '2')");
is(result($w), "t\n2", 'a commit does');

my @w = map { waiter(@wait) } 1 .. 3;
sql("SELECT cq.queue_send_many('q', ARRAY['1', '2', '3']::jsonb[])");
is(join(',', sort map { result($_) } @w), "t\n1,t\n2,t\n3", 'three messages wake three');

$w = waiter(@wait);
sql("SELECT cq.queue_send('q', '\"delayed\"', delay => '200 ms')");
is(result($w), "t\n\"delayed\"", 'a delayed message wakes when it is due');

sql("SELECT cq.queue_send('q', '\"leased\"')");
my $receipt = sql("SELECT receipt FROM cq.queue_receive('q')");
$w = waiter(@wait);
sql("SELECT cq.queue_extend('q', '$receipt', '10 ms')");
is(result($w), "t\n\"leased\"", 'an expired lease wakes');

$w = waiter(@wait);
sql("BEGIN; SELECT cq.queue_send('q', '\"prepared\"'); PREPARE TRANSACTION 'p'");
is(still_waiting(), '1', 'a prepared send wakes nobody');
sql("COMMIT PREPARED 'p'");
is(result($w), "t\n\"prepared\"", 'COMMIT PREPARED does');

# nothing to do costs nothing
$w = waiter(@wait);
my $pid = sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'cachequeue maintenance' AND datname = 'postgres'");
my $waiting_pid = sql("SELECT pid FROM pg_stat_activity WHERE query ~ '^CALL cq.queue_wait' AND wait_event = 'Extension'");
sub switches
{
	my ($p) = @_;
	my $status = slurp_file("/proc/$p/status");
	$status =~ /^voluntary_ctxt_switches:\s*(\d+)/m or die;
	return $1;
}

# Each comes to rest, and stays so for longer than anything is looked at again;
# who looks all the time has no such while.
sub rests
{
	my ($p) = @_;

	for (1 .. 20)
	{
		my $before = switches($p);
		usleep(1_500_000);
		return 1 if switches($p) == $before;
	}
	return 0;
}
ok(rests($waiting_pid), 'a waiting session does not wake up');
ok(rests($pid), 'nor does the worker');

# a cancelled wait
sql("SELECT pg_cancel_backend($waiting_pid)");
result($w);
sql("SELECT cq.queue_send('q', '3')");
is(sql(join ';', @wait), "t\n3", 'the queue is as good as ever after a cancel');

# Woken and gone before it has claimed anything: the next one is woken.
my $first = waiter("CALL cq.queue_wait('q', '10 min')");
my $next = waiter(@wait);
sql("SELECT cq.queue_send('q', '\"hung up\"')");
is(result($first), 't', 'one is woken and takes nothing');
is(result($next), "t\n\"hung up\"", 'then the next is woken');

# The same when it dies with the wake-up in its hands: it cannot look at it
# before it sees that it shall end.
my $first_pid;
$first = waiter("CALL cq.queue_wait('q', '10 min')");
$first_pid = sql("SELECT pid FROM pg_stat_activity WHERE query ~ '^CALL cq.queue_wait' AND wait_event = 'Extension'");
$next = waiter(@wait);
kill 'STOP', $first_pid;
sql("SELECT cq.queue_send('q', '\"died\"')");
sql("SELECT pg_terminate_backend($first_pid)");
kill 'CONT', $first_pid;
result($first);
is(result($next), "t\n\"died\"", 'a waiter that is killed as it is woken passes it on');

$node->stop;
done_testing();
