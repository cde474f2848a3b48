# A crash of a process of the server fails the run even if nobody notices it: the
# server logs nothing and starts again at once, or is about to end anyhow, and
# the test passes.  A kill -9 does not fail it.
#
# To see what the run says, this file is run once more under scripts/run-tests,
# with CQ_END_BY set to the signal that is to end a backend.

use strict;
use warnings;

use CqSession;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Start a session that is busy; returns what ends its backend by the signal.
sub busy_session
{
	my ($node, $signal) = @_;
	my $session = CqSession->new($node, 'postgres');
	my $pid = $session->query('SELECT pg_backend_pid()');

	$session->send("SELECT pg_sleep(60), 'end me'");
	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE pid = $pid AND wait_event = 'PgSleep'");
	return sub { kill $signal, $pid or die $!; $session->quit; };
}

if (my $signal = $ENV{CQ_END_BY})
{
	my $node = PostgreSQL::Test::Cluster->new('main');

	$node->init;
	$node->append_conf('postgresql.conf', "restart_after_crash = on\nlog_min_messages = panic\n");
	$node->start;
	my $end = busy_session($node, $signal);
	$end->();
	ok($node->poll_query_until('postgres', 'SELECT true'), 'the server is there again');

	# it waits for the session, and ends without a restart
	my $end_last = busy_session($node, $signal);
	$node->command_ok([ 'pg_ctl', '-D', $node->data_dir, '-m', 'smart', '-W', 'stop' ],
		'shut down');
	$end_last->();
	my $pid_file = $node->data_dir . '/postmaster.pid';
	my $until = time + 60;
	select(undef, undef, undef, 0.01) while -e $pid_file && time < $until;
	ok(!-e $pid_file, 'the server has ended');
	$node->_update_pid(0);
	unlike(slurp_file($node->logfile), qr/terminated by signal/, 'the log does not tell');
	done_testing();
	exit;
}

my $node = PostgreSQL::Test::Cluster->new('probe');
$node->init;
$node->start;
my $debug = $node->safe_psql('postgres', "SELECT count(*) FROM pg_settings WHERE name = 'cachequeue.fault'");
$node->stop;
plan skip_all => 'not a debug build' unless $debug;

sub run
{
	local $ENV{CQ_END_BY} = shift;
	local $ENV{CQ_WORK} = PostgreSQL::Test::Utils::tempdir();
	local $ENV{KINDS} = 'tap';
	local $ENV{TESTS} = '091_crash_report';
	local $ENV{JOBS} = 1;
	my $output = qx($^X scripts/run-tests 2>&1);
	note($output);
	return ($? >> 8, $output);
}

for my $signal (qw(SEGV ABRT))
{
	my ($status, $output) = run($signal);
	is($status, 1, "$signal fails the run");
	like($output, qr/^4 passed, 2 failed$/m, '... twice, while the test itself passes');
	my @statements = $output =~ /^statement: SELECT pg_sleep\(60\), 'end me'/mg;
	is(scalar @statements, 2, '... and tells the statements');
}

my ($status, $output) = run('KILL');
is($status, 0, 'kill -9 does not');
like($output, qr/^4 passed, 0 failed$/m, '... since a test may want that');

done_testing();
