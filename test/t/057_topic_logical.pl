# Logical replication of a topic: groups read it on the other server, skip
# nothing, follow it over segments that come and go, and go on when it is promoted.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use FindBin;
use lib $FindBin::Bin;
use CqSession;

my ($source, $replica) = map { PostgreSQL::Test::Cluster->new($_) } qw(source replica);
$source->init(allows_streaming => 'logical');
$replica->init(allows_streaming => 'logical');
for my $node ($source, $replica)
{
	$node->append_conf('postgresql.conf', 'cachequeue.segment_rows = 50');
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION cachequeue');
}

# Poll as the member until so many records have come; returns them all.
sub poll_until
{
	my ($n) = @_;
	my $end = time + 60;
	my @rows;

	while (@rows < $n && time < $end)
	{
		push @rows, split /\n/, $replica->safe_psql('postgres',
			"SELECT partition || '/' || record_offset || '=' || body FROM cq.topic_poll('orders', 'g', 'm', auto_commit => true)");
		$replica->safe_psql('postgres', "CALL cq.topic_wait('orders', 'g', 'm', '1 s')") if @rows < $n;
	}
	return @rows;
}

sub on_source { return split /\n/, $source->safe_psql('postgres', "SELECT partition || '/' || record_offset || '=' || body FROM generate_series(0, 1) p, cq.topic_read('orders', p, 0, 10000)"); }

# ---- copy

$source->safe_psql('postgres', q{
	SELECT cq.topic_create('other');
	SELECT cq.topic_create('orders', partitions => 2, retain => NULL);
	SELECT cq.topic_publish('orders', to_jsonb(n), 'key ' || n) FROM generate_series(1, 120) n;
});
my $id = $source->safe_psql('postgres', "SELECT cq.topic_publication_create('orders', 'orders', tables => 8)");
is($id, 2, 'the number of the topic');
$replica->safe_psql('postgres', "SELECT cq.topic_replica_create('orders', $id, 2, tables => 8)");
# the numbers of topics that are made later go on above it
like(($replica->psql('postgres', "SELECT cq.topic_replica_create('last', 2147483647)"))[2], qr/topic_id must be at most/, 'the number of a replica is bounded');
my ($result, $out, $err) = $replica->psql('postgres', "SELECT cq.topic_publish('orders', '1')");
like($err, qr/topic "orders" is a replica/, 'a replica is not published to');
$replica->safe_psql('postgres', "SELECT cq.group_join('orders', 'g', 'm')");
is($replica->safe_psql('postgres', "SELECT count(*) FROM cq.topic_poll('orders', 'g', 'm')"), 0, 'nothing before the subscription');

$replica->safe_psql('postgres', "CREATE SUBSCRIPTION orders CONNECTION '" . $source->connstr . " dbname=postgres' PUBLICATION orders, orders_limits");
my @got = poll_until(120);
is_deeply([ sort @got ], [ sort(on_source()) ], 'all that was there');

# ---- order of commits

my $late = CqSession->new($source, 'postgres');
$late->query(q{BEGIN; SELECT cq.topic_publish('orders', '"late"', partition => 0)});
$source->safe_psql('postgres', q{SELECT cq.topic_publish('orders', '"early"', partition => 0), cq.topic_publish('orders', '"elsewhere"', partition => 1)});
is_deeply([ map { s/.*=//r } poll_until(1) ], ['"elsewhere"'], 'the other partition goes on');
is($replica->safe_psql('postgres', "SELECT count(*) FROM cq.topic_poll('orders', 'g', 'm')"), 0, 'what was published behind an open transaction waits');
$late->query('COMMIT');
is_deeply([ map { s/.*=//r } poll_until(2) ], [ '"late"', '"early"' ], 'both come in their order');

# ---- segments

$source->safe_psql('postgres', 'CHECKPOINT');
my $sum = 0;
for my $round (1 .. 6)
{
	$source->safe_psql('postgres', "SELECT cq.topic_publish('orders', to_jsonb(n)) FROM generate_series(1, 60) n");
	$sum += poll_until(60);
}
is($sum, 360, 'records of new segments');
cmp_ok($source->safe_psql('postgres', "SELECT count(*) FROM cq.topic_segment WHERE topic_id = $id"), '>', 4, 'there were several');
$source->safe_psql('postgres', "SELECT cq.topic_alter('orders', retain => '1 ms')");
$source->poll_query_until('postgres', "SELECT count(*) < 4 FROM cq.topic_segment WHERE topic_id = $id") or die;
$source->safe_psql('postgres', "SELECT cq.topic_alter('orders', reset => ARRAY['retain'])");
$sum = 0;
for my $round (1 .. 4)
{
	# partition 0 has no records any more when the replica is promoted
	$source->safe_psql('postgres', "SELECT cq.topic_publish('orders', to_jsonb(n), partition => 1) FROM generate_series(1, 60) n");
	$sum += poll_until(60);
}
is($sum, 240, 'records in tables that are used again');
$source->wait_for_catchup('orders');
is($replica->safe_psql('postgres', "SELECT string_agg(number || ':' || k, ' ' ORDER BY number) FROM cq.topic_segment WHERE topic_id = $id"),
	$source->safe_psql('postgres', "SELECT string_agg(number || ':' || k, ' ' ORDER BY number) FROM cq.topic_segment WHERE topic_id = $id"),
	'the same segments');

# ---- promotion

my $last = $source->safe_psql('postgres', "SELECT max(end_offset) FROM cq.stat_topics WHERE topic = 'orders'");
$replica->safe_psql('postgres', 'DROP SUBSCRIPTION orders');
$replica->safe_psql('postgres', "SELECT cq.topic_replica_promote('orders')");
my $offset = $replica->safe_psql('postgres', q{SELECT record_offset FROM cq.topic_publish('orders', '"promoted"', partition => 0)});
cmp_ok($offset, '>=', $source->safe_psql('postgres', "SELECT end_offset FROM cq.stat_topics WHERE topic = 'orders' AND partition = 0"), 'no offset is used again');
$replica->safe_psql('postgres', "SELECT cq.group_join('orders', 'g', 'm')");
is_deeply([ map { s/.*=//r } poll_until(1) ], ['"promoted"'], 'the group goes on');

$late->quit;
$_->stop for $replica, $source;
done_testing();
