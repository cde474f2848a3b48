# The server is killed with -9 in the middle of the demonstration's load, twice,
# and started again: no message that was sent is lost, none is applied twice, and
# the cache never contradicts the tables.

use strict;
use warnings;
use FindBin;
use IPC::Run ();
use CqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $demo = "$FindBin::Bin/../demo";
my $node = PostgreSQL::Test::Cluster->new('load');
$node->init;
$node->append_conf('postgresql.conf', "cachequeue.segment_rows = 500\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION cachequeue');
$node->command_ok([ 'pgbench', '-i', '-q', '-s', '1', 'postgres' ],
	"pgbench's tables are made");
$node->command_ok(
	[ 'psql', '-X', '-q', '-d', 'postgres', '-f', "$demo/setup.sql" ],
	"the demonstration's objects are made");

# script => number of clients
my %scripts = (
	'writer.sql' => 4,
	'account_compared.sql' => 2,
	'branch_compared.sql' => 1,
	'worker.sql' => 2);

sub start_load
{
	my %load;

	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	foreach my $script (sort keys %scripts)
	{
		my ($out, $err) = ('', '');

		$load{$script} = IPC::Run::start(
			[
				'pgbench', '-n', '-M', 'prepared', '-T', '100', '-c', $scripts{$script},
				'-s', '1', '-D', 'pause=1', '-f', "$demo/$script", 'postgres'
			],
			'<', \undef, '>', \$out, '2>', \$err);
	}
	return \%load;
}

sub stop_load
{
	my ($load, @scripts) = @_;

	foreach my $script (@scripts)
	{
		$load->{$script}->kill_kill;
	}
	return;
}

sub value_of
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

foreach my $round (1, 2)
{
	my $before = value_of('SELECT count(*) FROM demo.ledger');
	my $load = start_load();

	ok( $node->poll_query_until(
			'postgres',
			"SELECT (SELECT count(*) FROM demo.ledger) > $before + 500
				AND (SELECT last_value FROM demo.account_comparisons) > 200"),
		"round $round: the load is on");
	kill_server($node, sub { stop_load($load, sort keys %scripts) });
	is(value_of('SELECT count(*) FROM demo.mismatch'),
		'0', "round $round: no comparison failed");
}

# on with it, then let the workers finish
my $load = start_load();
my $sent = value_of('SELECT count(*) FROM pgbench_history');

ok( $node->poll_query_until(
		'postgres',
		"SELECT (SELECT count(*) FROM pgbench_history) > $sent + 500
			AND (SELECT last_value FROM demo.account_comparisons) > 200
			AND (SELECT last_value FROM demo.branch_comparisons) > 20"),
	'the load goes on after the crashes');
stop_load($load, 'writer.sql');
ok( $node->poll_query_until(
		'postgres',
		'SELECT (SELECT count(*) FROM demo.ledger) >= (SELECT count(*) FROM pgbench_history)'),
	'each message has been applied');
stop_load($load, 'account_compared.sql', 'branch_compared.sql', 'worker.sql');

is( value_of('SELECT count(*) = (SELECT count(*) FROM pgbench_history) FROM demo.ledger'),
	't', 'none was lost and none was made up');
is( value_of('SELECT sum(delta) = (SELECT sum(delta) FROM pgbench_history) FROM demo.ledger'),
	't', 'the sums agree');
is( value_of('SELECT sum(abalance) = (SELECT sum(delta) FROM demo.ledger) FROM pgbench_accounts'),
	't', 'and so do the accounts');
is(value_of('SELECT count(*) FROM demo.mismatch'),
	'0', 'the cache never contradicted the tables');
ok( value_of(
		"SELECT hits > 1000 FROM cq.stat_cache"),
	'it was used');
ok( $node->poll_query_until(
		'postgres',
		"SELECT ready + delayed + in_flight + uncommitted = 0 FROM cq.stat_queues WHERE queue = 'ledger'"),
	'nothing is left in the queue');

$node->stop;
done_testing();
