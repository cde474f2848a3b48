# What several TAP tests share.  $node is a PostgreSQL::Test::Cluster.

package CqTest;

use strict;
use warnings;

use CqSession;
use Exporter qw(import);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(ACCOUNTS has_faults try kill_server hold dump_and_restore traffic run_checker);

# A watched table whose rows are cached: look() shows what the cache and the table have,
# put() caches a value, fill() what it has read.
use constant ACCOUNTS => <<'SQL';
CREATE EXTENSION cachequeue;
CREATE TABLE account (id int PRIMARY KEY, balance int);
SELECT cq.cache_watch('account', ARRAY['account:{id}']);
CREATE FUNCTION look(int) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(cq.cache_get('account:' || $1), 'miss') || ' / '
		|| coalesce((SELECT balance::text FROM account WHERE id = $1), 'no row') $$;
CREATE FUNCTION put(int, text) RETURNS boolean LANGUAGE sql AS $$
	SELECT cq.cache_set('account:' || $1, $2, tags => ARRAY['account:' || $1]) $$;
CREATE FUNCTION fill(int) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM cq.cache_get('account:' || $1);
	RETURN put($1, (SELECT balance::text FROM account WHERE id = $1));
END $$;
SQL

# Whether it is a debug build, which has the setting cachequeue.fault.
sub has_faults
{
	my ($node) = @_;

	return $node->safe_psql('postgres', "SELECT count(*) FROM pg_settings WHERE name = 'cachequeue.fault'") > 0;
}

# SQLSTATE and message, or what it returns when there is no error.
sub try
{
	my ($node, $database, $sql) = @_;
	my ($status, $out, $error) = $node->psql($database, "\\set VERBOSITY verbose\n$sql");

	return $out unless $status;
	return $error =~ /ERROR:  (\w{5}: .*)/ ? $1 : $error;
}

# kill -9 of the postmaster; its processes notice and go.  $meanwhile, if any, is called
# before the server is started again.
sub kill_server
{
	my ($node, $meanwhile) = @_;
	my ($postmaster) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');

	kill 9, $postmaster or die $!;
	$meanwhile->() if $meanwhile;
	$node->stop('immediate', fail_ok => 1);
	$node->{_pid} = undef;
	for (1 .. 600)
	{
		return if $node->start(fail_ok => 1);
		select(undef, undef, undef, 0.1);
	}
	die "the server does not start again\n";
}

# A session with a snapshot that is not going to change, and the snapshot's name.
sub hold
{
	my ($node) = @_;
	my $session = CqSession->new($node, 'postgres', 'BEGIN ISOLATION LEVEL REPEATABLE READ');

	return ($session, $session->query('SELECT pg_export_snapshot()'));
}

# Restore a dump with that snapshot into a new database.
sub dump_and_restore
{
	my ($node, $snapshot, $name) = @_;
	my $dump = $node->basedir . "/$name.sql";

	$node->command_ok([ 'pg_dump', "--snapshot=$snapshot", '-f', $dump, $node->connstr('postgres') ], 'dump');
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr($name) ], 'restore');
}

# So many times 50 messages come and go.
sub traffic
{
	my ($node, $queue, $n) = @_;

	$node->safe_psql('postgres', qq{DO \$\$ BEGIN
		FOR i IN 1 .. $n LOOP
			PERFORM cq.queue_send_many('$queue', array_fill('0'::jsonb, ARRAY[50]));
			COMMIT;
			PERFORM cq.queue_ack('$queue', VARIADIC ARRAY(SELECT receipt FROM cq.queue_receive('$queue', 50)));
			COMMIT;
		END LOOP;
	END \$\$});
}

# A random checker of test/soak on a server with the settings $conf, for $seconds or as
# long as CQ_CHECKER_SECONDS says, with further options, if any.
sub run_checker
{
	my ($checker, $seconds, $kills, $praise, $conf, $more) = @_;
	my $node = PostgreSQL::Test::Cluster->new('main');

	$node->init;
	$node->append_conf('postgresql.conf', "max_prepared_transactions = 100\nlog_min_messages = panic\n$conf");
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION cachequeue');
	my @options = ('--sessions', 8, '--seconds', $ENV{CQ_CHECKER_SECONDS} || $seconds);
	push @options, $more if $more;
	push @options, '--data', '"' . $node->data_dir . '"', '--server-kills', $kills if $kills;
	my $output = qx($^X test/soak/$checker.pl @options "@{[$node->connstr('postgres')]}" 2>&1);
	my $status = $?;
	note($output);
	is($status, 0, 'the checker is content') or diag($output);
	like($output, qr/^\Q$praise\E$/m, $praise);
	# the checker has started it anew
	$node->_update_pid(1) if $kills;
	$node->stop;
	done_testing();
}

1;
