# What an older snapshot still needs of a topic stays in its tables: segments that
# retention has dropped, those that compaction has merged, offsets of groups.

use strict;
use warnings;

use CqSession;
use CqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

use constant {
	KEYS => 10,
	RECORDS => 120,
	OFFSETS_ROWS => 10000,		# CQ_OFFSETS_ROWS
};

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\ncachequeue.segment_rows = 40\n");
$node->start;

sub sql { return $node->safe_psql('postgres', shift) }

sub maintain { sql('CALL cq.topic_maintain()') for 1 .. 2 }

sub held { return sql("SELECT DISTINCT coalesce(held_by, '-') FROM cq.stat_topics WHERE topic = '$_[0]'") }

# so many records, with segments for them
sub publish
{
	my ($topic, $n) = @_;

	for (1 .. $n / 20)
	{
		sql("SELECT count(cq.topic_publish('$topic', to_jsonb(i), 'k' || i % @{[KEYS]})) FROM generate_series(1, 20) AS i");
		sql('CALL cq.topic_maintain()');
	}
}

# what a session finds in the segments that it sees
sub seen_by
{
	my ($session, $topic, $what) = @_;
	my $union = $session->query(qq{SELECT string_agg(format('SELECT * FROM cq.t%s_s%s', topic_id, k), ' UNION ALL ')
		FROM cq.topic_segment JOIN cq.topic USING (topic_id) WHERE name = '$topic'});

	return $session->query("SELECT $what FROM ($union) AS r");
}

# bytes in tables that hold no segment
sub unused
{
	return sql(qq{SELECT coalesce(sum(pg_relation_size(c.oid)), 0) FROM cq.topic AS t
		JOIN pg_class AS c ON c.relname ~ ('^t' || t.topic_id || '_s[0-9]+\$') AND c.relnamespace = 'cq'::regnamespace
		WHERE t.name = '$_[0]' AND NOT EXISTS (
			SELECT FROM cq.topic_segment AS s WHERE s.topic_id = t.topic_id AND c.relname = format('t%s_s%s', s.topic_id, s.k))});
}

# By hand, and if somebody else has a snapshot at that moment the worker does it a
# moment later.
sub is_truncated
{
	my ($topic, $what) = @_;

	for (1 .. 100)
	{
		maintain();
		last if unused($topic) == 0;
		usleep(100_000);
	}
	is(unused($topic), '0', $what);
}

sql('CREATE EXTENSION cachequeue');

# ---------------------------------------------------------------------------
note 'retention';

sql("SELECT cq.topic_create('log', retain => NULL)");
publish('log', RECORDS);
my ($old, $snapshot) = hold($node);
my $pid = $old->query('SELECT pg_backend_pid()');
my $bytes = sql("SELECT bytes FROM cq.stat_topics WHERE topic = 'log'");
sql("SELECT cq.topic_alter('log', retain_bytes => 1)");
maintain();
cmp_ok(sql("SELECT count(*) FROM cq.topic_read('log', 0, 0, 1000)"), '<=', 40, 'records are dropped');
is(seen_by($old, 'log', 'count(*)'), RECORDS, 'the older snapshot finds them all');
like(held('log'), qr/^pid $pid, backend_xmin \d+, idle in transaction$/, 'and the view names it');
cmp_ok(sql("SELECT bytes FROM cq.stat_topics WHERE topic = 'log'"), '>=', $bytes, 'the view counts what is not truncated');
dump_and_restore($node, $snapshot, 'log_copy');
is($node->safe_psql('log_copy', "SELECT count(*) FROM cq.topic_read('log', 0, 0, 1000)"), RECORDS, 'a dump with that snapshot has them');

# what is dropped later waits for itself
sql("SELECT cq.topic_alter('log', reset => '{retain_bytes}')");
publish('log', RECORDS);
my ($young) = hold($node);
my $first = unused('log');
sql("SELECT cq.topic_alter('log', retain_bytes => 1)");
maintain();
cmp_ok(unused('log'), '>', $first, 'more is dropped');
$old->query('COMMIT');
$old->quit;
for (1 .. 100)
{
	maintain();
	last if unused('log') <= $first;
	usleep(100_000);
}
cmp_ok(unused('log'), '<=', $first, 'a snapshot holds only what it sees');
cmp_ok(seen_by($young, 'log', 'count(*)'), '>=', RECORDS, 'and that it finds');
$young->query('COMMIT');
$young->quit;
is_truncated('log', 'without snapshots all of it is truncated');
is(held('log'), '-', 'held by nobody');
sql("SELECT cq.topic_publish('log', '1')");

# ---------------------------------------------------------------------------
note 'compaction';

sql("SELECT cq.topic_create('compact', retain => NULL)");
publish('compact', RECORDS);
($old, $snapshot) = hold($node);
sql("SELECT cq.topic_alter('compact', compact => true)");
maintain();
cmp_ok(sql("SELECT count(*) FROM cq.topic_read('compact', 0, 0, 1000)"), '<', RECORDS, 'records are merged');
maintain();
is(seen_by($old, 'compact', 'count(*)'), RECORDS, 'the older snapshot finds them all');
dump_and_restore($node, $snapshot, 'compact_copy');
is($node->safe_psql('compact_copy', "SELECT count(*) FROM cq.topic_read('compact', 0, 0, 1000)"), RECORDS, 'so does a dump');
($young) = hold($node);
my $left = seen_by($young, 'compact', 'count(DISTINCT key)');
$old->query('COMMIT');
$old->quit;
is_truncated('compact', 'a snapshot from after it holds nothing');
is(seen_by($young, 'compact', 'count(DISTINCT key)'), $left, 'and finds each key');
$young->query('COMMIT');
$young->quit;

# ---------------------------------------------------------------------------
note 'tables are used up';

sql("SELECT cq.topic_create('full', retain => NULL, retain_bytes => 1)");
($old) = hold($node);
publish('full', 200);
cmp_ok(sql("SELECT segments FROM cq.stat_topics WHERE topic = 'full'"), '<=', 3, 'retention goes on');
cmp_ok(unused('full'), '>', 0, 'tables stay');
is(sql("SELECT count(*) FROM cq.topic_publish_many('full', array_fill('1'::jsonb, ARRAY[100])) AS n"), '100', 'publishing too');
$old->query('COMMIT');
$old->quit;
is_truncated('full', 'and then go');

# ---------------------------------------------------------------------------
note 'offsets';

sql(q{SELECT cq.topic_create('offsets', retain => NULL), cq.group_create('offsets', 'g');
	SELECT cq.group_join('offsets', 'g', 'm')});
sql("SELECT count(*) FROM cq.topic_publish_many('offsets', array_fill('1'::jsonb, ARRAY[100 + @{[OFFSETS_ROWS]}]))");
my $id = sql("SELECT topic_id FROM cq.topic WHERE name = 'offsets'");
is(sql("SELECT count(*) FROM cq.topic_poll('offsets', 'g', 'm', 100, auto_commit => true)"), '100', 'a group has read');
($old, $snapshot) = hold($node);
# as many rows as it takes for the other table to be gone on to
sql(qq{DO \$\$ BEGIN
	FOR i IN 1 .. @{[OFFSETS_ROWS]} LOOP
		PERFORM cq.topic_poll('offsets', 'g', 'm', 1, auto_commit => true);
		COMMIT;
	END LOOP;
END \$\$});
maintain();
ok($node->poll_query_until('postgres', "SELECT count(*) > 0 FROM cq.t${id}_c1 WHERE group_id > 0"), 'offsets are copied');
maintain();
is($old->query("SELECT max(next_offset) FROM (SELECT * FROM cq.t${id}_c0 UNION ALL SELECT * FROM cq.t${id}_c1) AS o WHERE group_id > 0"),
	'100', 'the older snapshot finds its own');
like(held('offsets'), qr/^pid \d+, backend_xmin \d+, idle in transaction$/, 'and the view names it');
dump_and_restore($node, $snapshot, 'offsets_copy');
is($node->safe_psql('offsets_copy', "SELECT committed FROM cq.stat_groups WHERE topic = 'offsets'"), '100', 'so does a dump');
$old->query('COMMIT');
$old->quit;
maintain();
ok($node->poll_query_until('postgres', "SELECT pg_relation_size('cq.t${id}_c0') = 0"), 'then the table is truncated');
is(sql("SELECT committed FROM cq.stat_groups WHERE topic = 'offsets'"), 100 + OFFSETS_ROWS, 'the group is where it was');

$node->stop;
done_testing();
