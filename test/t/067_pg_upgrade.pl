# pg_upgrade takes queues, topics, exchanges and namespaces along.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $old = PostgreSQL::Test::Cluster->new('old');
$old->init;
$old->append_conf('postgresql.conf', "cachequeue.segment_rows = 30\n");
$old->start;
my $new = PostgreSQL::Test::Cluster->new('new');
$new->init;

sub sql { my ($sql, $node) = @_; return ($node // $old)->safe_psql('app', $sql) }

$old->safe_psql('postgres', 'CREATE DATABASE app; CREATE ROLE app; CREATE ROLE worker; CREATE EXTENSION cachequeue');
sql(q{CREATE EXTENSION cachequeue;
	GRANT USAGE ON SCHEMA cq TO app, worker; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA cq TO app, worker;
	SET ROLE app;
	SELECT cq.queue_create('q', durable_leases => true, max_attempts => 2, dedup_window => '1 day', retain => '1 day');
	SELECT cq.queue_grant('q', 'worker', 'consume'), cq.queue_grant('q', 'public', 'send');
	SELECT cq.topic_create('t', 3), cq.topic_grant('t', 'worker', 'consume');
	SELECT cq.group_create('t', 'g'), cq.group_create('t', 's', kind => 'shared');
	SELECT cq.exchange_create('x', 'topic'), cq.exchange_create('alt', 'fanout');
	SELECT cq.exchange_alter('x', 'alt'), cq.exchange_bind('x', 'queue', 'q', 'a.#'), cq.exchange_bind('alt', 'topic', 't');
	SELECT cq.namespace_create('n', '1 h', 8388608), cq.namespace_grant('n', 'worker', 'read');
	RESET ROLE;
	SELECT cq.namespace_grant('default', 'worker', 'read,write');
	CREATE TABLE watched (id int PRIMARY KEY, v text); SELECT cq.cache_watch('watched', ARRAY['w:{id}'])});
sql(q{SELECT count(cq.queue_send('q', to_jsonb(i), group_key => CASE WHEN i % 5 = 0 THEN 'g' || i END)) FROM generate_series(1, 70) AS i;
	SELECT cq.queue_send('q', '"dedup"', dedup_key => 'once'), cq.queue_send('q', '"late"', delay => '1 day');
	SELECT count(cq.queue_ack('q', receipt)) FROM cq.queue_receive('q', 20);
	SELECT count(cq.queue_nack('q', receipt, delay => '1 day')) FROM cq.queue_receive('q', 2);
	SELECT count(cq.queue_reject('q', receipt, 'bad')) FROM cq.queue_receive('q', 3)});
my ($receipt, $leased) = split /\|/, sql(q{SELECT receipt, msg_id FROM cq.queue_receive('q', 1, '1 h')});
sql(q{SELECT count(cq.topic_publish('t', to_jsonb(i), 'k' || i)) FROM generate_series(1, 90) AS i;
	SELECT cq.group_join('t', 'g', 'm'); SELECT count(*) FROM cq.topic_poll('t', 'g', 'm', 25, auto_commit => true)});
$old->poll_query_until('app', q{SELECT sum(lag) = 0 FROM cq.stat_groups WHERE group_name = 's'}) or die 'it does not happen';

my @state = (
	q{SELECT queue, owner, carrier FROM cq.queues ORDER BY 1},
	q{SELECT topic, owner, carrier, partitions FROM cq.topics ORDER BY 1},
	q{SELECT topic, group_name, owner, carrier, queue FROM cq.groups ORDER BY 1, 2},
	q{SELECT exchange, owner, carrier, kind, alternate FROM cq.exchanges ORDER BY 1},
	q{SELECT * FROM cq.exchange_bindings ORDER BY exchange, target_kind, target},
	q{SELECT * FROM cq.namespaces ORDER BY 1},
	q{SELECT * FROM cq.privileges ORDER BY 1, 2, 3, 4},
	q{SELECT q.queue, m.msg_id, m.attempt, m.group_key, m.body FROM cq.queues AS q, cq.queue_peek(q.queue, 1000) AS m ORDER BY 1, 2},
	q{SELECT queue, ready, in_flight, delayed, blocked, dead, bytes FROM cq.stat_queues ORDER BY 1},
	q{SELECT p, r.* FROM generate_series(0, 2) AS p, cq.topic_read('t', p, 0, 1000) AS r ORDER BY p, record_offset},
	q{SELECT topic, group_name, partition, committed, lag FROM cq.stat_groups ORDER BY 1, 2, 3},
	q{SELECT * FROM cq.cache_watches});
my @before = map { sql($_) } @state;
$old->stop;

my $bin = $ENV{CQ_BINDIR};
my $dir = $new->basedir;
my @upgrade = ('pg_upgrade', '-b', $bin, '-B', $bin, '-d', $old->data_dir, '-D', $new->data_dir, '-s', $new->host, '-p', $old->port, '-P', $new->port);
mkdir "$dir/run" or die $!;
chdir "$dir/run" or die $!;
command_ok([ @upgrade, '--check' ], 'pg_upgrade --check');
command_ok(\@upgrade, 'pg_upgrade') or do { for my $f (glob("$dir/run/*.log"), glob($new->data_dir . '/pg_upgrade_output.d/*/log/*')) { diag("$f\n", slurp_file($f)) } };

$new->append_conf('postgresql.conf', "cachequeue.segment_rows = 30\n");
$new->start;
for my $i (0 .. $#state)
{
	is(sql($state[$i], $new), $before[$i], "as before: $state[$i]");
}
is(sql(qq{SELECT cq.queue_ack('q', '$receipt')}, $new), '1', 'receipts of durable leases');
is(sql(qq{SELECT count(*) FROM cq.queue_peek('q', 1000) WHERE msg_id = $leased}, $new), '0', 'it is settled');
is(sql(q{SELECT cq.queue_send('q', 'null', dedup_key => 'once')}, $new), '71', 'keys');
is(sql(q{SELECT cq.exchange_publish('x', 'a.b', '1'), cq.exchange_publish('x', 'z', '2')}, $new), '1|1', 'exchanges');
is(sql(q{SELECT cq.group_join('t', 'g', 'm') > 0; SELECT count(*) FROM cq.topic_poll('t', 'g', 'm', 1000)}, $new), "t\n66", 'offsets of groups');
is(sql(q{SET ROLE worker; SELECT cq.queue_send('q', '1') > 0; SELECT count(*) FROM cq.queue_take('q', 2); SELECT cq.cache_set('k', 'v'); SELECT cq.cache_get('k', 'n')}, $new),
	"t\n2\nt\n", 'privileges');
sql(q{SELECT count(cq.queue_send('q', to_jsonb(i))) FROM generate_series(1, 200) AS i}, $new);
is(sql(q{SELECT count(*) FROM cq.queue_take('q', 100)}, $new), '100', 'new segments');
sql(q{SELECT cq.topic_publish('t', '1') FROM generate_series(1, 100); CALL cq.topic_maintain(); CALL cq.queue_maintain()}, $new);
sql(q{SET ROLE app; SELECT cq.queue_create('more'), cq.topic_create('more'), cq.namespace_create('more')}, $new);
sql('DROP OWNED BY app CASCADE', $new);
is(sql(q{SELECT (SELECT count(*) FROM cq.queue), (SELECT count(*) FROM cq.topic), (SELECT count(*) FROM pg_class WHERE relnamespace = 'cq'::regnamespace AND relname ~ '^[qt]\d+_')}, $new),
	'0|0|0', 'DROP OWNED takes all along');
sql('DROP EXTENSION cachequeue CASCADE', $new);
$new->stop;
done_testing();
