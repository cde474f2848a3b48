# Compaction drops a record when its key has a later one.  A reader that stops
# below the later one must find the key all the same: behind an open or a prepared
# transaction, when it reads after it has asked for its limit, and on a standby.

use strict;
use warnings;

use CqSession;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant KEYS => 20;

my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', <<"EOC");
autovacuum = off
statement_timeout = '60s'
cachequeue.segment_rows = @{[KEYS]}
EOC
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub session { return CqSession->new($node, 'postgres', @_); }

sql('CREATE EXTENSION cachequeue');
my $debug = sql("SELECT count(*) FROM pg_settings WHERE name = 'cachequeue.pause'");

# A topic whose first segment is full: whoever publishes next begins another.
sub create_full
{
	my ($topic, $compact) = @_;

	sql("SELECT cq.topic_create('$topic', retain => NULL, compact => $compact)");
	publish_all($topic, 1);
	sql('CALL cq.topic_maintain()');
}

# A record for each key.
sub publish_all
{
	my ($topic, $value) = @_;
	sql("SELECT count(cq.topic_publish('$topic', to_jsonb($value), 'k' || k)) FROM generate_series(1, @{[KEYS]}) AS k");
}

# The worker would not wait for what is to be published before.
sub compact
{
	my ($topic) = @_;
	sql("SELECT cq.topic_alter('$topic', compact => true)");
	sql('CALL cq.topic_maintain()');
}

sub read_all { return "SELECT count(DISTINCT key) FROM cq.topic_read('$_[0]', 0, 0, 100000)"; }

sub records { return sql("SELECT count(*) FROM cq.topic_read('$_[0]', 0, 0, 100000)"); }

# ---------------------------------------------------------------------------
for my $how ('open', 'prepared')
{
	note "readers stop below a transaction that is $how";
	my $s = session();

	create_full($how, 'false');
	$s->query('BEGIN');
	$s->query("SELECT cq.topic_publish('$how', '0', 'held')");
	$s->query("PREPARE TRANSACTION 'p'") if $how eq 'prepared';
	publish_all($how, 2);
	compact($how);
	is(sql(read_all($how)), KEYS, 'and find each key below');
	$s->query($how eq 'prepared' ? "COMMIT PREPARED 'p'" : 'COMMIT');
	is(sql(read_all($how)), KEYS + 1, 'and all once it has ended');
	publish_all($how, 3);
	sql('CALL cq.topic_maintain()');
	cmp_ok(records($how), '<=', 2 * KEYS + 1, 'compaction goes on');
	is(sql("SELECT count(*) FROM cq.topic_read('$how', 0, 0, 100000) WHERE body = '3'"), KEYS, 'and keeps what is latest');
	sql("SELECT cq.topic_drop('$how')");
	$s->quit;
}

# ---------------------------------------------------------------------------
# What follows needs sessions that wait at a CQ_PAUSE().

use constant SOMEBODY_WAITS => "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND mode = 'ShareLock' AND NOT granted";

sub pausing { return session("SET cachequeue.pause = '$_[0]'"); }

# Do something while that statement of a pausing session waits; returns its result.
sub meanwhile
{
	my ($paused, $sql, $do) = @_;
	my $lock = session();

	$lock->query('SELECT pg_advisory_lock(4711)');
	$paused->send($sql);
	ok($node->poll_query_until('postgres', SOMEBODY_WAITS), 'it waits');
	$do->();
	$lock->query('SELECT pg_advisory_unlock(4711)');
	my $rows = $paused->wait;
	$lock->quit;
	return $rows;
}

SKIP:
{
	skip 'not a debug build' unless $debug;

	for my $level ('READ COMMITTED', 'REPEATABLE READ')
	{
		note "compaction between a reader's limit and its read, $level";
		my ($reader, $member) = (pausing('topic-read'), pausing('topic-poll'));

		create_full('late', 'false');
		$reader->query("BEGIN ISOLATION LEVEL $level");
		is(meanwhile($reader, read_all('late'), sub {
			publish_all('late', 2);
			compact('late');
		}), KEYS, 'the reader finds each key');
		$reader->query('COMMIT');
		sql("SELECT cq.topic_drop('late')");

		create_full('polled', 'false');
		sql("SELECT cq.group_join('polled', 'g', 'm')");
		$member->query("BEGIN ISOLATION LEVEL $level");
		is(meanwhile($member, "SELECT count(DISTINCT key) FROM cq.topic_poll('polled', 'g', 'm', 1000, auto_commit => true)", sub {
			publish_all('polled', 2);
			compact('polled');
		}), KEYS, 'a member polls each key');
		$member->query('COMMIT');
		is(sql("SELECT count(*) FROM cq.topic_poll('polled', 'g', 'm')"), '0', 'and each record once');
		is(sql("SELECT committed = stable_offset FROM cq.stat_groups JOIN cq.stat_topics USING (topic, partition) WHERE topic = 'polled'"),
			't', 'it has committed all of them');
		sql("SELECT cq.topic_drop('polled')");
		$_->quit for $reader, $member;
	}

	note 'maintenance by hand, where REPEATABLE READ is the default';
	# a segment that is closed after the transaction of the compaction began
	my $worker = pausing('topic-compact');
	$worker->query("SET default_transaction_isolation = 'repeatable read'");
	sql("SELECT cq.topic_create('closed', retain => NULL, compact => true)");
	meanwhile($worker, 'CALL cq.topic_maintain()', sub {
		publish_all('closed', 1);
		sql("SELECT cq.topic_publish('closed', '2', 'other')");
	});
	is(sql(read_all('closed')), KEYS + 1, 'nothing is lost');
	sql("SELECT cq.topic_drop('closed')");
	$worker->quit;

	note 'a standby, where limits arrive later';
	$node->backup('backup');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'backup', has_streaming => 1);
	$standby->start;
	$worker = pausing('topic-compact');
	my ($lock, $next) = (session(), session());
	create_full('far', 'true');
	# maintenance comes to it after the other
	sql("SELECT cq.topic_create('second', retain => NULL, compact => true)");
	ok($standby->poll_query_until('postgres', read_all('far'), KEYS), 'it has all keys');

	$lock->query('SELECT pg_advisory_lock(4711)');
	$worker->send('CALL cq.topic_maintain()');
	ok($node->poll_query_until('postgres', SOMEBODY_WAITS), 'compaction begins, limits have been written');
	publish_all('far', 2);
	$next->send('SELECT pg_advisory_lock(4711)');
	ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND mode = 'ExclusiveLock' AND NOT granted"),
		'maintenance is to wait once more');
	$lock->query('SELECT pg_advisory_unlock(4711)');
	$next->wait;
	ok($node->poll_query_until('postgres', SOMEBODY_WAITS), 'compaction is done, limits are not written again');
	is(records('far'), KEYS, 'what is superseded has gone');
	$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
	is($standby->safe_psql('postgres', read_all('far')), KEYS, 'the standby has all keys');
	$next->query('SELECT pg_advisory_unlock(4711)');
	$worker->wait;
	$_->quit for $worker, $lock, $next;
	$standby->stop;
}

$node->stop;
done_testing();
