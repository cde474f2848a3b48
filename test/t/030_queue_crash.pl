# A queue survives: killed sessions, a killed server, prepared transactions.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use IPC::Run qw(start finish);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'EOC');
shared_preload_libraries = 'cachequeue'
max_prepared_transactions = 80
restart_after_crash = on
EOC
$node->start;

sub sql
{
	return $node->safe_psql('postgres', $_[0]);
}

sub stats
{
	my ($queue) = @_;
	return sql("SELECT ready, delayed, in_flight, uncommitted FROM cq.stat_queues WHERE queue = '$queue'");
}

# Wait until the queue's counters are these.
sub await_stats
{
	my ($queue, $expected, $what) = @_;
	ok( $node->poll_query_until(
			'postgres',
			"SELECT ready, delayed, in_flight, uncommitted FROM cq.stat_queues WHERE queue = '$queue'",
			$expected),
		$what);
}

# Everything that can be taken, as a comma-separated list.
sub take_all
{
	my ($queue) = @_;
	return sql("SELECT string_agg(body #>> '{}', ',' ORDER BY msg_id) FROM cq.queue_take('$queue', 1000)");
}

sub psql_in_background
{
	my ($sql) = @_;
	return start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', $sql ],
		'>', '/dev/null', '2>', '/dev/null');
}

sql(q{CREATE EXTENSION cachequeue;
	CREATE TABLE got (receipt text, body jsonb)});

# ---------------------------------------------------------------------------
note "a session that dies in the middle of a transaction";
sql("SELECT cq.queue_create('die', lease => '1 h')");
sql("SELECT cq.queue_send_many('die', ARRAY['1', '2', '3']::jsonb[])");
sql("INSERT INTO got SELECT receipt, body FROM cq.queue_receive('die')");
my $session = psql_in_background(q{BEGIN;
	SELECT cq.queue_ack('die', receipt) FROM got;
	SELECT body FROM cq.queue_receive('die');
	SELECT body FROM cq.queue_take('die');
	SELECT cq.queue_send('die', '4');
	SELECT pg_sleep(600) /* victim */});
$node->poll_query_until('postgres',
	"SELECT count(*) = 1 FROM pg_stat_activity WHERE query ~ 'victim' AND wait_event = 'PgSleep'");
is(stats('die'), '0|0|3|1', 'all three are in flight, one send is open');
sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ 'victim' AND wait_event = 'PgSleep'");
finish($session);
await_stats('die', '2|0|1|0', 'its claims are back, its send is gone');
is(take_all('die'), '2,3', 'they can be taken');
is(sql("SELECT cq.queue_ack('die', receipt) FROM got"), '1',
	'the delivery whose acknowledgement died is still good');

# ---------------------------------------------------------------------------
note "every state through a kill of the server";
sql("SELECT cq.queue_create('crash', lease => '1 h', max_attempts => 3)");
sql(q{SELECT cq.queue_send('crash', '"ready"');
	SELECT cq.queue_send('crash', '"leased"');
	SELECT cq.queue_send('crash', '"acked"');
	SELECT cq.queue_send('crash', '"failed"');
	SELECT cq.queue_send('crash', '"put off"');
	SELECT cq.queue_send('crash', '"dying"');
	SELECT cq.queue_send('crash', '"taken"');
	SELECT cq.queue_send('crash', '"ready too"');
	SELECT cq.queue_send('crash', '"delayed"', delay => '1 h')});
sql(q{TRUNCATE got;
	INSERT INTO got SELECT receipt, body FROM cq.queue_receive('crash', 6);
	SELECT cq.queue_nack('crash', receipt, '0') FROM got WHERE body = '"ready"';
	SELECT cq.queue_ack('crash', receipt) FROM got WHERE body = '"acked"';
	SELECT cq.queue_nack('crash', receipt, '0') FROM got WHERE body = '"failed"';
	SELECT cq.queue_nack('crash', receipt, '1 h') FROM got WHERE body = '"put off"';
	SELECT cq.queue_reject('crash', receipt, 'bad') FROM got WHERE body = '"dying"'});
is(sql("SELECT body FROM cq.queue_take('crash') WHERE attempt = 2"), '"ready"', 'taken: the one with the lowest number');
sql("SELECT count(*) FROM cq.queue_send_many('crash', ARRAY['\"second\"']::jsonb[])");
$session = psql_in_background(q{BEGIN;
	SELECT body FROM cq.queue_take('crash', 2);
	SELECT cq.queue_ack('crash', receipt) FROM got WHERE body = '"leased"';
	SELECT cq.queue_send('crash', '"never"');
	SELECT pg_sleep(600) /* victim */});
$node->poll_query_until('postgres',
	"SELECT count(*) = 1 FROM pg_stat_activity WHERE query ~ 'victim' AND wait_event = 'PgSleep'");
my $before = sql("SELECT max(msg_id) FROM (SELECT cq.queue_send('crash', '\"last\"') AS msg_id) s");
$node->stop('immediate');
eval { finish($session) };
$node->start;
is(sql("SELECT ready, delayed, in_flight, dead FROM cq.stat_queues WHERE queue = 'crash'"),
	'6|2|0|1', 'counters after the restart');
is(sql("SELECT cq.queue_ack('crash', receipt) FROM got WHERE body = '\"leased\"'"), '0',
	'leases have ended');
is(sql("SELECT string_agg(body #>> '{}' || ' ' || attempt, ', ' ORDER BY msg_id) FROM cq.queue_receive('crash', 100)"),
	'leased 1, failed 2, taken 1, ready too 1, second 1, last 1',
	'what was not settled is delivered, failed attempts counted');
is(sql("SELECT body #>> '{}' FROM cq.queue_take('crash.dead')"), 'dying', 'the dead letter is there');
cmp_ok(sql("SELECT cq.queue_send('crash', '1')"), '>', $before, 'numbers are not given out again');

# ---------------------------------------------------------------------------
note "prepared transactions";
my $prepare = q{
	TRUNCATE got;
	SELECT cq.queue_send_many('prep', ARRAY['"acked"', '"taken"', '"nacked"', '"other"']::jsonb[]);
	INSERT INTO got SELECT receipt, body FROM cq.queue_receive('prep', 1);
	BEGIN;
	SELECT cq.queue_ack('prep', receipt) FROM got;
	SELECT body FROM cq.queue_take('prep', 1);
	SELECT cq.queue_nack('prep', receipt, '0') FROM cq.queue_receive('prep', 1);
	SELECT cq.queue_send('prep', '"sent"');
	PREPARE TRANSACTION 'p'};
for my $restart ('', 'fast', 'immediate')
{
	for my $end ('COMMIT', 'ROLLBACK')
	{
		my $name = "$end PREPARED" . ($restart ? " after a restart ($restart)" : '');
		sql("SELECT cq.queue_create('prep', lease => '1 s')");
		sql($prepare);
		if ($restart)
		{
			$node->stop($restart);
			$node->start;
		}
		is(stats('prep'), '1|0|3|1', "$name: nothing is decided before");
		is(take_all('prep'), 'other', "$name: the other one is not concerned");
		sql("$end PREPARED 'p'");
		if ($end eq 'COMMIT')
		{
			await_stats('prep', '2|0|0|0', "$name: settled");
			is(take_all('prep'), 'nacked,sent', "$name: what was failed and sent is there");
		}
		else
		{
			await_stats('prep', '3|0|0|0', "$name: all back");
			is(take_all('prep'), 'acked,taken,nacked', "$name: what it had settled is there");
		}
		is(stats('prep'), '0|0|0|0', "$name: nothing left");
		sql("SELECT cq.queue_drop('prep'), cq.queue_drop('prep.dead')");
	}
}

# The worker asks about 64 at a time.
sql("SELECT cq.queue_create('many')");
sql(join ";\n",
	map { "BEGIN; SELECT cq.queue_send('many', '$_'); PREPARE TRANSACTION 'many$_'" } 1 .. 70);
is(stats('many'), '0|0|0|70', 'more prepared transactions than are looked at together');
sql("COMMIT PREPARED 'many1'; COMMIT PREPARED 'many35'; COMMIT PREPARED 'many70'");
await_stats('many', '3|0|0|67', 'whichever ends is settled');
is(take_all('many'), '1,35,70', 'its message is there');
sql(join ";\n", map { "ROLLBACK PREPARED 'many$_'" } grep { $_ != 1 && $_ != 35 && $_ != 70 } 1 .. 70);
await_stats('many', '0|0|0|0', 'so are the others');

# ---------------------------------------------------------------------------
note "dump and restore";
sql(q{SELECT cq.queue_create('dump', lease => '7 s');
	SELECT cq.queue_send_many('dump', ARRAY['1', '2', '3', '4']::jsonb[]);
	SELECT cq.queue_ack('dump', receipt) FROM cq.queue_receive('dump');
	SELECT cq.queue_nack('dump', receipt, '0') FROM cq.queue_receive('dump');
	SELECT cq.queue_send('dump', '"delayed"', delay => '1 h');
	SELECT cq.queue_grant('dump', 'public', 'send')});
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'dump');
sql('CREATE DATABASE copy');
# somebody looks at the queue while it is being restored
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump,
		$node->connstr('copy') ], 'restore');
is($node->safe_psql('copy',
	"SELECT string_agg(body #>> '{}' || ' ' || attempt, ', ' ORDER BY msg_id) FROM cq.queue_receive('dump', 100)"),
	'2 2, 3 1, 4 1', 'messages and attempts are in the copy');
is($node->safe_psql('copy',
	"SELECT delayed, (SELECT lease FROM cq.queue WHERE name = 'dump') FROM cq.stat_queues WHERE queue = 'dump'"),
	'1|00:00:07', 'and the options');
cmp_ok($node->safe_psql('copy', "SELECT cq.queue_send('dump', '1')"), '>', 5,
	'numbers go on');
is($node->safe_psql('copy', "SELECT cq.queue_create('after restore'); SELECT count(*) > 0 FROM cq.queue_send('after restore', '1')"),
	"\nt", 'new queues can be created');
is(take_all('dump'), '2,3,4', 'the original is as it was');

# ---------------------------------------------------------------------------
note "drop of the extension and of the database";
$node->safe_psql('copy', 'DROP EXTENSION cachequeue CASCADE; CREATE EXTENSION cachequeue;');
$node->safe_psql('copy', "SELECT cq.queue_create('dump'); SELECT cq.queue_send('dump', '1')");
is($node->safe_psql('copy', "SELECT body FROM cq.queue_take('dump', 10)"), '1',
	'a queue of the same name and number knows nothing of the old one');
sql('DROP DATABASE copy');

$node->stop;
done_testing();
