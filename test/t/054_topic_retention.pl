# Retention and compaction while records are published and read, and while a
# pg_dump holds its locks and its snapshot.

use strict;
use warnings;

use CqSession;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

use constant {
	KEYS => 40,
	ROUNDS => 40,
};

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nstatement_timeout = '60s'\ncachequeue.segment_rows = 50\n");
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub session { return CqSession->new($node, 'postgres'); }

sql('CREATE EXTENSION cachequeue');

# ---------------------------------------------------------------------------
note "compaction under readers";
sql(q{SELECT cq.topic_create('compact', 2, retain => NULL, compact => true);
	SELECT cq.group_join('compact', 'g', 'm')});
my ($publisher, $worker, $member, $reader) = map { session() } 1 .. 4;
my %last;		# of each key, as the member has seen it
my %read;		# as who reads from the beginning every time has
my %next = (0 => -1, 1 => -1);
my ($backwards, $skipped) = (0, 0);

sub take
{
	for my $row (split /\n/, $_[0])
	{
		my ($partition, $offset, $key, $value) = split /\|/, $row;
		$backwards++ if $offset <= $next{$partition};
		$next{$partition} = $offset;
		$last{$key} = $value;
	}
}

my $poll = "SELECT partition, record_offset, key, body FROM cq.topic_poll('compact', 'g', 'm', 30)";
for my $round (1 .. ROUNDS)
{
	$publisher->send("SELECT count(cq.topic_publish('compact', to_jsonb($round), 'k' || k)) FROM generate_series(1, @{[KEYS]}) AS k");
	$worker->send('CALL cq.topic_maintain()');
	$member->send($poll);
	# whoever reads from the beginning finds each key that was there before
	$reader->send("SELECT count(DISTINCT key) FROM generate_series(0, 1) AS p, cq.topic_read('compact', p, 0, 100000)");
	$publisher->wait;
	$worker->wait;
	take($member->wait);
	my $keys = $reader->wait;
	if ($round > 1 && $keys ne KEYS) { $skipped++; diag("round $round: $keys keys"); }
}
while (my $rows = $member->query($poll))
{
	take($rows);
}
is($skipped, 0, 'a reader sees each key all the time');
is($backwards, 0, 'a member never goes back');
is(join(' ', map { $last{"k$_"} // 'none' } 1 .. KEYS), join(' ', (ROUNDS) x KEYS), 'and has seen the last record of each key');
$worker->query('CALL cq.topic_maintain()');
cmp_ok(sql("SELECT count(*) FROM generate_series(0, 1) AS p, cq.topic_read('compact', p, 0, 100000)"), '<', KEYS * ROUNDS / 2,
	'most of what was published is gone');

# ---------------------------------------------------------------------------
note "a transaction of old holds its place";
sql(q{SELECT cq.topic_create('held', retain => NULL, compact => true)});
$publisher->query('BEGIN');
my $held = $publisher->query("SELECT record_offset FROM cq.topic_publish('held', '\"held\"', 'k1')");
for my $i (1 .. 4)
{
	sql("SELECT count(cq.topic_publish('held', to_jsonb($i), 'k' || (1 + k % 10))) FROM generate_series(1, 60) AS k");
	sql('CALL cq.topic_maintain()');
}
sql("SELECT cq.topic_alter('held', retain => '1 ms', retain_bytes => 1)");
sql('CALL cq.topic_maintain()');
$publisher->query('COMMIT');
is(sql("SELECT body FROM cq.topic_read('held', 0, $held, 1)"), '"held"', 'its segment has been left alone');

# ---------------------------------------------------------------------------
note "pg_dump";
# A dump takes its snapshot, then its locks: it has all of the compacted topic,
# whatever is done to it meanwhile.
my $dump = $node->basedir . '/dump.sql';
sql('CREATE TABLE zz_last (i int)');
my $lock = session();
$lock->query('BEGIN');
$lock->query('LOCK TABLE zz_last');
my $pid = fork();
if ($pid == 0)
{
	exec('pg_dump', '-f', $dump, $node->connstr('postgres')) or exit 1;
}
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_locks WHERE relation = 'zz_last'::regclass AND NOT granted"), 'a dump waits for a lock');
for my $i (101 .. 103)
{
	sql("SELECT count(cq.topic_publish('compact', to_jsonb($i), 'k' || k)) FROM generate_series(1, @{[KEYS]}) AS k");
	# were it to wait, it would run into the timeout
	sql('CALL cq.topic_maintain()');
	is(sql("SELECT count(*) FROM pg_locks WHERE relation = 'zz_last'::regclass AND NOT granted"), '1', 'maintenance does not wait for it');
}
is(sql("SELECT count(DISTINCT key) FROM generate_series(0, 1) AS p, cq.topic_read('compact', p, 0, 100000)"), KEYS, 'readers see all keys');
sql("SELECT cq.topic_alter('compact', retain => '1 ms')");
sql('CALL cq.topic_maintain()');
sql("SELECT cq.topic_alter('compact', reset => '{retain}')");
is(sql("SELECT record_offset > 0 FROM cq.topic_publish('compact', '1', 'k1')"), 't', 'publishers go on');
$lock->query('ROLLBACK');
waitpid $pid, 0;
is($?, 0, 'the dump ends well');
sql('CREATE DATABASE copy');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('copy') ], 'and can be restored');
is($node->safe_psql('copy', "SELECT count(*), count(*) FILTER (WHERE body = '@{[ROUNDS]}') FROM (SELECT DISTINCT ON (key) body FROM generate_series(0, 1) AS p, cq.topic_read('compact', p, 0, 100000) ORDER BY key, record_offset DESC) AS s"),
	KEYS . '|' . KEYS, 'with the records of its snapshot');

# ---------------------------------------------------------------------------
note "retention under readers and publishers";
sql("SELECT cq.topic_create('time', retain => '1 s'), cq.group_create('time', 'g')");
sql("SELECT cq.group_join('time', 'g', 'm')");
$publisher = session();
my ($got, $sent, $fell) = (0, 0, -1);
for my $round (1 .. 60)
{
	$sent += $publisher->query("SELECT count(cq.topic_publish('time', to_jsonb(i))) FROM generate_series(1, 40) AS i");
	$worker->send('CALL cq.topic_maintain()') if $round % 3 == 0;
	for my $offset (split /\n/, $member->query("SELECT record_offset FROM cq.topic_poll('time', 'g', 'm', 1000, auto_commit => true)"))
	{
		$fell = -2 if $offset <= $fell;
		$fell = $offset if $fell != -2;
		$got++;
	}
	$worker->wait if $round % 3 == 0;
}
is($got, $sent, 'who keeps up gets everything');
isnt($fell, -2, 'in order');
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM cq.topic_read('time', 0, 0, 100000)"), 'and all of it goes in time, by itself');
ok($node->poll_query_until('postgres', "SELECT segments <= 3 FROM cq.stat_topics WHERE topic = 'time'"), 'with the segments');
is($member->query("SELECT count(*) FROM cq.topic_poll('time', 'g', 'm')"), '0', 'nothing is left to poll');
$publisher->query("SELECT cq.topic_publish('time', '\"new\"')");
is($member->query("SELECT body FROM cq.topic_poll('time', 'g', 'm')"), '"new"', 'but what is new');
$_->quit for $publisher, $worker, $member, $reader, $lock;

$node->stop;
done_testing();
