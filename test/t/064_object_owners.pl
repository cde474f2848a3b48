# Objects whose owners go: DROP ROLE, DROP OWNED and REASSIGN OWNED, DROP VIEW, and
# what SQL can do to carriers.

use strict;
use warnings;

use CqSession;
use CqTest ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;

sub sql { return $node->safe_psql('postgres', shift) }

sub try { return CqTest::try($node, $_[1] // 'postgres', $_[0]) }

# Whose carriers and tables there are.
sub left
{
	return sql(q{SELECT string_agg(DISTINCT n, ' ' ORDER BY n)
		FROM (SELECT coalesce(substring(relname, '^([qt]\d+)_[a-z]+\d*$'),
			substring(relname, '^((?:queue|topic|group|exchange|namespace)_[1-9]\d*)$')) FROM pg_class
			WHERE relnamespace = 'cq'::regnamespace) AS c (n)});
}

sub definitions
{
	return sql(q{SELECT string_agg(o, ' ' ORDER BY o) FROM (
		SELECT 'queue ' || name FROM cq.queue UNION ALL SELECT 'topic ' || name FROM cq.topic
		UNION ALL SELECT 'group ' || name FROM cq.topic_group UNION ALL SELECT 'exchange ' || name FROM cq.exchange
		UNION ALL SELECT 'namespace ' || name FROM cq.namespace) AS d (o)});
}

sub segments_and_secrets
{
	return sql('SELECT (SELECT count(DISTINCT topic_id) FROM cq.topic_segment), (SELECT count(*) FROM cq.queue_secret),
		(SELECT count(*) FROM cq.exchange_binding), (SELECT count(*) FROM cq.write_behind)');
}

sql(q{CREATE EXTENSION cachequeue;
	CREATE ROLE alice; CREATE ROLE bob; CREATE ROLE carol;
	GRANT USAGE ON SCHEMA cq TO alice, bob, carol;
	GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA cq TO alice, bob, carol});
sql('CREATE DATABASE other');
$node->safe_psql('other', q{CREATE EXTENSION cachequeue;
	GRANT USAGE ON SCHEMA cq TO alice; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA cq TO alice;
	SET ROLE alice; SELECT cq.queue_create('far'); SELECT cq.queue_send('far', '1')});

# One of everything for a role.
sub make_all
{
	my ($role, $prefix) = @_;

	sql(qq{SET ROLE $role;
		SELECT cq.queue_create('${prefix}q', durable_leases => true), cq.topic_create('${prefix}t', 2);
		SELECT cq.group_create('${prefix}t', 'g'), cq.group_create('${prefix}t', 's', kind => 'shared');
		SELECT cq.exchange_create('${prefix}x', 'fanout'), cq.namespace_create('${prefix}n');
		SELECT cq.exchange_bind('${prefix}x', 'queue', '${prefix}q'), cq.exchange_bind('${prefix}x', 'topic', '${prefix}t');
		SELECT cq.queue_send('${prefix}q', to_jsonb(i)) FROM generate_series(1, 3) AS i;
		SELECT cq.topic_publish('${prefix}t', to_jsonb(i)) FROM generate_series(1, 3) AS i;
		SELECT cq.cache_set('k', '$role', namespace => '${prefix}n')});
}

my $carriers = q{SELECT relname, relowner::regrole FROM pg_class WHERE relkind = 'v' AND relnamespace = 'cq'::regnamespace
	AND relname ~ '^(queue|topic|group|exchange|namespace)_[1-9]' ORDER BY oid};

# ---- DROP ROLE, REASSIGN OWNED, DROP OWNED

sub receipt { return sql("SELECT receipt FROM cq.queue_receive('$_[0]')") }

make_all('alice', 'a');
make_all('bob', 'b');
sql(q{SELECT cq.queue_grant('bq', 'carol', 'consume')});
receipt('bq');
my $alices = left();
like(try('DROP ROLE alice'), qr/^2BP01/, 'DROP ROLE is refused to an owner');
like(try('DROP ROLE carol'), qr/^2BP01/, 'and to a grantee');
is(try('BEGIN; DROP OWNED BY alice; ROLLBACK'), '', 'DROP OWNED');
is(left(), $alices, 'a rollback keeps all');
is(sql("SELECT count(*) FROM cq.queue_peek('aq')"), '3', 'the queue');
is(sql("SELECT cq.cache_get('k', 'an')"), 'alice', 'the namespace');
is(try(q{BEGIN; SAVEPOINT s; DROP OWNED BY alice; ROLLBACK TO s; SELECT cq.queue_send('aq', '4') > 0, (cq.topic_publish('at', '4')).record_offset >= 0;
	SAVEPOINT t; DROP OWNED BY alice; RELEASE t; ROLLBACK}), 't|t', 'savepoints');
is(try(q{BEGIN; SAVEPOINT s; DROP OWNED BY alice; ROLLBACK TO s; SELECT cq.queue_send('aq', '4') > 0; COMMIT}), 't', 'rollback to savepoint');
is(sql("SELECT count(*) FROM cq.queue_peek('aq')"), '4', 'sent after it');

# from another database nothing changes here
my $objects = sql($carriers);
$node->safe_psql('other', 'REASSIGN OWNED BY alice TO bob');
is(sql($carriers), $objects, 'REASSIGN OWNED in another database');
is($node->safe_psql('other', 'SELECT owner FROM cq.queues'), "bob\nbob", 'which has effect there');
$node->safe_psql('other', 'DROP OWNED BY bob, alice');
is($node->safe_psql('other', q{SELECT count(*) FROM cq.queue}), '0', 'DROP OWNED there');
is($node->safe_psql('other', q{SELECT count(*) FROM pg_class WHERE relname ~ '^q1_'}), '0', 'with its tables');
is(sql($carriers), $objects, 'and nothing here');
is(left(), $alices, 'no table either');

# while another session uses the queue
my $user = CqSession->new($node, 'postgres', 'BEGIN');
my $dropper = CqSession->new($node, 'postgres');
$user->query("SELECT cq.queue_send('aq', '5')");
$dropper->send('DROP OWNED BY alice');
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'DROP OWNED BY alice;' AND wait_event_type = 'Lock'}),
	'it waits for an open transaction');
is($user->query("SELECT cq.queue_send('bq', '5') > 0"), 't', 'which goes on meanwhile');
is(sql("SELECT cq.queue_send('bq', '6') > 0"), 't', 'as others do');
$user->query('COMMIT');
is($dropper->wait, '', 'then it drops');
unlike(left(), qr/\bqueue_1\b/, 'and it is gone');
$_->quit for $user, $dropper;
is(definitions(), 'exchange bx group g group s namespace bn queue bq queue bq.dead queue bt.s queue bt.s.dead topic bt', 'definitions of others remain');
is(segments_and_secrets(), '1|1|2|0', 'and what belongs to them');
is(sql("SELECT string_agg(DISTINCT queue, ' ' ORDER BY queue) FROM cq.stat_queues"), 'bq bq.dead bt.s bt.s.dead', 'statistics of queues');
is(sql("SELECT string_agg(DISTINCT topic, ' ') FROM cq.stat_topics"), 'bt', 'statistics of topics');
is(sql("SELECT sum(ready + in_flight) FROM cq.stat_queues WHERE queue = 'bq'"), '5', 'messages of others');
is(sql("SELECT cq.cache_get('k', 'bn')"), 'bob', 'entries of others');
like(try("SELECT cq.cache_get('k', 'an')"), qr/^42704/, 'the namespace is gone');
like(try("SELECT cq.queue_send('aq', '1')"), qr/^42704/, 'the queue is gone');
is(sql(q{SELECT count(*) FROM pg_class WHERE relnamespace = 'cq'::regnamespace AND relname ~ '^[qt]\d+_' AND relkind IN ('r', 'S')
	AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND (refclassid = 'pg_type'::regclass
		OR refclassid = 'pg_class'::regclass AND refobjid IN (SELECT oid FROM pg_class WHERE relkind = 'S')))}),
	'0', 'no table without a carrier');
is(try('DROP ROLE alice'), '', 'DROP ROLE');
sql(q{CREATE ROLE alice; GRANT USAGE ON SCHEMA cq TO alice; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA cq TO alice});
make_all('alice', 'a');
is(sql("SELECT count(*) FROM cq.queue_peek('aq')"), '3', 'names can be used again');
is(sql("SELECT cq.cache_get('k', 'an')"), 'alice', 'of namespaces too');

sql('REASSIGN OWNED BY alice TO carol');
is(sql("SELECT string_agg(DISTINCT owner::text, ' ') FROM (SELECT owner FROM cq.queues WHERE queue LIKE 'a%' UNION ALL SELECT owner FROM cq.topics WHERE topic LIKE 'a%'
	UNION ALL SELECT owner FROM cq.groups WHERE topic LIKE 'a%' UNION ALL SELECT owner FROM cq.exchanges WHERE exchange LIKE 'a%'
	UNION ALL SELECT owner FROM cq.namespaces WHERE namespace LIKE 'a%') AS o"), 'carol', 'REASSIGN OWNED');
like(try("SET ROLE alice; SELECT cq.queue_send('aq', '1')"), qr/^42501/, 'the old owner has nothing');
is(try("SET ROLE carol; SELECT cq.queue_send('aq', '1') > 0"), 't', 'the new one has');
like(try('DROP ROLE alice'), qr/^2BP01/, 'grants on the schema keep a role');
is(try('DROP OWNED BY alice; DROP ROLE alice'), '', 'until DROP OWNED');
sql('DROP OWNED BY carol');
is(sql("SELECT count(*) FROM cq.privileges WHERE role = 'carol'"), '0', 'DROP OWNED revokes as well');
sql('DROP OWNED BY bob');
is(left(), '', 'nothing is left');
is(definitions(), '', 'no definition');
is(segments_and_secrets(), '0|0|0|0', 'nothing else');
sql(q{CREATE ROLE alice; GRANT USAGE ON SCHEMA cq TO alice, bob, carol;
	GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA cq TO alice, bob, carol});

# ---- what others have with what goes

# a queue that is another's dead-letter queue
sql(q{SET ROLE alice; SELECT cq.queue_create('graves', dead_letter => NULL); SELECT cq.queue_grant('graves', 'bob', 'send');
	SET ROLE bob; SELECT cq.queue_create('work', dead_letter => 'graves', max_attempts => 1);
	SELECT cq.queue_send('work', to_jsonb(i)) FROM generate_series(1, 4) AS i});
is(sql(q{SELECT cq.queue_reject('work', receipt, 'no') FROM cq.queue_receive('work')}), 't', 'a dead letter');
my $open = CqSession->new($node, 'postgres');
my $leased = $open->query(q{SELECT receipt FROM cq.queue_receive('work')});
is(sql("SELECT count(*) FROM cq.queue_peek('graves')"), '1', 'is in the other queue');
sql('DROP OWNED BY alice CASCADE');
is(sql("SELECT dead_letter IS NULL FROM cq.queues WHERE queue = 'work'"), 't', 'without a dead-letter queue');
is(sql("SELECT dead_letter IS NULL FROM cq.stat_queues WHERE queue = 'work'"), 't', 'as memory knows too');
is($open->query("SELECT cq.queue_nack('work', '$leased')"), 't', 'it goes on');
is(sql("SELECT body FROM cq.queue_receive('work') ORDER BY 1"), '3', 'delivering');
sql('DROP OWNED BY bob');
$open->quit;

# a topic with another role's groups, and the queue of a shared one
sub grant_all
{
	sql(q{GRANT USAGE ON SCHEMA cq TO alice, bob, carol; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA cq TO alice, bob, carol});
}
grant_all();
sql(q{SET ROLE alice; SELECT cq.topic_create('t'), cq.exchange_create('x', 'fanout'), cq.queue_create('q');
	SELECT cq.topic_grant('t', 'bob', 'consume'), cq.exchange_grant('x', 'bob', 'alter'), cq.queue_grant('q', 'bob', 'send');
	SET ROLE bob; SELECT cq.group_create('t', 'g'), cq.group_create('t', 's', kind => 'shared');
	SELECT cq.exchange_create('bx', 'fanout', 'x'), cq.exchange_create('by', 'fanout');
	SELECT cq.exchange_bind('by', 'exchange', 'x'), cq.exchange_bind('bx', 'queue', 'q'), cq.exchange_bind('bx', 'queue', 't.s');
	RESET ROLE;
	SELECT cq.topic_publish('t', '1')});
$node->poll_query_until('postgres', q{SELECT ready = 1 FROM cq.stat_queues WHERE queue = 't.s'}) or die 'it does not happen';
like(try('DROP OWNED BY alice'), qr/^2BP01|^$/, 'a topic with groups of others');
sql('DROP OWNED BY alice CASCADE') if definitions() =~ /topic/;
is(definitions(), 'exchange bx exchange by', 'all that led there or was made of it goes');
is(segments_and_secrets(), '0|0|0|0', 'bindings too');
is(left() =~ /\b[qt]\d/, '', 'tables too');
is(sql("SELECT alternate IS NULL FROM cq.exchanges WHERE exchange = 'bx'"), 't', 'no alternate');
is(sql("SELECT cq.exchange_publish('bx', '', '1')"), '0', 'they lead nowhere');
sql('DROP OWNED BY bob');
grant_all();

# write-behind
sql(q{CREATE TABLE target (k text PRIMARY KEY, v text); GRANT ALL ON target TO alice;
	ALTER TABLE target OWNER TO carol; GRANT carol TO alice;
	SET ROLE alice; SELECT cq.namespace_create('wb');
	SELECT cq.cache_write_behind('wb', 'target', 'logged', 'k', 'v', delay => '1 h')});
sql("SELECT cq.cache_set('k', 'v', namespace => 'wb')");
is(sql('SELECT count(*) FROM cq.cache_pending'), '1', 'something is pending');
my $message = try('DROP OWNED BY alice');
like($message, qr/^55000: .* namespace "wb"/, 'DROP OWNED is refused then');
$message = try('DROP VIEW ' . sql("SELECT carrier FROM cq.namespaces WHERE namespace = 'wb'"));
like($message, qr/^55000: .* namespace "wb"/, 'DROP VIEW as well');
is(sql('SELECT count(*) FROM cq.cache_pending'), '1', 'nothing is lost');
is(sql("SELECT cq.cache_get('k', 'wb')"), 'v', 'the namespace is there');
sql("SELECT cq.cache_flush('wb')");
is(sql('SELECT v FROM target'), 'v', 'flushed');
is(try('DROP OWNED BY alice'), '', 'DROP OWNED when nothing is pending');
is(segments_and_secrets(), '0|0|0|0', 'and the rule is gone');
sql('DROP TABLE target; REVOKE carol FROM alice');
grant_all();

# prepared transactions
sql("SET ROLE alice; SELECT cq.queue_create('p')");
sql("BEGIN; SELECT cq.queue_send('p', '1'); PREPARE TRANSACTION 'send'");
like(try("SET lock_timeout = '100ms'; DROP OWNED BY alice"), qr/^55P03/, 'a prepared transaction is waited for');
sql("COMMIT PREPARED 'send'");
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM cq.queue_peek('p')"), 'which goes on');
is(try("BEGIN; DROP OWNED BY alice; PREPARE TRANSACTION 'drop'"), '', 'a drop that is prepared');
like(try("SET lock_timeout = '100ms'; SELECT cq.queue_send('p', '1')"), qr/^55P03/, 'is waited for');
sql("ROLLBACK PREPARED 'drop'");
is(sql("SELECT cq.queue_send('p', '2') > 0; SELECT count(*) FROM cq.queue_peek('p')"), "t\n2", 'rolled back');
sql("BEGIN; DROP OWNED BY alice; PREPARE TRANSACTION 'drop'");
sql("COMMIT PREPARED 'drop'");
like(try("SELECT cq.queue_send('p', '1')"), qr/^42704/, 'committed');
is(sql('SELECT count(*) FROM cq.stat_queues'), '0', 'and out of the statistics');
is(sql('SELECT count(*) FROM cq.queue'), '0', 'nothing is left');
is(left(), '', 'no relation');
grant_all();

$node->stop;
done_testing();
