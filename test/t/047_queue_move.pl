# Segments that are nearly finished: what is left of them moves on.

use strict;
use warnings;

use CqSession;
use CqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'EOC');
autovacuum = off
max_prepared_transactions = 2
cachequeue.queue_memory = 1MB
cachequeue.segment_rows = 100
EOC
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION cachequeue');

sub sql { return $node->safe_psql('postgres', shift) }

sub used { return sql("SELECT count(*) FROM cq.queue_segments WHERE queue = '$_[0]' AND messages > 0") }

# far ahead, soon, blocked by their group, ready but of a low priority
sql(q{SELECT cq.queue_create('q', lease => '1 h');
	SELECT cq.queue_send('q', '"far"', headers => '{"h": 1}', delay => '30 days');
	SELECT cq.queue_send('q', '"soon"', delay => '5 min', ttl => '1 h');
	SELECT cq.queue_send('q', '"first"', group_key => 'k');
	SELECT cq.queue_send('q', '"second"', group_key => 'k')});
my $receipt = sql("SELECT receipt FROM cq.queue_receive('q')");
sql("SELECT cq.queue_nack('q', '$receipt', '10 min', 'later')");
my $before = sql("SELECT string_agg(format('%s %s %s %s %s', msg_id, body, attempt, group_key, headers), ', ' ORDER BY msg_id) FROM cq.queue_peek('q')");
traffic($node, 'q', 20);
ok($node->poll_query_until('postgres', q{
	SELECT count(*) <= 3 FROM cq.queue_segments WHERE queue = 'q' AND messages > 0}),
	'they do not keep their segments');
is(sql("SELECT string_agg(format('%s %s %s %s %s', msg_id, body, attempt, group_key, headers), ', ' ORDER BY msg_id) FROM cq.queue_peek('q')"),
	$before, 'and are what they were');
is(sql("SELECT ready || ' ' || delayed || ' ' || blocked || ' ' || in_flight FROM cq.stat_queues WHERE queue = 'q'"),
	'0 3 1 0', 'in the same states');
cmp_ok(sql("SELECT count(*) FROM cq.queue_segments WHERE queue = 'q'"), '<', 10, 'the ring stays small');

# after a crash too
$node->stop('immediate');
$node->start;
is(sql("SELECT string_agg(format('%s %s %s %s %s', msg_id, body, attempt, group_key, headers), ', ' ORDER BY msg_id) FROM cq.queue_peek('q')"),
	$before, 'after a crash as well');
is(sql("SELECT delayed || ' ' || blocked FROM cq.stat_queues WHERE queue = 'q'"), '3 1', 'in the same states');
is(sql("SELECT count(*) FROM cq.queue_receive('q', 10)"), '0', 'none can be received');

# what is moved is not in the archive
sql("SELECT cq.queue_alter('q', retain => '1 h')");
is(sql("SELECT count(*) FROM cq.queue_peek('q', 10000, 'archived') WHERE body <> '0'"), '0',
	'moved messages are not archived ones');
sql("SELECT cq.queue_alter('q', reset => '{retain}')");

# an old snapshot sees the messages where they were: pg_dump takes its own before
# its locks
sql(q{SELECT cq.queue_create('dumped');
	SELECT cq.queue_send('dumped', '"kept"', delay => '30 days')});
my $old = CqSession->new($node, 'postgres');
$old->query('BEGIN ISOLATION LEVEL REPEATABLE READ');
$old->query('SELECT 1');
traffic($node, 'dumped', 10);
ok($node->poll_query_until('postgres', q{
	SELECT count(*) = 1 FROM cq.queue_segments WHERE queue = 'dumped' AND in_memory > 0
	OR queue = 'dumped' AND unloaded}), 'moved');
my $id = sql("SELECT queue_id FROM cq.queue WHERE name = 'dumped'");
my $count = join ' + ', map { "(SELECT count(*) FROM cq.q${id}_s$_ WHERE body = '\"kept\"')" } 0 .. 1;
cmp_ok($old->query("SELECT $count"), '>=', 1, 'an older snapshot still finds the row');
$old->query('COMMIT');
$old->quit;
ok($node->poll_query_until('postgres', qq{
	SELECT pg_relation_size('cq.q${id}_s0') = 0 OR pg_relation_size('cq.q${id}_s1') = 0}),
	'without it the segment is emptied');

# a prepared transaction that has taken one keeps it in its place
sql(q{SELECT cq.queue_create('prepared');
	SELECT cq.queue_send('prepared', '"taken"')});
sql("BEGIN; SELECT count(*) FROM cq.queue_take('prepared'); PREPARE TRANSACTION 'p'");
traffic($node, 'prepared', 10);
sql("ROLLBACK PREPARED 'p'");
ok($node->poll_query_until('postgres', "SELECT ready = 1 FROM cq.stat_queues WHERE queue = 'prepared'"),
	'a prepared take that rolls back');
is(sql("SELECT body FROM cq.queue_take('prepared')"), '"taken"', 'brings its message back');

$node->stop;
done_testing();
