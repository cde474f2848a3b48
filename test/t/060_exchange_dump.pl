# Exchanges: dump and restore; crash; a standby.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1);
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION cachequeue;
CREATE ROLE publisher;
SELECT cq.queue_create('q'), cq.queue_create(E'it''s "a"\n\\queue');
SELECT cq.topic_create('events');
SELECT cq.exchange_create('first', 'topic'), cq.exchange_create('second', 'headers'), cq.exchange_create('third', 'fanout');
-- the alternate has the larger number
SELECT cq.exchange_alter('first', 'third');
SELECT cq.exchange_bind('first', 'exchange', 'second', 'a.#'), cq.exchange_bind('first', 'queue', E'it''s "a"\n\\queue', E'\\.\t.*'),
	cq.exchange_bind('second', 'queue', 'q', headers => '{"a": [1, null]}', match => 'any'), cq.exchange_bind('third', 'topic', 'events');
SELECT cq.exchange_grant('first', 'publisher', 'publish');
SQL

my $bindings = 'SELECT * FROM cq.exchange_bindings ORDER BY exchange, target_kind, target';
my $routes = q{
SELECT k, r.* FROM unnest(ARRAY['a.b', E'\\.\t.x', 'z']) AS k, cq.exchange_route('first', k, '{"a": [1, null]}') AS r ORDER BY 1, 2, 3;
SELECT role, privileges FROM cq.privileges WHERE kind = 'exchange' AND role <> current_user};
my @before = map { $node->safe_psql('postgres', $_) } $bindings, $routes;
like($before[1], qr/a\.b\|queue\|q\n.*z\|topic\|events\npublisher\|publish/s, 'routes');

for my $format ('plain', 'custom')
{
	my $file = $node->basedir . "/dump.$format";
	my $copy = "copy_$format";

	$node->safe_psql('postgres', "CREATE DATABASE $copy");
	$node->command_ok([ 'pg_dump', '-F', $format, '-f', $file, $node->connstr('postgres') ], "pg_dump, $format");
	$node->command_ok(
		$format eq 'plain'
		? [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($copy), '-f', $file ]
		: [ 'pg_restore', '--exit-on-error', '-d', $node->connstr($copy), $file ],
		"restore, $format");
	is_deeply([ map { $node->safe_psql($copy, $_) } $bindings, $routes ], \@before, "bindings and routes, $format");
	is($node->safe_psql($copy, "SELECT cq.exchange_publish('first', 'a', '1', '{\"a\": [1, null]}'); SELECT headers ->> 'cq_exchange' FROM cq.queue_take('q')"),
		"1\nfirst", "publishing, $format");
	is($node->safe_psql($copy, "SELECT cq.exchange_create('new', 'direct'); SELECT cq.exchange_bind('new', 'queue', 'q')"), "\nt", "numbers go on, $format");
	is($node->safe_psql($copy, "SELECT cq.queue_drop('q'); SELECT count(*) FROM cq.exchange_bindings WHERE target = 'q'"), "\n0",
		"a queue takes its bindings along, $format");
}

# After a crash, and on a standby that follows.
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
$node->stop('immediate');
$node->start;
is_deeply([ map { $node->safe_psql('postgres', $_) } $bindings, $routes ], \@before, 'after a crash');
is_deeply([ map { $standby->safe_psql('postgres', $_) } $bindings, $routes ], \@before, 'on a standby');
my ($status, $out, $error) = $standby->psql('postgres', "\\set VERBOSITY sqlstate\nSELECT cq.exchange_publish('first', 'a', '1')");
like($error, qr/25006/, 'which does not publish');
$node->safe_psql('postgres', "SELECT cq.exchange_alter('first', NULL)");
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', "SELECT count(*) FROM cq.exchange_route('first', 'z')"), '0', 'and learns of changes');
$standby->stop;

# Not preloaded.
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
for my $call ("cq.exchange_publish('first', 'a', '1')", "cq.exchange_route('first', 'a')", "cq.exchange_create('x', 'direct')",
	"cq.exchange_bind('first', 'queue', 'q')", "cq.exchange_drop('first')", "cq.exchange_grant('first', 'public', 'all')")
{
	($status, $out, $error) = $node->psql('postgres', "\\set VERBOSITY sqlstate\nSELECT $call");
	like($error, qr/55000/, "$call says that it is not preloaded");
}
$node->stop;
done_testing();
