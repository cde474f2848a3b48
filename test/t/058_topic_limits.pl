# Topics at their limits: memory that is used up makes readers wait longer, and skip
# nothing; offsets survive the change from one table to the other, and a restart.

use strict;
use warnings;

use CqSession;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'EOC');
cachequeue.topic_memory = 256kB
cachequeue.max_topics = 3
max_prepared_transactions = 5
EOC
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION cachequeue');

sub query { return $node->safe_psql('postgres', $_[0]); }

sub error
{
	my ($result, $out, $err) = $node->psql('postgres', $_[0], extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
	return $err =~ /ERROR:\s*(\S+)/ ? $1 : 'none';
}

# ---- memory

query("SELECT cq.topic_create('wide', partitions => 600)");
query("SELECT cq.group_create('wide', 'g')");
is(error("SELECT cq.group_create('wide', 'h')"), '53400', 'no memory for another group');
is(query("SELECT count(*) FROM cq.topic_group"), 1, 'of which nothing remains');
is(error("SELECT cq.topic_alter('wide', partitions => 1024)"), '53400', 'nor for more partitions');
is(query("SELECT count(*) FROM cq.stat_topics WHERE topic = 'wide'"), 600, 'the topic is as it was');

# more transactions in partitions than there are cells
my @publishers = map { CqSession->new($node, 'postgres') } 1 .. 2;
$_->query("BEGIN; SELECT count(*) FROM generate_series(0, 599) p, cq.topic_publish('wide', to_jsonb(p), partition => p)") for @publishers;
query("SELECT count(*) FROM generate_series(0, 599) p, cq.topic_publish('wide', '\"behind\"', partition => p)");
query("SELECT cq.group_join('wide', 'g', 'm')") if error("SELECT cq.group_join('wide', 'g', 'm')") eq 'none';
is(query('SELECT count(*) FROM generate_series(0, 599) p, cq.topic_read(\'wide\', p)'), 0, 'nothing is read before they have ended');
is($publishers[1]->query('ROLLBACK'), '', 'one is rolled back');
is($publishers[0]->query('COMMIT'), '', 'one commits');
is(query('SELECT count(*), count(DISTINCT partition) FROM generate_series(0, 599) p, cq.topic_read(\'wide\', p)'), '1200|600', 'then all of it');
is(query("SELECT sum(open_transactions) FROM cq.stat_topics WHERE topic = 'wide'"), 0, 'none is counted as open');
query("SELECT cq.topic_drop('wide')");

# one prepared transaction in many partitions does not hide the end of another
query("SELECT cq.topic_create('wide', partitions => 100)");
query("BEGIN; SELECT count(*) FROM generate_series(0, 98) p, cq.topic_publish('wide', to_jsonb(p), partition => p); PREPARE TRANSACTION 'many'");
query("BEGIN; SELECT cq.topic_publish('wide', '99', partition => 99); PREPARE TRANSACTION 'one'");
query("COMMIT PREPARED 'one'");
is(query("SELECT body FROM cq.topic_read('wide', 99)"), '99', 'what the other one has published is read');
is(query("SELECT count(*) FROM cq.topic_read('wide', 0)"), 0, 'and not what is prepared');
query("COMMIT PREPARED 'many'");
is(query("SELECT count(*) FROM generate_series(0, 99) p, cq.topic_read('wide', p)"), 100, 'until it is committed');
query("SELECT cq.topic_drop('wide')");

# ---- rows

query('SELECT cq.topic_create(name) FROM unnest(ARRAY[\'a\', \'b\', \'c\']) AS name');
is(error("SELECT cq.topic_create('d')"), '53400', 'one topic too many');
query("SELECT cq.topic_drop('c')");
query("SELECT cq.topic_create('d')");
is(error("SELECT cq.topic_publish('d', '1')"), 'none', 'in the place of one that was dropped');

# ---- the tables of offsets

my $id = query("SELECT topic_id FROM cq.topic WHERE name = 'a'");
query("SELECT cq.group_create('a', 'idle', start => '7'); SELECT cq.group_join('a', 'g', 'm')");
query("SELECT count(*) FROM cq.topic_publish_many('a', array_fill('1'::jsonb, ARRAY[10500]))");
query('DO $$ BEGIN FOR i IN 1..10300 LOOP PERFORM cq.topic_poll(\'a\', \'g\', \'m\', 1, auto_commit => true); COMMIT; END LOOP; END $$');
ok($node->poll_query_until('postgres', "SELECT pg_relation_size('cq.t${id}_c0') = 0 AND pg_relation_size('cq.t${id}_c1') > 0"),
	'the first table was left and emptied');
is(query("SELECT string_agg(group_name || ' ' || committed, ', ' ORDER BY group_name) FROM cq.stat_groups WHERE topic = 'a'"),
	'g 10300, idle 7', 'offsets');
$node->restart;
is(query("SELECT string_agg(group_name || ' ' || committed, ', ' ORDER BY group_name) FROM cq.stat_groups WHERE topic = 'a'"),
	'g 10300, idle 7', 'offsets after a restart');
query("SELECT cq.group_join('a', 'g', 'm')");
is(query("SELECT count(*), min(record_offset) FROM cq.topic_poll('a', 'g', 'm', 1000)"), '200|10300', 'the group goes on');
is(query("SELECT sum(n_tup_upd + n_tup_del) FROM pg_stat_user_tables WHERE relname ~ '^t\\d+_[sc]\\d'"), 0, 'without a dead row');

$_->quit for @publishers;
$node->stop;
done_testing();
