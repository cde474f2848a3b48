# Leases: those that end with their session, and those that survive a crash.

use strict;
use warnings;

use CqSession;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'EOC');
autovacuum = off
restart_after_crash = on
max_prepared_transactions = 2
EOC
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION cachequeue');

sub sql { return $node->safe_psql('postgres', shift) }
sub session { return CqSession->new($node, 'postgres') }

# ---- release_on_disconnect
sql(q{SELECT cq.queue_create('bound', lease => '1 h', release_on_disconnect => true);
	SELECT cq.queue_create('free', lease => '1 h');
	SELECT cq.queue_send(q, '1') FROM unnest('{bound,free}'::text[]) q});
my $consumer = session();
is($consumer->query("SELECT count(*) FROM cq.queue_receive('bound')"), '1', 'received');
is($consumer->query("SELECT count(*) FROM cq.queue_receive('free')"), '1', 'from the other too');
is(sql("SELECT string_agg(queue || ' ' || in_flight, ', ' ORDER BY queue) FROM cq.stat_queue_consumers"),
	'bound 1, free 1', 'one consumer each');
is(sql('SELECT count(*) FROM cq.stat_queue_consumers c JOIN pg_stat_activity a USING (pid)'),
	'2', 'which is a session');
$consumer->quit;
ok($node->poll_query_until('postgres', "SELECT ready = 1 FROM cq.stat_queues WHERE queue = 'bound'"),
	'the end of the session ends the lease');
is(sql("SELECT in_flight FROM cq.stat_queues WHERE queue = 'free'"), '1', 'but only if asked for');

$consumer = session();
my $pid = $consumer->query('SELECT pg_backend_pid()');
my $receipt = $consumer->query("SELECT receipt FROM cq.queue_receive('bound')");
sql("SELECT pg_terminate_backend($pid)");
ok($node->poll_query_until('postgres', "SELECT ready = 1 FROM cq.stat_queues WHERE queue = 'bound'"),
	'so does a killed one');
is(sql("SELECT cq.queue_ack('bound', '$receipt')"), '0', 'whose receipt is worth nothing');

# an acknowledgement that was not committed
$consumer = session();
$pid = $consumer->query('SELECT pg_backend_pid()');
$receipt = $consumer->query("SELECT receipt FROM cq.queue_receive('bound')");
$consumer->query('BEGIN');
is($consumer->query("SELECT cq.queue_ack('bound', '$receipt')"), '1', 'acknowledged');
sql("SELECT pg_terminate_backend($pid)");
ok($node->poll_query_until('postgres', "SELECT ready = 1 FROM cq.stat_queues WHERE queue = 'bound'"),
	'and given back, since the transaction did not commit');
is(sql("SELECT attempt FROM cq.queue_take('bound')"), '4', 'four attempts');

# ---- durable leases
sql(q{SELECT cq.queue_create('durable', lease => '1 h', max_attempts => 3, durable_leases => true);
	SELECT cq.queue_create('plain', lease => '1 h', max_attempts => 3);
	SELECT cq.queue_send(q, to_jsonb(i)) FROM unnest('{durable,plain}'::text[]) q, generate_series(1, 3) i});
my %receipt;
for my $queue ('durable', 'plain')
{
	$receipt{$queue} = sql("SELECT receipt FROM cq.queue_receive('$queue')");
	sql("SELECT count(*) FROM cq.queue_receive('$queue')");
}
sub crash { $node->stop('immediate'); $node->start }
crash();
is(sql("SELECT string_agg(body::text || ' ' || attempt, ', ' ORDER BY msg_id) FROM cq.queue_peek('durable', state => 'in_flight')"),
	'1 1, 2 1', 'durable leases go on after a crash');
is(sql("SELECT count(*) FROM cq.queue_peek('plain', state => 'in_flight')"), '0', 'others do not');
is(sql("SELECT min(lease_until) > now() + '50 min' FROM cq.queue_peek('durable', state => 'in_flight')"),
	't', 'until their time');
is(sql("SELECT cq.queue_ack('plain', '$receipt{plain}')"), '0', 'receipts of others are void');
is(sql("SELECT cq.queue_extend('durable', '$receipt{durable}', '2 h')"), 't', 'a durable one can be extended');
crash();
is(sql("SELECT max(lease_until) > now() + '100 min' FROM cq.queue_peek('durable', state => 'in_flight')"),
	't', 'durably');
is(sql("SELECT cq.queue_ack('durable', '$receipt{durable}')"), '1', 'and its receipt is good');
is(sql("SELECT cq.queue_ack('durable', '$receipt{durable}')"), '0', 'once');
is(sql("SELECT pid IS NULL FROM cq.stat_queue_consumers WHERE queue = 'durable'"), 't', 'held by no session');

# a rolled back receive leaves nothing behind
sql("BEGIN; SELECT count(*) FROM cq.queue_receive('durable'); ROLLBACK");
crash();
is(sql("SELECT string_agg(body::text || ' ' || attempt, ', ') FROM cq.queue_receive('durable', lease => '10 ms')"),
	'3 1', 'a delivery that was rolled back is none after a crash');
ok($node->poll_query_until('postgres', "SELECT expired = 1 FROM cq.stat_queues WHERE queue = 'durable'"),
	'a durable lease ends in time');

# a message that crashes the server each time
sql(q{SELECT cq.queue_create('poison', lease => '100 ms', max_attempts => 3, durable_leases => true);
	SELECT cq.queue_send('poison', '"bad"')});
for my $attempt (1 .. 3)
{
	ok($node->poll_query_until('postgres',
		"SELECT ready = 1 FROM cq.stat_queues WHERE queue = 'poison'"), "ready for attempt $attempt");
	is(sql("SELECT attempt FROM cq.queue_receive('poison')"), $attempt, 'delivered');
	crash();
}
ok($node->poll_query_until('postgres', "SELECT dead = 1 FROM cq.stat_queues WHERE queue = 'poison'"),
	'after max_attempts it is a dead letter');
is(sql("SELECT headers #>> '{dead_letter,attempts}' FROM cq.queue_peek('poison.dead')"), '3', 'with its attempts');

# groups and retries over a crash
sql(q{SELECT cq.queue_create('fifo');
	SELECT cq.queue_send('fifo', to_jsonb(i), group_key => 'k') FROM generate_series(1, 3) i;
	SELECT cq.queue_nack('fifo', receipt, '1 h', 'later') FROM cq.queue_receive('fifo')});
crash();
is(sql("SELECT count(*) FROM cq.queue_receive('fifo')"), '0', 'a group waits for its retry after a crash too');
is(sql("SELECT delayed || ' ' || blocked FROM cq.stat_queues WHERE queue = 'fifo'"), '1 2', 'delayed and blocked');

# deduplication and once over a crash
sql(q{SELECT cq.queue_send('fifo', '4', dedup_key => 'd');
	SELECT cq.queue_once('c', 'fifo', 2)});
crash();
is(sql("SELECT cq.queue_send('fifo', '5', dedup_key => 'd') = max(msg_id) FROM cq.queue_peek('fifo')"),
	't', 'a deduplication key survives');
is(sql("SELECT cq.queue_once('c', 'fifo', 2)"), 'f', 'and so does what was processed');

# pause and options
sql(q{SELECT cq.queue_pause('fifo'); SELECT cq.queue_alter('fifo', max_length => 4)});
crash();
is($node->psql('postgres', "SELECT cq.queue_send('fifo', '6')"), 3, 'the queue is full');
is(sql("SELECT paused FROM cq.stat_queues WHERE queue = 'fifo'"), 't', 'and paused');

# a peek waits for the first scan, which stands still as long as the lock is held
if (sql("SELECT count(*) FROM pg_settings WHERE name = 'cachequeue.pause'"))
{
	sql(q{SELECT cq.queue_create('early', lease => '1 h', durable_leases => true);
		SELECT cq.queue_send('early', '1')});
	sql(q{SELECT count(*) FROM cq.queue_receive('early')});
	sql(q{ALTER SYSTEM SET cachequeue.pause = 'queue-scan'});
	sql(q{BEGIN; SELECT pg_advisory_xact_lock(4711); PREPARE TRANSACTION 'hold'});
	crash();
	my $early = session();
	$early->send(q{SELECT count(*) FROM cq.queue_peek('early', state => 'in_flight')});
	ok($node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_stat_activity
		WHERE query LIKE '%peek(''early''%' AND pid <> pg_backend_pid()
		AND (state = 'idle' OR wait_event_type IN ('Lock', 'Extension'))}), 'peek has begun');
	sql(q{COMMIT PREPARED 'hold'});
	is($early->wait, '1', 'a peek right after the start sees the durable lease');
	$early->quit;
	sql(q{ALTER SYSTEM RESET cachequeue.pause});
}

$node->stop;
done_testing();
