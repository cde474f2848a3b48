# What DROP EXTENSION and topic_drop leave behind: nothing.

use strict;
use warnings;

use CqSession;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 'logical');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION cachequeue; CREATE TABLE mine (i int PRIMARY KEY)');

sub sql { return $node->safe_psql('postgres', shift) }

# ---- the cache

my $other = CqSession->new($node, 'postgres');
my $hits = q{SELECT concat_ws(' ', cq.cache_get('k'), cq.cache_get('l'), cq.cache_get('m'), cq.cache_get('k', 'web'))};
sql(q{SELECT cq.namespace_create('web');
	SELECT cq.cache_set('k', 'old'), cq.cache_set('k', 'old', namespace => 'web')});
is(sql($hits), 'old old', 'filled');
$other->query('BEGIN');
is($other->query(q{SELECT cq.cache_set('l', 'late')}), 't', 'set in an open transaction');
sql('DROP EXTENSION cachequeue CASCADE');
sql(q{CREATE EXTENSION cachequeue; SELECT cq.namespace_create('web')});
is(sql($hits), '', 'a new extension begins with an empty cache');
$other->query('COMMIT');
is(sql($hits), '', 'also what was set before, and is committed later, is not there');
is(sql(q{SELECT cq.cache_set('k', 'new'); SELECT cq.cache_get('k')}), "t\nnew", 'and works');

# both in one transaction, while others go on
my $both = CqSession->new($node, 'postgres');
$both->query('BEGIN');
$both->query('DROP EXTENSION cachequeue CASCADE');
$both->query('CREATE EXTENSION cachequeue');
is($other->query(q{SELECT cq.cache_set('m', 'meanwhile')}), 't', 'set while the new one is not committed');
$both->query('COMMIT');
sql(q{SELECT cq.namespace_create('web')});
is(sql($hits), '', 'is not there either');
is(sql(q{SELECT cq.cache_set('k', 'new'); SELECT cq.cache_get('k')}), "t\nnew", 'and works');
$_->quit for $other, $both;
is(sql(q{SELECT count(*) FROM pg_proc WHERE proname = '_cache_reset' AND has_function_privilege('public', oid, 'EXECUTE')}),
	'0', 'not for everybody');

# ---- publications

sub publications { return sql(q{SELECT string_agg(pubname, ' ' ORDER BY pubname) FROM pg_publication}) }

sql(q{SELECT cq.topic_create('a'), cq.topic_create('b');
	SELECT cq.topic_publication_create('a', 'pub A', tables => 4), cq.topic_publication_create('b', 'b', tables => 4);
	CREATE PUBLICATION all_tables FOR ALL TABLES;
	CREATE PUBLICATION schema_cq FOR TABLES IN SCHEMA cq;
	CREATE PUBLICATION nothing;
	CREATE PUBLICATION mine FOR TABLE mine});
sql(q{ALTER PUBLICATION mine ADD TABLE cq.t1_s0});
is(publications(), 'all_tables b b_limits mine nothing pub A pub A_limits schema_cq', 'publications');
isnt($node->psql('postgres', 'DROP SEQUENCE cq.t1_o1'), 0, 'none of it by hand');
$node->psql('postgres', q{BEGIN; SELECT cq.topic_drop('a'); ROLLBACK});
is(publications(), 'all_tables b b_limits mine nothing pub A pub A_limits schema_cq', 'a rollback keeps them');
sql(q{SELECT cq.topic_drop('a')});
is(publications(), 'all_tables b b_limits mine nothing schema_cq', 'they go with their topic');
sql(q{DROP PUBLICATION b_limits});
sql(q{CREATE PUBLICATION b_limits FOR TABLE cq.t2_c0, cq.t2_c1});
is(sql(q{SELECT count(*) FROM pg_depend WHERE classid = 'pg_publication'::regclass}), '1', 'one as if restored from a dump');

# a dump has no dependencies, and its topics are dropped as well
my $file = $node->basedir . '/dump';
sql('CREATE DATABASE copy');
sql('DROP PUBLICATION mine; DROP PUBLICATION all_tables; DROP PUBLICATION nothing; DROP PUBLICATION schema_cq');
$node->command_ok([ 'pg_dump', '-f', $file, $node->connstr('postgres') ], 'pg_dump');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('copy'), '-f', $file ], 'restore');
my $count = 'SELECT count(*) FROM pg_publication';
is($node->safe_psql('copy', $count), '2', 'restored');
is($node->safe_psql('copy', "SELECT cq.topic_drop('b'); $count"), "\n0", 'and dropped');

is(publications(), 'b b_limits', 'before');
sql(q{DROP PUBLICATION b_limits});
my ($status, $out, $err) = $node->psql('postgres', 'DROP EXTENSION cachequeue');
is($status, 3, 'topics keep the extension');
sql('DROP EXTENSION cachequeue CASCADE');
is(publications(), '', 'DROP EXTENSION takes publications along');
is(sql('SELECT count(*) FROM pg_depend WHERE classid = ' . "'pg_publication'::regclass"), '0', 'and their dependencies');

$node->stop;
done_testing();
