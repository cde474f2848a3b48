# What an older snapshot still needs of a queue stays in its tables: pg_dump takes
# its snapshot before its locks, and TRUNCATE is not MVCC.

use strict;
use warnings;

use CqSession;
use CqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant {
	MESSAGES => 350,
	SEGMENTS_MAX => 64,
};

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'EOC2');
autovacuum = off
max_prepared_transactions = 2
wal_level = replica
cachequeue.segment_rows = 100
EOC2
$node->start;

sub sql { return $node->safe_psql('postgres', shift) }

sub id { return sql("SELECT queue_id FROM cq.queue WHERE name = '$_[0]'") }

# CALL must be a statement of its own
sub maintain { sql('CALL cq.queue_maintain()') for 1 .. 3 }

sub held { return sql("SELECT coalesce(held_by, '-') FROM cq.stat_queues WHERE queue = '$_[0]'") }

# segments that are not truncated, the current one apart
sub old_segments
{
	return sql("SELECT count(*) FROM cq.queue_segments WHERE queue = '$_[0]' AND messages > 0 AND NOT current");
}

# By hand, and if somebody else has a snapshot at that moment the worker does it a
# moment later.
sub is_truncated
{
	my ($queue, $what) = @_;

	maintain();
	ok($node->poll_query_until('postgres', qq{
		SELECT held_by IS NULL AND NOT EXISTS (SELECT FROM cq.queue_segments
			WHERE queue = '$queue' AND messages > 0 AND NOT current)
		FROM cq.stat_queues WHERE queue = '$queue'}), $what);
}

sql('CREATE EXTENSION cachequeue');

# ---------------------------------------------------------------------------
note 'messages';

sql(q{CREATE TABLE effect (message int);
	SELECT cq.queue_create('jobs')});
for (1 .. MESSAGES / 50)
{
	sql("SELECT count(*) FROM cq.queue_send_many('jobs', ARRAY(SELECT to_jsonb(i) FROM generate_series(1 + 50 * ($_ - 1), 50 * $_) AS i)) AS n");
	maintain() if $_ % 2 == 0;
}
cmp_ok(old_segments('jobs'), '>=', 2, 'several segments');
ok($node->poll_query_until('postgres', q{SELECT held_by IS NULL FROM cq.stat_queues WHERE queue = 'jobs'}),
	'nothing is held back');

my ($old, $snapshot) = hold($node);
my $pid = $old->query('SELECT pg_backend_pid()');
sql("INSERT INTO effect SELECT body::int FROM cq.queue_take('jobs', 1000)");
is(sql('SELECT count(*) FROM effect'), MESSAGES, 'all are taken after the snapshot');
maintain();

my $id = id('jobs');
my $union = sql("SELECT string_agg(format('SELECT msg_id FROM cq.q${id}_s%s', segment), ' UNION ALL ') FROM cq.queue_segments WHERE queue = 'jobs'");
is($old->query("SELECT count(*) FROM ($union) AS m"), MESSAGES, 'the older snapshot finds them all');
like(held('jobs'), qr/^pid $pid, backend_xmin \d+, idle in transaction$/, 'and the view names it');
is(sql("SELECT count(*) FROM cq.queue_receive('jobs')"), '0', 'nobody else gets them again');

dump_and_restore($node, $snapshot, 'copy');
is($node->safe_psql('copy', 'SELECT count(*) FROM effect'), '0', 'a dump with that snapshot has no effects');
is($node->safe_psql('copy', "SELECT ready FROM cq.stat_queues WHERE queue = 'jobs'"), MESSAGES, 'but all messages');
is($node->safe_psql('copy', "SELECT count(DISTINCT body::int) FROM cq.queue_take('jobs', 1000)"), MESSAGES, 'which can be consumed');

$old->query('COMMIT');
is_truncated('jobs', 'without the snapshot the segments are truncated and nobody is named');
$old->quit;

# ---------------------------------------------------------------------------
note 'without the rule';

SKIP:
{
	skip 'the build has no faults', 2 if sql("SELECT current_setting('cachequeue.fault', true) IS NULL") eq 't';
	sql('SELECT cq.queue_create(\'broken\')');
	traffic($node, 'broken', 1);
	sql("SELECT cq.queue_send_many('broken', array_fill('1'::jsonb, ARRAY[100]))");
	($old, $snapshot) = hold($node);
	sql("SELECT count(*) FROM cq.queue_take('broken', 1000)");
	traffic($node, 'broken', 3);
	maintain();
	$id = id('broken');
	cmp_ok(sql("SELECT count(*) FROM cq.q${id}_s0"), '>', 0, 'a segment is kept');
	sql("SET cachequeue.fault = 'queue-truncate-needed'; CALL cq.queue_maintain(); CALL cq.queue_maintain()");
	is($old->query("SELECT count(*) FROM cq.q${id}_s0"), '0', 'the older snapshot misses its messages');
	$old->query('COMMIT');
	$old->quit;
}

# ---------------------------------------------------------------------------
note 'messages that are moved';

sql(q{SELECT cq.queue_create('moved');
	SELECT cq.queue_send('moved', '"far"', delay => '30 days')});
($old, $snapshot) = hold($node);
traffic($node, 'moved', 10);
maintain();
$id = id('moved');
is(sql("SELECT count(*) FROM cq.q${id}_e0 WHERE kind = 'm'"), '1', 'the message has been moved');
is($old->query("SELECT count(*) FROM cq.q${id}_s0"), '1', 'the older snapshot has it where it was');
my ($young) = hold($node);
$old->query('COMMIT');
$old->quit;
maintain();
ok($node->poll_query_until('postgres', "SELECT pg_relation_size('cq.q${id}_s0') = 0"), 'a snapshot from after the move does not hold its segment');
is($young->query('SELECT ' . join ' + ', map { "(SELECT count(*) FROM cq.q${id}_s$_ WHERE body = '\"far\"')" } 0 .. sql("SELECT max(segment) FROM cq.queue_segments WHERE queue = 'moved'")),
	'1', 'and finds the message once');
$young->query('COMMIT');
$young->quit;

# ---------------------------------------------------------------------------
note 'the commit counts, not the settlement';

sql(q{SELECT cq.queue_create('late')});
traffic($node, 'late', 2);
sql("SELECT cq.queue_send_many('late', array_fill('0'::jsonb, ARRAY[40]))");
sql("BEGIN; SELECT count(*) FROM cq.queue_take('late', 20); PREPARE TRANSACTION 'late'");
sql("SELECT count(*) FROM cq.queue_take('late', 20)");
($old, $snapshot) = hold($node);
sql("COMMIT PREPARED 'late'");
traffic($node, 'late', 4);
maintain();
$id = id('late');
is($old->query(sql("SELECT string_agg(format('(SELECT count(*) FROM cq.q${id}_s%s)', segment), ' + ') FROM cq.queue_segments WHERE queue = 'late'") =~ s/^/SELECT /r),
	'40', 'the older snapshot finds what was settled after it, and before it in the same segment');
$old->query('COMMIT');
$old->quit;

# ---------------------------------------------------------------------------
note 'keys';

# The worker copies what is needed of a table of keys that was left, here the key
# for the message that stays, and truncates it: it knows that the other message is
# settled, the snapshot does not.
sql(q{SELECT cq.queue_create('keys', dedup_window => '1 s', lease => '1 h');
	SELECT cq.queue_send_many('keys', ARRAY['1', '2']::jsonb[])});
$id = id('keys');
my ($settled, $kept) = split /\n/, sql("SELECT msg_id FROM cq.queue_peek('keys', 2) ORDER BY 1");
is(sql("SELECT cq.queue_once('consumer', 'keys', $settled), cq.queue_once('consumer', 'keys', $kept)"), 't|t',
	'a consumer has worked on both');
($old, $snapshot) = hold($node);
is(sql("SELECT body FROM cq.queue_take('keys')"), '1', 'one is settled after the snapshot');
ok($node->poll_query_until('postgres', qq{
	SELECT cq.queue_send('keys', '0', delay => '1 d', dedup_key => 'k' || clock_timestamp()) > 0
	AND (SELECT count(*) > 0 FROM cq.q${id}_k1 WHERE key = 'oconsumer')}), 'the key of the other one is copied');
maintain();
is($old->query("SELECT count(*) FROM cq.q${id}_k0 WHERE key = 'oconsumer'"), '2', 'the older snapshot finds both');
like(held('keys'), qr/^pid \d+, backend_xmin \d+, idle in transaction$/, 'the view names it');
is(sql("SELECT cq.queue_once('consumer', 'keys', $kept)"), 'f', 'in both tables a key stands for the same');

dump_and_restore($node, $snapshot, 'keys_copy');
is($node->safe_psql('keys_copy', "SELECT ready FROM cq.stat_queues WHERE queue = 'keys'"), '2', 'a dump has both messages');
is($node->safe_psql('keys_copy', "SELECT cq.queue_once('consumer', 'keys', $settled), cq.queue_once('consumer', 'keys', $kept)"),
	'f|f', 'and knows that a consumer has worked on them');

$old->query('COMMIT');
$old->quit;
maintain();
ok($node->poll_query_until('postgres', "SELECT pg_relation_size('cq.q${id}_k0') = 0"), 'without the snapshot the table is truncated');
is_truncated('keys', 'nothing is held back');
is(sql("SELECT cq.queue_once('consumer', 'keys', $kept)"), 'f', 'the key is still there');

# ---------------------------------------------------------------------------
note 'others who hold truncation back';

sql("SELECT cq.queue_create('others')");

# the queue has been used while somebody held it back, whom the view names
sub is_held
{
	my ($by, $who) = @_;

	traffic($node, 'others', 5);
	maintain();
	cmp_ok(old_segments('others'), '>', 0, "$who: segments stay");
	like(held('others'), $by, "$who is named");
}

sub is_released
{
	is_truncated('others', "$_[0]: and then go, held by nobody");
}

sql("BEGIN; INSERT INTO effect VALUES (0); PREPARE TRANSACTION 'old one'");
is_held(qr/^prepared transaction "old one"$/, 'a prepared transaction');
sql("ROLLBACK PREPARED 'old one'");
is_released('a prepared transaction');

$old = CqSession->new($node, 'postgres');
$old->query('BEGIN');
$old->query('INSERT INTO effect VALUES (0)');
$pid = $old->query('SELECT pg_backend_pid()');
is_held(qr/^pid $pid, backend_xid \d+, idle in transaction$/, 'a transaction without a snapshot');
$old->query('ROLLBACK');
is_released('a transaction without a snapshot');

# of another database
$old = CqSession->new($node, 'template1', 'BEGIN ISOLATION LEVEL REPEATABLE READ');
$old->query('SELECT 1');
traffic($node, 'others', 5);
is_truncated('others', 'snapshots of other databases do not count');
$old->quit;

# those who may use a queue see it
sql(q{CREATE ROLE consumer; GRANT USAGE ON SCHEMA cq TO consumer; SELECT cq.queue_grant('others', 'consumer', 'consume')});
($old, $snapshot) = hold($node);
traffic($node, 'others', 5);
maintain();
like(sql("SET ROLE consumer; SELECT held_by FROM cq.stat_queues"), qr/^pid \d+, /, 'a consumer sees who it is');

# ---------------------------------------------------------------------------
note 'a restart forgets the marks, not the rule';

$old->query('COMMIT');
$old->quit;
sql("SELECT cq.queue_create('restart'); SELECT cq.queue_send_many('restart', array_fill('1'::jsonb, ARRAY[100]));");
traffic($node, 'restart', 1);
sql("SELECT count(*) FROM cq.queue_take('restart', 200)");
traffic($node, 'restart', 3);
sql("BEGIN; INSERT INTO effect VALUES (0); PREPARE TRANSACTION 'over the restart'");
traffic($node, 'restart', 4);
$node->stop('immediate');
$node->start;
maintain();
like(held('restart'), qr/^prepared transaction/, 'held back after a crash');
cmp_ok(old_segments('restart'), '>', 0, 'the segments are there');
sql("COMMIT PREPARED 'over the restart'");
is_truncated('restart', 'and then they are truncated');

# ---------------------------------------------------------------------------
note 'with all segments held back';

sql("SELECT cq.queue_create('full')");
$id = id('full');
($old, $snapshot) = hold($node);
for (1 .. SEGMENTS_MAX + 3)
{
	traffic($node, 'full', 3);
	sql('CALL cq.queue_maintain()');
}
traffic($node, 'full', 20);
is(sql("SELECT count(*), count(*) FILTER (WHERE messages > 0) FROM cq.queue_segments WHERE queue = 'full'"),
	SEGMENTS_MAX . '|' . SEGMENTS_MAX, 'all segments are used');
cmp_ok(sql("SELECT messages FROM cq.queue_segments WHERE queue = 'full' AND current"), '>=', 1000, 'the last one grows');
is(sql("SELECT count(*) FROM cq.queue_send_many('full', array_fill('0'::jsonb, ARRAY[200])) AS n"), '200', 'sending goes on');
is(sql(qq{BEGIN;
	SELECT cq.queue_ack('full', VARIADIC ARRAY(SELECT receipt FROM cq.queue_receive('full', 200)));
	SELECT coalesce(sum(seq_scan + seq_tup_read), 0) FROM pg_stat_xact_user_tables WHERE relname ~ '^q${id}_[se]';
	COMMIT}), "200\n0", 'receiving too, without reading what is settled');
$old->query('COMMIT');
$old->quit;
is_truncated('full', 'all of them are truncated');
traffic($node, 'full', 4);
is_truncated('full', 'the one that has grown too');

$node->stop;
done_testing();
