# The launcher and the maintenance workers: they come with the extension, go
# with it, stand in nobody's way and return by themselves.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', <<'EOC');
shared_preload_libraries = 'cachequeue'
restart_after_crash = on
max_worker_processes = 16
max_prepared_transactions = 4
EOC
$node->start;

# The pid of a database's worker, '' when it has none.
sub worker_pid
{
	my ($database) = @_;
	return $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE datname = '$database'
		   AND backend_type = 'cachequeue maintenance'");
}

# Wait until the database has a worker, other than the given one; its pid.
sub await_worker
{
	my ($database, $not_pid) = @_;
	$not_pid ||= 0;
	$node->poll_query_until('postgres',
		"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = '$database'
		   AND backend_type = 'cachequeue maintenance' AND pid <> $not_pid)")
	  or die "no worker in $database";
	return worker_pid($database);
}

sub await_no_worker
{
	my ($database) = @_;
	return $node->poll_query_until('postgres',
		"SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = '$database'
		   AND backend_type = 'cachequeue maintenance')");
}

my $launchers = "SELECT count(*) FROM pg_stat_activity
	WHERE backend_type = 'cachequeue launcher'";

# --- the extension comes and goes

ok($node->poll_query_until('postgres', "SELECT ($launchers) = 1"),
	'there is one launcher');
ok(await_no_worker('postgres'), 'no worker without the extension');

$node->safe_psql('postgres', 'CREATE EXTENSION cachequeue');
ok(await_worker('postgres'), 'CREATE EXTENSION brings a worker');

$node->safe_psql('postgres', 'DROP EXTENSION cachequeue CASCADE');
ok(await_no_worker('postgres'), 'DROP EXTENSION sends it away');

$node->safe_psql('postgres', 'CREATE EXTENSION cachequeue');
my $pid = await_worker('postgres');
ok($pid, 'created again, it is back');

$node->safe_psql('postgres',
	'BEGIN; DROP EXTENSION cachequeue CASCADE; ROLLBACK');
$node->safe_psql('postgres',
	'BEGIN; DROP EXTENSION cachequeue CASCADE; CREATE EXTENSION cachequeue; COMMIT'
);
is(await_worker('postgres'),
	$pid, 'dropped and created in one transaction, it stays');

# --- several databases

for my $database (qw(one two three))
{
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, 'CREATE EXTENSION cachequeue');
}
ok(await_worker($_), "worker in database $_") for qw(one two three);
is( $node->safe_psql(
		'postgres', "SELECT count(*), count(DISTINCT datname) FROM pg_stat_activity
		   WHERE backend_type = 'cachequeue maintenance'"),
	'4|4', 'one worker per database');

# --- statements that need a database for themselves

my $log_offset = -s $node->logfile;

$pid = await_worker('two');
$node->safe_psql('postgres', 'ALTER DATABASE two RENAME TO zwei');
ok(await_worker('zwei', $pid), 'renamed, and the worker is back');

$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE zwei');
ok(await_worker('zwei'), 'a template gets its worker back');
ok(await_worker('copy'), 'a copy gets a worker of its own');

$node->safe_psql('zwei', 'CREATE DATABASE copy_of_own TEMPLATE zwei');
ok(await_worker('copy_of_own'), 'a copy of the current database, too');

my $tablespace = $node->basedir . '/space';
mkdir $tablespace or die "mkdir $tablespace: $!";
$node->safe_psql('postgres', "CREATE TABLESPACE space LOCATION '$tablespace'");
$pid = await_worker('copy');
$node->safe_psql('postgres', 'ALTER DATABASE copy SET TABLESPACE space');
ok(await_worker('copy', $pid), 'moved to a tablespace, the worker is back');

$node->safe_psql('postgres', 'DROP DATABASE copy');
$node->safe_psql('postgres', 'DROP DATABASE copy_of_own WITH (FORCE)');
is( $node->safe_psql(
		'postgres', "SELECT count(*) FROM pg_database WHERE datname ~ '^copy'"),
	'0',
	'DROP DATABASE works with and without FORCE');
$node->safe_psql('postgres', 'DROP TABLESPACE space');

# a rolled-back rename
$node->safe_psql('postgres', 'BEGIN; ALTER DATABASE zwei RENAME TO due; ROLLBACK');
ok(await_worker('zwei'), 'the worker is back after a rolled-back rename');

# who may not drop the database doesn't disturb its worker either
$node->safe_psql('postgres', 'CREATE ROLE guest LOGIN CREATEDB');
$pid = await_worker('zwei');
for my $sql (
	'DROP DATABASE zwei',
	'ALTER DATABASE zwei RENAME TO due',
	'CREATE DATABASE mine TEMPLATE zwei')
{
	my $ret = $node->psql('postgres', "SET ROLE guest; $sql",
		stderr => \my $stderr);
	isnt($ret, 0, "refused: $sql");
}
$node->psql('postgres', 'DROP DATABASE IF EXISTS no_such_database');
is(worker_pid('zwei'), $pid, 'the worker was not disturbed');

my $log = slurp_file($node->logfile, $log_offset);
unlike(
	$log,
	qr/cachequeue.*(?:WARNING|FATAL|PANIC)|database \d+ does not exist/,
	'nothing of it alarmed the log');

# --- dying

$pid = await_worker('one');
kill 'TERM', $pid;
ok(await_worker('one', $pid), 'a terminated worker comes back');

$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid)
	FROM pg_stat_activity WHERE backend_type LIKE 'cachequeue%'");
$pid = await_worker('one');

my $launcher = $node->safe_psql('postgres',
	"SELECT pid FROM pg_stat_activity WHERE backend_type = 'cachequeue launcher'");
kill 'TERM', $launcher;
ok( $node->poll_query_until(
		'postgres', "SELECT EXISTS (SELECT FROM pg_stat_activity
		   WHERE backend_type = 'cachequeue launcher' AND pid <> $launcher)"),
	'a terminated launcher comes back');
is(await_worker('one'), $pid, 'the workers survive its absence');
kill 'TERM', $pid;
ok(await_worker('one', $pid), 'the new launcher looks after the old workers');

# kill -9 is a crash of the whole server
$pid = await_worker('one');
kill 'KILL', $pid;
ok(await_worker('one', $pid), 'the killed worker is back after the crash');
ok(await_worker($_), "the worker of $_ is back after the crash")
  for qw(postgres zwei three);
is($node->safe_psql('postgres', $launchers), '1', 'and so is the launcher');

# --- a two-phase DROP EXTENSION runs no callback; a new worker notices

$node->safe_psql('three',
	"BEGIN; DROP EXTENSION cachequeue CASCADE; PREPARE TRANSACTION 'drop'");
$node->safe_psql('three', "COMMIT PREPARED 'drop'");
if (my $left = worker_pid('three')) { kill 'TERM', $left }
ok(await_no_worker('three'), 'no worker after a two-phase DROP EXTENSION');

# --- stopping, and a standby

# it waits for all of them, up to the timeout of pg_ctl
ok($node->stop('fast', fail_ok => 1), 'a fast shutdown ends them');
$node->start;
ok(await_worker($_), "the worker of $_ is back after a restart")
  for qw(postgres one zwei);

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
is( $standby->safe_psql(
		'postgres', "SELECT count(*) FROM pg_stat_activity
		   WHERE backend_type LIKE 'cachequeue%'"),
	'0', 'no workers on a standby');
$node->stop('fast');
$standby->promote;
ok( $standby->poll_query_until(
		'postgres', "SELECT count(DISTINCT datname) = 3 FROM pg_stat_activity
		   WHERE backend_type = 'cachequeue maintenance'"),
	'workers in all databases after promotion');
$standby->stop('fast');

# --- fewer slots than databases: said once, and taken up when one is free

$node->append_conf('postgresql.conf', 'cachequeue.max_databases = 2');
$log_offset = -s $node->logfile;
$node->start;
ok( $node->poll_query_until(
		'postgres', "SELECT count(*) = 2 FROM pg_stat_activity
		   WHERE backend_type = 'cachequeue maintenance'"),
	'no more workers than cachequeue.max_databases');
$node->wait_for_log(qr/more databases than cachequeue.max_databases/,
	$log_offset);
my ($without) = grep { !worker_pid($_) } qw(postgres one zwei);
my ($with) = grep { worker_pid($_) } qw(postgres one zwei);
$node->safe_psql($with, 'DROP EXTENSION cachequeue CASCADE');
ok(await_worker($without), 'a freed row is taken by the next database');
$node->stop('fast');

done_testing();
