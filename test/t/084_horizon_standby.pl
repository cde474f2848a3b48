# What queries on a standby need of a queue stays in its tables, if the standby
# tells the primary (hot_standby_feedback), with a replication slot or without.

use strict;
use warnings;

use CqSession;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', <<'EOC2');
autovacuum = off
wal_level = logical
cachequeue.segment_rows = 100
EOC2
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION cachequeue');
$primary->backup('base');
$primary->safe_psql('postgres', "SELECT pg_create_physical_replication_slot('slot')");

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', <<'EOC2');
hot_standby_feedback = on
wal_receiver_status_interval = 1s
max_standby_streaming_delay = -1
EOC2
$standby->start;

sub sql { return $primary->safe_psql('postgres', shift) }

sub maintain { sql('CALL cq.queue_maintain()') for 1 .. 3 }

sub held { return sql("SELECT coalesce(held_by, '-') FROM cq.stat_queues WHERE queue = 'q'") }

# Segments with settled messages only, which an older snapshot on the standby sees
# as they were before.
sub fill { sql("SELECT cq.queue_send_many('q', array_fill('1'::jsonb, ARRAY[100]))") for 1 .. 3 }

sub drain { sql("SELECT count(*) FROM cq.queue_take('q', 1000)") }

sub old_segments { return sql("SELECT count(*) FROM cq.queue_segments WHERE queue = 'q' AND messages > 0 AND NOT current") }

# By hand, and if somebody else has a snapshot at that moment the worker does it a
# moment later.
sub is_truncated
{
	maintain();
	ok($primary->poll_query_until('postgres', q{
		SELECT held_by IS NULL AND NOT EXISTS (SELECT FROM cq.queue_segments
			WHERE queue = 'q' AND messages > 0 AND NOT current)
		FROM cq.stat_queues WHERE queue = 'q'}), $_[0]);
}

my $all;		# query: messages in all tables
my $n;			# and how many the reader's snapshot sees

sub hold_on_standby
{
	fill();
	maintain();
	# what was settled before may go at any moment until the standby's feedback has arrived
	$primary->poll_query_until('postgres', q{
		SELECT NOT EXISTS (SELECT FROM cq.queue_segments WHERE queue = 'q' AND messages > 0 AND in_memory = 0 AND NOT current)})
		or die 'settled segments are not truncated';
	$all = 'SELECT ' . join ' + ', map { "(SELECT count(*) FROM cq.q2_s$_)" } 0 .. sql('SELECT max(segment) FROM cq.queue_segments WHERE queue = \'q\'');
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));

	my $session = CqSession->new($standby, 'postgres', 'BEGIN ISOLATION LEVEL REPEATABLE READ');
	# a look at something else: no lock on the queue's tables
	$session->query('SELECT 1');
	$n = $standby->safe_psql('postgres', $all);
	return $session;
}

# The standby's xmin has arrived when the primary's next transaction id has passed it.
sub await_feedback
{
	my ($xmin) = @_;

	sql('SELECT pg_current_xact_id()');
	ok($primary->poll_query_until('postgres', "SELECT coalesce(age(($xmin)), 0) > 0"), 'feedback has arrived');
}

sql("SELECT cq.queue_create('q')");
is(sql("SELECT queue_id FROM cq.queue WHERE name = 'q'"), '2', 'the other one has its dead letters');

# ---------------------------------------------------------------------------
note 'feedback without a slot';

my $reader = hold_on_standby();
await_feedback('SELECT backend_xmin FROM pg_stat_replication');
drain();
maintain();
cmp_ok(old_segments(), '>', 0, 'segments stay');
like(held(), qr/^standby "standby" \(feedback\), pid \d+, backend_xmin \d+$/, 'a standby is named');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
cmp_ok($n, '>=', 300, 'messages');
is($reader->query($all), $n, 'its reader finds what it saw');
$reader->query('COMMIT');
$reader->quit;
is_truncated('then they go, and nobody is named');

# ---------------------------------------------------------------------------
note 'a slot';

$standby->append_conf('postgresql.conf', "primary_slot_name = 'slot'");
$standby->restart;
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
$reader = hold_on_standby();
await_feedback("SELECT xmin FROM pg_replication_slots WHERE slot_name = 'slot'");
drain();
maintain();
like(held(), qr/^replication slot "slot", xmin \d+$/, 'a slot is named');
cmp_ok(old_segments(), '>', 0, 'segments stay');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is($reader->query($all), $n, 'the reader finds what it saw');
$reader->quit;
$standby->stop;
maintain();
like(held(), qr/^replication slot "slot", xmin \d+$/, 'a slot that nobody uses goes on');
cmp_ok(old_segments(), '>', 0, 'and so do the segments');
sql("SELECT pg_drop_replication_slot('slot')");
is_truncated('without it they are truncated, and nobody is named');

# ---------------------------------------------------------------------------
note 'a logical slot';

sql("SELECT pg_create_logical_replication_slot('logical', 'test_decoding')");
fill();
drain();
is_truncated('what a slot keeps of the catalogs only does not count');
sql("SELECT pg_drop_replication_slot('logical')");

$primary->stop;
done_testing();
