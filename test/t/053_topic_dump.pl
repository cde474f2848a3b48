# Dump and restore of topics: records, offsets of groups, options, privileges.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nstatement_timeout = '60s'\ncachequeue.segment_rows = 30\n");
$node->start;

my $db = 'postgres';
sub sql { return $node->safe_psql($db, $_[0]); }

sub state
{
	return sql(q{SELECT name, partitions, retain, retain_bytes, compact, tombstone_retain, carrier FROM cq.topic ORDER BY name})
	  . "\n" . sql(q{SELECT t.name, g.name, g.kind, g.assignment, g.session_timeout, g.carrier FROM cq.topic_group AS g JOIN cq.topic AS t USING (topic_id) ORDER BY 1, 2})
	  . "\n" . sql(q{SELECT kind, object, topic, role, privileges FROM cq.privileges ORDER BY 1, 2, 3, 4})
	  . "\n" . sql(q{SELECT * FROM cq.topic_read('log', 0, 0, 10000)})
	  . "\n" . sql(q{SELECT * FROM cq.topic_read('log', 1, 0, 10000)})
	  . "\n" . sql(q{SELECT DISTINCT ON (key) * FROM cq.topic_read('compact', 0, 0, 10000) ORDER BY key, record_offset DESC})
	  . "\n" . sql(q{SELECT topic, group_name, partition, committed FROM cq.stat_groups ORDER BY 1, 2, 3});
}

sql('CREATE EXTENSION cachequeue');
sql(q{CREATE ROLE reader; GRANT USAGE ON SCHEMA cq TO reader});
sql(q{SELECT cq.topic_create('log', 2, retain => '3 days'), cq.topic_create('compact', retain => NULL, compact => true)});
sql(q{SELECT cq.topic_grant('log', 'reader', 'consume'), cq.topic_grant('log', 'public', 'publish')});
for (1 .. 3)
{
	sql(q{SELECT count(cq.topic_publish('log', to_jsonb(i), 'k' || i, '{"h": 1}', i % 2)) FROM generate_series(1, 60) AS i});
	sql(q{SELECT count(cq.topic_publish('compact', to_jsonb(i), 'k' || i % 7)) FROM generate_series(1, 40) AS i});
	sql('CALL cq.topic_maintain()');
}
sql(q{SELECT cq.topic_publish('compact', NULL, 'k3')});
sql(q{BEGIN; SELECT count(cq.topic_publish('log', '1', partition => 0)) FROM generate_series(1, 10); ROLLBACK});
sql(q{SELECT cq.group_create('log', 'g', assignment => 'range', session_timeout => '1 h'), cq.group_create('log', 'late', start => '80'),
	cq.group_create('log', 'sought')});
sql(q{SELECT cq.group_join('log', 'g', 'm')});
sql(q{SELECT * FROM cq.topic_poll('log', 'g', 'm', 50, auto_commit => true)});
sql(q{SELECT cq.topic_seek('log', 'sought', '70'), cq.group_grant('log', 'g', 'reader', 'consume')});
sql(q{SELECT cq.topic_seek('log', 'sought', '5')});
sql(q{SELECT cq.group_create('compact', 'workers', kind => 'shared')});
$node->poll_query_until('postgres', q{SELECT sum(lag) = 0 FROM cq.stat_groups WHERE group_name = 'workers'}) or die 'it does not happen';
my $work = sql(q{SELECT count(*) FROM cq.queue_peek('compact.workers', 1000)});
sql(q{SELECT count(*) FROM cq.queue_take('compact.workers', 5)});
my $before = state();
my $end = sql(q{SELECT max(end_offset) FROM cq.stat_topics WHERE topic = 'log'});

for my $format ('plain', 'custom')
{
	my $dump = $node->basedir . "/dump.$format";

	$db = 'postgres';
	$node->command_ok([ 'pg_dump', "--format=$format", '-f', $dump, $node->connstr('postgres') ], "dump ($format)");
	$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS copy');
	$node->safe_psql('postgres', 'CREATE DATABASE copy');
	$node->command_ok($format eq 'plain'
		? [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('copy') ]
		: [ 'pg_restore', '--exit-on-error', '-d', $node->connstr('copy'), $dump ], "restore ($format)");
	$db = 'copy';
	is(state(), $before, "all is as it was ($format)");
	is(sql("SELECT count(*) FROM cq.stat_group_members"), '0', 'but for the members');
	is(sql("SELECT cq.group_join('log', 'g', 'n') > 0"), 't', 'who join again');
	is(sql("SELECT count(*) FROM cq.topic_poll('log', 'g', 'n', 10000)"), 180 - 50, 'and go on where they were');
	cmp_ok(sql("SELECT record_offset FROM cq.topic_publish('log', '\"new\"', partition => 0)"), '>=', $end, 'offsets go on');
	is(sql("SELECT body FROM cq.topic_poll('log', 'g', 'n', 10000)"), '"new"', 'new ones are read');
	sql('CALL cq.topic_maintain()');
	is(sql("SELECT count(*) FROM cq.queue_peek('compact.workers', 1000)"), $work - 5, 'the queue of a shared group is as it was: nothing fed again');
	is(sql("SET ROLE reader; SELECT count(*) FROM cq.topic_read('log', 0, 0, 10)"), '10', 'privileges are there');
	sql("SELECT cq.topic_create('more'), cq.group_create('more', 'g')");
	is(sql("SELECT record_offset FROM cq.topic_publish('more', '1')"), '0', 'new topics can be created');
	for (1 .. 3)
	{
		sql(q{SELECT count(cq.topic_publish('compact', to_jsonb(i), 'k' || i % 7)) FROM generate_series(1, 40) AS i});
		sql('CALL cq.topic_maintain()');
	}
	is(sql(q{SELECT count(DISTINCT key) FROM cq.topic_read('compact', 0, 0, 10000)}), '7', 'and compacted topics are compacted');
	is(sql(q{SELECT count(*) FROM cq.topic_read('log', 1, 0, 10000)}), '90', 'while the others are not');
}
$db = 'postgres';
is(state(), $before, 'the original is as it was');

$node->stop;
done_testing();
