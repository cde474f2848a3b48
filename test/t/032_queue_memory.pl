# A backlog larger than the memory for it, and the ring of segments.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'EOC');
shared_preload_libraries = 'cachequeue'
max_prepared_transactions = 2
cachequeue.queue_memory = 1MB
cachequeue.segment_rows = 1000
EOC
$node->start;

sub sql
{
	return $node->safe_psql('postgres', $_[0]);
}

# Take everything in batches; prints the numbers of messages, those out of
# order and the sum of the bodies.
my $consume = q{
	CREATE PROCEDURE consume(queue text, INOUT result text = NULL) LANGUAGE plpgsql AS $$
	DECLARE
		m record; n int := 0; sum bigint := 0; last bigint := 0; bad int := 0; got bool;
	BEGIN
		LOOP
			got := false;
			FOR m IN SELECT * FROM cq.queue_take(queue, 700) LOOP
				got := true; n := n + 1; sum := sum + m.body::bigint;
				IF m.msg_id < last THEN bad := bad + 1; END IF;
				last := m.msg_id;
			END LOOP;
			COMMIT;
			EXIT WHEN NOT got;
		END LOOP;
		result := format('%s messages, %s out of order, sum %s', n, bad, sum);
	END $$};

sql("CREATE EXTENSION cachequeue; SELECT cq.queue_create('big', lease => '1 h')");
sql($consume);

# in many transactions, so that segments change
sub send_many
{
	my ($queue, $from, $to) = @_;
	sql("DO \$\$ BEGIN FOR i IN 0 .. ($to - $from) / 500 LOOP
		PERFORM cq.queue_send_many('$queue', ARRAY(SELECT to_jsonb(j)
			FROM generate_series($from + i * 500, least($from + i * 500 + 499, $to)) j)); COMMIT; END LOOP; END \$\$");
}
send_many('big', 1, 20000);
is(sql("SELECT ready, entries < 16384, segments > 2 FROM cq.stat_queues WHERE queue = 'big'"),
	'20000|t|t', 'more than fits, in several segments');
is(sql("CALL consume('big')"), '20000 messages, 0 out of order, sum 200010000',
	'all come, in order');
is(sql("SELECT ready, entries FROM cq.stat_queues WHERE queue = 'big'"), '0|0', 'nothing is left');
is(sql("CALL consume('big')"), '0 messages, 0 out of order, sum 0', 'and nothing comes twice');

# the finished segments are truncated by the worker
ok($node->poll_query_until('postgres', q{
	SELECT count(*) FILTER (WHERE pg_relation_size(oid) > 0) <= 2
	FROM pg_class WHERE relkind = 'r' AND relname ~ '^q\d+_[se]\d+$'}),
	'only the current segment has pages');
is(sql(q{SELECT pg_stat_force_next_flush(); SELECT coalesce(sum(n_tup_upd + n_tup_del + n_dead_tup), 0)
	FROM pg_stat_user_tables WHERE relname ~ '^q\d+_'}), "\n0", 'no dead rows');

# they are used again
my $segments = sql("SELECT segments FROM cq.stat_queues WHERE queue = 'big'");
send_many('big', 1, 2000);
is(sql("SELECT segments FROM cq.stat_queues WHERE queue = 'big'"), $segments, 'segments are used again');
send_many('big', 2001, 10000);
is(sql("CALL consume('big')"), '10000 messages, 0 out of order, sum 50005000', 'all come again');

# a message that nobody settles keeps its segment
sql("SELECT cq.queue_send('big', '-1', delay => '1 h')");
send_many('big', 1, 3000);
sql("CALL consume('big')");
ok($node->poll_query_until('postgres', q{
	SELECT count(*) FILTER (WHERE pg_relation_size(oid) > 0) BETWEEN 1 AND 2
	FROM pg_class WHERE relkind = 'r' AND relname ~ '^q\d+_s\d+$'}),
	'no more than its segment and the current one are kept');
is(sql("SELECT delayed FROM cq.stat_queues WHERE queue = 'big'"), '1', 'with the message');
is(sql("SELECT cq.queue_purge('big')"), '1', 'which is purged');

# rollback of a large transaction, and a large one
sql("BEGIN; SELECT count(*) FROM cq.queue_send_many('big', array_fill('1'::jsonb, ARRAY[12000])); ROLLBACK");
is(sql("CALL consume('big')"), '0 messages, 0 out of order, sum 0', 'rolled back');
sql("SELECT count(*) FROM cq.queue_send_many('big', array_fill('1'::jsonb, ARRAY[12000]))");
# those after it do not overtake it
sql("SELECT cq.queue_send('big', '5')");
is(sql("SELECT body FROM cq.queue_take('big')"), '1', 'first come first served');
is(sql("CALL consume('big')"), '12000 messages, 0 out of order, sum 12004', 'the rest');

# purge of what is not in memory, undone and done
send_many('big', 1, 9000);
is(sql("BEGIN; SELECT cq.queue_purge('big'); ROLLBACK"), '9000', 'all are purged');
is(sql("CALL consume('big')"), '9000 messages, 0 out of order, sum 40504500', 'undone');
send_many('big', 1, 9000);
is(sql("SELECT cq.queue_purge('big')"), '9000', 'purged');
is(sql("CALL consume('big')"), '0 messages, 0 out of order, sum 0', 'done');
# while its transaction is prepared nobody gets them
send_many('big', 1, 9000);
sql("BEGIN; SELECT cq.queue_purge('big'); PREPARE TRANSACTION 'purge'");
is(sql("CALL consume('big')"), '0 messages, 0 out of order, sum 0', 'a prepared purge holds them');
sql("ROLLBACK PREPARED 'purge'");
ok($node->poll_query_until('postgres', q{SELECT ready = 9000 AND uncommitted = 0 AND in_flight = 0
	FROM cq.stat_queues WHERE queue = 'big'}), 'until it is rolled back');
is(sql("CALL consume('big')"), '9000 messages, 0 out of order, sum 40504500', 'then they come');

# a prepared send that memory has no room for
sql("BEGIN; SELECT count(*) FROM cq.queue_send_many('big', array_fill('1'::jsonb, ARRAY[6000])); PREPARE TRANSACTION 'send'");
is(sql("CALL consume('big')"), '0 messages, 0 out of order, sum 0', 'not before its end');
sql("COMMIT PREPARED 'send'");
my $sum = 0;
for (1 .. 1000)
{
	$sum += $1 if sql("CALL consume('big')") =~ /^(\d+) messages/;
	last if $sum >= 6000;
	select(undef, undef, undef, 0.05);
}
is($sum, 6000, 'then all of them');

# leased beyond what memory holds: nobody gets more than that, nothing is lost
send_many('big', 1, 9000);
my $leased = 0;
for (1 .. 100)
{
	my $n = sql("SELECT count(*) FROM cq.queue_receive('big', 1000, '500 ms')");
	last if $n == 0;
	$leased += $n;
}
cmp_ok($leased, '>', 1000, "$leased are leased at once");
ok($node->poll_query_until('postgres', "SELECT in_flight = 0 FROM cq.stat_queues WHERE queue = 'big'"),
	'all leases end');
is(sql("CALL consume('big')"), '9000 messages, 0 out of order, sum 40504500', 'all come');

# with a backlog through a crash
send_many('big', 1, 9000);
sql("SELECT count(*) FROM cq.queue_take('big', 100)");
$node->stop('immediate');
$node->start;
is(sql("SELECT ready FROM cq.stat_queues WHERE queue = 'big'"), '8900', 'counted after a crash');
is(sql("CALL consume('big')"), '8900 messages, 0 out of order, sum 40499450', 'all come after a crash');

# an open reader stops no one: the segments are truncated later
send_many('big', 1, 2000);
my ($in, $out) = ("BEGIN; SELECT count(*) FROM cq.q2_s0; SELECT 'reading';\n", '');
my $reader = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ],
	'<', \$in, '>', \$out);
IPC::Run::pump($reader) until $out =~ /reading/;
is(sql("CALL consume('big')"), '2000 messages, 0 out of order, sum 2001000', 'consumed beside a reader');
send_many('big', 1, 4000);
is(sql("CALL consume('big')"), '4000 messages, 0 out of order, sum 8002000', 'and more');
$in .= "COMMIT;\n\\q\n";
IPC::Run::finish($reader);
ok($node->poll_query_until('postgres', q{
	SELECT count(*) FILTER (WHERE pg_relation_size(oid) > 0) <= 2
	FROM pg_class WHERE relkind = 'r' AND relname ~ '^q\d+_[se]\d+$'}),
	'truncated once the reader has gone');

$node->stop;
done_testing();
