# A hot standby reads topics without skipping a record, however publishers
# commit, and after promotion everything goes on.

use strict;
use warnings;

use CqSession;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "autovacuum = off\nstatement_timeout = '60s'\ncachequeue.segment_rows = 200\n");
$primary->start;

sub sql { return $primary->safe_psql('postgres', $_[0]); }

sql('CREATE EXTENSION cachequeue');
sql("SELECT cq.topic_create('log', 2), cq.topic_create('compact', retain => NULL, compact => true)");
sql("SELECT cq.topic_publish('log', '\"before\"', partition => 0)");

$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

my $reader = CqSession->new($standby, 'postgres');

sub on_standby
{
	my ($partition) = @_;
	return "SELECT coalesce(string_agg(body #>> '{}', ' ' ORDER BY record_offset), '') FROM cq.topic_read('log', $partition)";
}

# Poll until the standby says that.
sub await_standby
{
	my ($query, $expected, $what) = @_;
	my $end = time + 60;
	my $got = '';

	while (time < $end && ($got = $reader->query($query)) ne $expected)
	{
		usleep(10_000);
	}
	is($got, $expected, $what);
}

# ---------------------------------------------------------------------------
note "open transactions";
await_standby(on_standby(0), 'before', 'what was published before is read');
my $a = CqSession->new($primary, 'postgres');
$a->query('BEGIN');
$a->query("SELECT cq.topic_publish('log', '\"a\"', partition => 0)");
sql("SELECT cq.topic_publish('log', '\"b\"', partition => 0), cq.topic_publish('log', '\"other\"', partition => 1)");
await_standby(on_standby(1), 'other', 'what is published later, elsewhere, is read');
$primary->wait_for_catchup($standby, 'replay');
is($reader->query(on_standby(0)), 'before', 'not what is behind an open one');
$reader->query('BEGIN ISOLATION LEVEL REPEATABLE READ');
is($reader->query(on_standby(0)), 'before', 'in REPEATABLE READ neither');
$a->query('COMMIT');
await_standby(on_standby(0), 'before a b', 'all once it is committed, in that old snapshot too');
$reader->query('COMMIT');
is($reader->query("SELECT cq.topic_offset('log', 0, 'latest')"), '3', 'offsets are known');
for my $refused ("SELECT cq.topic_publish('log', '1')", "SELECT cq.group_join('log', 'g', 'm')", "SELECT cq.topic_drop('log')",
	"SELECT cq.topic_seek('log', 'g', 'latest')", "CALL cq.topic_maintain()")
{
	like($reader->query($refused), qr/^(psql:.*)?ERROR/, "refused there: $refused");
}

# ---------------------------------------------------------------------------
note "publishers that commit out of order, while the standby reads";
my @publishers = map { CqSession->new($primary, 'postgres') } 1 .. 4;
my $from = 3;
my @seen;
my $wrong = 0;

sub read_on
{
	for my $offset (split /\n/, $reader->query("SELECT record_offset FROM cq.topic_read('log', 0, $from, 1000)"))
	{
		$wrong++ if $offset !~ /^\d+$/ || $offset < $from;
		push @seen, $offset;
		$from = $offset + 1;
	}
}

srand(1);
for my $round (1 .. 60)
{
	# each has published; they commit in any order, or roll back
	for my $p (@publishers)
	{
		$p->query('BEGIN');
		$p->query("SELECT count(cq.topic_publish('log', '1', partition => 0)) FROM generate_series(1, 3)");
	}
	for my $p (sort { rand() <=> 0.5 } @publishers)
	{
		$p->query(rand() < 0.2 ? 'ROLLBACK' : 'COMMIT');
		read_on() if rand() < 0.7;
	}
}
$_->quit for @publishers;
my $all = sql("SELECT string_agg(record_offset::text, ' ' ORDER BY record_offset) FROM cq.topic_read('log', 0, 3, 100000)");
my $end = time + 60;
while (time < $end && @seen < split / /, $all)
{
	read_on();
	usleep(10_000);
}
is(join(' ', @seen), $all, 'the standby has read each of them, in order, once');
is($wrong, 0, 'and never backwards');
cmp_ok(sql("SELECT segments FROM cq.stat_topics WHERE topic = 'log' AND partition = 0"), '>', 2, 'in several segments');

# ---------------------------------------------------------------------------
note "compaction, seen from the standby";
for my $i (1 .. 4)
{
	sql("SELECT count(cq.topic_publish('compact', to_jsonb($i), 'k' || k)) FROM generate_series(1, 200) AS k");
	sql('CALL cq.topic_maintain()');
}
sql("SELECT cq.topic_publish('compact', '\"end\"', 'end')");
await_standby("SELECT count(DISTINCT key), bool_or(key = 'end') FROM cq.topic_read('compact', 0, 0, 10000)", '201|t', 'every key is there');
is($reader->query("SELECT count(*) FROM (SELECT DISTINCT ON (key) body FROM cq.topic_read('compact', 0, 0, 10000) ORDER BY key, record_offset DESC) AS s WHERE body = '4'"),
	'200', 'with its last record');
cmp_ok($reader->query("SELECT count(*) FROM cq.topic_read('compact', 0, 0, 10000)"), '<', 801, 'and not all that was published');

# ---------------------------------------------------------------------------
note "promotion";
sql("SELECT cq.group_join('log', 'g', 'm')");
is(sql("SELECT count(*) FROM cq.topic_poll('log', 'g', 'm', 2) WHERE partition = 0"), '2', 'polled on the primary');
is(sql("SELECT cq.topic_commit('log', 'g', 'm', 0, 1)"), 't', 'committed there');
my $last = sql("SELECT max(record_offset) FROM cq.topic_read('log', 0, 0, 100000)");
sql("BEGIN; SELECT cq.topic_publish('log', '\"prepared\"', partition => 0); PREPARE TRANSACTION 'p'");
sql("SELECT cq.topic_publish('log', '\"behind\"', partition => 0)");
$a->query('BEGIN');
my $given = $a->query("SELECT record_offset FROM cq.topic_publish('log', '\"lost\"', partition => 0)");
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
$primary->stop('immediate');
$a->quit;
$standby->promote;
is($standby->safe_psql('postgres', "SELECT max(record_offset) FROM cq.topic_read('log', 0, 0, 100000)"), $last, 'it stops below the prepared one');
is($reader->query("SELECT max(record_offset) FROM cq.topic_read('log', 0, 0, 100000)"), $last, 'in the old session, too');
cmp_ok($standby->safe_psql('postgres', "SELECT record_offset FROM cq.topic_publish('log', '\"new\"', partition => 0)"), '>', $given, 'offsets are not given out again');
$standby->safe_psql('postgres', "SELECT cq.group_join('log', 'g', 'm')");
is($standby->safe_psql('postgres', "SELECT committed FROM cq.stat_groups WHERE partition = 0"), '2', 'the offset of the group is there');
is($standby->safe_psql('postgres', "SELECT min(record_offset) FROM cq.topic_poll('log', 'g', 'm', 100000) WHERE partition = 0"), '2', 'a member goes on there');
$standby->safe_psql('postgres', "COMMIT PREPARED 'p'");
is($standby->safe_psql('postgres', "SELECT string_agg(body #>> '{}', ' ' ORDER BY record_offset) FROM cq.topic_read('log', 0, $last + 1)"),
	'prepared behind new', 'once it is decided, all is read');
is($standby->safe_psql('postgres', "SELECT string_agg(body #>> '{}', ' ' ORDER BY record_offset) FROM cq.topic_poll('log', 'g', 'm', 100000) WHERE partition = 0"),
	'prepared behind new', 'and polled');
$standby->safe_psql('postgres', 'CALL cq.topic_maintain()');
is($standby->safe_psql('postgres', "SELECT count(DISTINCT key) FROM cq.topic_read('compact', 0, 0, 10000)"), '201', 'compaction goes on');
$reader->quit;

$standby->stop;
done_testing();
