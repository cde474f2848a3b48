# docs/examples/consumer.py, run against a server: records are worked on once, one
# that fails is tried again, a restart of the server is survived, SIGTERM leaves
# the group.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'no python3-psycopg'
  if system('/usr/bin/python3 -c "import psycopg" 2> /dev/null');

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', q(
	CREATE EXTENSION cachequeue;
	SELECT cq.topic_create('orders', partitions => 4);
	CREATE TABLE done (body int);
	CREATE TABLE broken (body int);
	INSERT INTO broken VALUES (7)));
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
$ENV{PGUSER} = $node->safe_psql('postgres', 'SELECT current_user');
$ENV{PGDATABASE} = 'postgres';
$ENV{PYTHONPATH} = $dir;
$ENV{PYTHONDONTWRITEBYTECODE} = 1;

open(my $fh, '>', "$dir/orders.py") or die $!;
print $fh <<'PY';
def insert(conn, record):
    conn.execute("INSERT INTO done VALUES (%s)", (record.body,))
    if conn.execute("SELECT 1 FROM broken WHERE body = %s", (record.body,)).fetchone():
        raise ValueError("cannot do that")
PY
close $fh;

sub start_consumer
{
	my $pid = fork() // die $!;

	return $pid if $pid;
	open(STDIN, '<', '/dev/null');
	open(STDERR, '>>', "$dir/log");
	exec '/usr/bin/python3', 'docs/examples/consumer.py', 'orders', 'billing', 'orders:insert';
}

sub publish
{
	my ($from, $to) = @_;

	$node->safe_psql('postgres',
		"SELECT count(cq.topic_publish('orders', to_jsonb(n), key => n::text)) FROM generate_series($from, $to) n");
}

sub done_are
{
	my ($n, $what) = @_;

	ok($node->poll_query_until('postgres', "SELECT count(*) = $n AND count(DISTINCT body) = $n FROM done"), $what)
	  or diag(slurp_file("$dir/log"));
}

sub log_says
{
	my ($like) = @_;

	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return 1 if -e "$dir/log" && slurp_file("$dir/log") =~ $like;
		select(undef, undef, undef, 0.1);
	}
	return 0;
}

publish(1, 6);
my @pids = (start_consumer(), start_consumer());
done_are(6, 'does what is there');
publish(7, 20);
ok(log_says(qr/cannot do that/), 'one fails');
$node->safe_psql('postgres', 'DELETE FROM broken');
done_are(20, 'and is done again, the others once');
$node->restart;
publish(21, 30);
done_are(30, 'goes on after a restart');
kill 'TERM', @pids;
for my $pid (@pids)
{
	waitpid($pid, 0);
	is($?, 0, 'SIGTERM ends it, exit code 0');
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM cq.stat_group_members'), '0', 'and it has left');
$node->stop;
done_testing();
