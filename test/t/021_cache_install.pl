
# Without the library preloaded; dump and restore; two databases; drop and
# create again.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql($_, 'CREATE EXTENSION cachequeue') for 'postgres', 'other';

sub query { return $node->safe_psql('postgres', $_[0]); }

# SQLSTATE, message and hint of a statement that fails.
sub failure
{
	my ($sql, $dbname) = @_;
	my ($out, $err) = ('', '');
	$node->psql($dbname // 'postgres', $sql, stdout => \$out, stderr => \$err, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	return $err;
}

# Tags, keys and counters of one database are nothing to another.
$node->safe_psql($_, <<SQL) for 'postgres', 'other';
SELECT cq.cache_set('key', current_database()), cq.cache_incr('counter');
BEGIN;
SELECT cq.cache_get('tagged');
SELECT cq.cache_set('tagged', current_database(), tags => '{a tag}');
COMMIT;
SQL
is($node->safe_psql($_, "SELECT cq.cache_get('key'), cq.cache_get('counter'), cq.cache_get('tagged')"), "$_|1|$_", "entries of $_")
  for 'postgres', 'other';
query("SELECT cq.cache_invalidate('a tag')");
query("SELECT cq.cache_delete('key')");
is($node->safe_psql('other', "SELECT cq.cache_get('key'), cq.cache_get('tagged')"), 'other|other', 'invalidated in one database only');
is(query("SELECT cq.cache_get('key'), cq.cache_get('tagged')"), '|', 'there it is');

# Dump and restore keep watching.
query(<<'SQL');
CREATE TABLE item (id int, "it's" text);
INSERT INTO item VALUES (1, 'a');
SELECT cq.cache_watch('item', ARRAY['item:{id}', 'name:{it''s}', E'odd "\\\n']);
SELECT cq.namespace_create('people');
CREATE TABLE person (id int PRIMARY KEY, "it's" text);
SELECT cq.cache_watch('person', NULL, '{"key": "person:{id}", "namespace": "people", "ttl": "1 day", "columns": ["id", "it''s"]}');
CREATE TABLE root (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE a_leaf PARTITION OF root FOR VALUES FROM (0) TO (10);
CREATE TABLE z_leaf PARTITION OF root FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (id);
CREATE TABLE a_z_leaf PARTITION OF z_leaf FOR VALUES FROM (10) TO (20);
CREATE TABLE parent (id int);
CREATE TABLE child () INHERITS (parent);
SELECT cq.cache_watch('root', ARRAY['row:{id}'], '{"key": "root:{id}"}');
SELECT cq.cache_watch('parent', ARRAY['id:{id}']);
CREATE TABLE late (id int) INHERITS (parent);
SQL
# a row whose table is gone is left out of a dump
query(q(INSERT INTO cq.watch VALUES ('4294967295', '{}')));
is(query("SELECT count(*) FROM cq.cache_watches WHERE target::oid = 4294967295"), '0', 'nor does the view show it');
# who may do nothing but own tables restores them, too
query("CREATE ROLE plain LOGIN; SELECT cq.namespace_grant('default', 'plain', 'write')");
query('GRANT CREATE ON SCHEMA public TO plain; ALTER TABLE root OWNER TO plain; ALTER TABLE a_leaf OWNER TO plain');
my $triggers = "SELECT tgrelid::regclass, tgname, tgenabled, tgnargs, tgargs FROM pg_trigger WHERE tgname ~ 'cachequeue' ORDER BY tgrelid::regclass::text, tgname";
my $before = query($triggers);
my $watches = query('SELECT target, tags, write_through, enabled FROM cq.cache_watches ORDER BY target::text');
for my $format ('plain', 'custom')
{
	my $file = $node->basedir . "/dump.$format";
	my $copy = "copy_$format";
	query("CREATE DATABASE $copy");
	$node->command_ok([ 'pg_dump', '-F', $format, '-f', $file, $node->connstr('postgres') ], "pg_dump, $format");
	$node->command_ok(
		$format eq 'plain'
		? [ 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($copy), '-f', $file ]
		: [ 'pg_restore', '--exit-on-error', '-d', $node->connstr($copy), $file ],
		"restore, $format");
	is($node->safe_psql($copy, $triggers), $before, "the same triggers, $format");
	is($node->safe_psql($copy, 'SELECT target, tags, write_through, enabled FROM cq.cache_watches ORDER BY target::text'), $watches, "the same watches, $format");
	is($node->safe_psql($copy, 'SELECT count(*) FROM cq.watch WHERE target::oid = 4294967295'), '0', "none without a table, $format");
	$node->safe_psql($copy, "BEGIN; SELECT cq.cache_get(k), cq.cache_set(k, 'v', tags => ARRAY[k]) FROM unnest(ARRAY['item:1', 'row:15', 'id:3', 'else']) AS k; COMMIT");
	$node->safe_psql($copy, "UPDATE item SET id = 2; INSERT INTO root VALUES (15); INSERT INTO late VALUES (3)");
	is($node->safe_psql($copy, "SELECT k FROM unnest(ARRAY['item:1', 'row:15', 'id:3', 'else']) AS k WHERE cq.cache_get(k) IS NOT NULL"), 'else', "still watching, $format");
	$node->safe_psql($copy, "INSERT INTO person VALUES (1, 'a')");
	is($node->safe_psql($copy, "SELECT cq.cache_get_jsonb('person:1', 'people'), cq.cache_get_jsonb('root:15')"), q({"id": 1, "it's": "a"}|{"id": 15}), "still writing through, $format");
}
# data only, triggers disabled meanwhile
$node->command_ok([ 'pg_restore', '--data-only', '--disable-triggers', '-t', 'item', '-d', $node->connstr('copy_custom'), $node->basedir . '/dump.custom' ], 'restore data only');
is($node->safe_psql('copy_custom', $triggers), $before, 'the triggers fire always again');

# A dump of 1.0 has the triggers, with arguments, and no rows.
$node->safe_psql('copy_plain', "DELETE FROM cq.watch WHERE target = 'item'::regclass");
like(failure('INSERT INTO item VALUES (7)', 'copy_plain'), qr/ERROR:  42501: .*HINT:  .*cq\.cache_watch.*cq\.cache_unwatch/s, 'a trigger without a watch is an error');
$node->safe_psql('copy_plain', "SELECT cq.cache_watch('item', ARRAY['item:{id}']); INSERT INTO item VALUES (7)");
is($node->safe_psql('copy_plain', "SELECT tags, enabled FROM cq.cache_watches WHERE target = 'item'::regclass"), '{"item:{id}"}|t', 'watching again mends it');
$node->safe_psql('copy_plain', "DELETE FROM cq.watch WHERE target = 'item'::regclass; SELECT cq.cache_unwatch('item'); INSERT INTO item VALUES (8)");
pass('and so does unwatching');

# The extension goes, and comes again.
query('DROP EXTENSION cachequeue CASCADE');
is(query("SELECT count(*) FROM pg_trigger WHERE tgname ~ 'cachequeue'"), '0', 'no triggers without the extension');
query("UPDATE item SET id = 3");
query('CREATE EXTENSION cachequeue');
is(query("SELECT count(*) FROM cq.cache_watches"), '0', 'nothing is watched');
is(query('SELECT count(*) FROM cq.watch'), '0', 'not even by a row');
is(query("SELECT cq.cache_set('key', 'again'); SELECT cq.cache_get('key')"), "t\nagain", 'and it works');
query("SELECT cq.cache_watch('item', ARRAY['item:{id}'])");

# Not preloaded.
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
query('SET session_replication_role = replica; CREATE TABLE unwatched (id int); INSERT INTO unwatched VALUES (1)');
pass('a table that is not watched can be written');
for my $command (
	'UPDATE item SET id = 4', 'UPDATE item SET id = 4 WHERE false', 'INSERT INTO item VALUES (5)',
	'DELETE FROM item', 'TRUNCATE item', 'SET session_replication_role = replica; INSERT INTO item VALUES (5)')
{
	like(failure($command), qr/ERROR:  55000: cachequeue is not preloaded.*HINT:  .*shared_preload_libraries/s, "not a watched one: $command");
}
query("ALTER TABLE item ADD COLUMN c int");
query("CREATE TABLE another (id int); DROP TABLE another");
pass('the catalogs can be changed');
query('BEGIN; DROP TABLE item; COMMIT');
is(query('SELECT count(*) FROM cq.watch'), '0', 'DROP TABLE takes the watch along');
query('CREATE TABLE item (id int)');
query('CREATE DATABASE fresh');
$node->safe_psql('fresh', 'CREATE EXTENSION cachequeue');
pass('CREATE EXTENSION works');
for my $call (
	"cq.cache_get('k')", "cq.cache_get_bytea('k')", "cq.cache_get_jsonb('k')", "cq.cache_get_or_lease('k')",
	"cq.cache_set('k', 'v'::text)", "cq.cache_delete('k')", "cq.cache_touch('k', '1 s')", "cq.cache_ttl('k')",
	"cq.cache_version('k')", "cq.cache_incr('k')", "cq.cache_invalidate('t')", "cq.cache_watch('item')",
	"cq.cache_unwatch('item')", "cq.cache_fetch('k', 'SELECT 1')", "cq.cache_get_many('{k}')", "cq.cache_set_many('{k}', '{v}')")
{
	my $error = failure("SELECT $call");
	like($error, qr/ERROR:  55000: cachequeue is not preloaded.*HINT:  .*shared_preload_libraries/s, "$call says that it is not preloaded");
}
like(failure('SELECT * FROM cq.stat_cache'), qr/55000.*HINT/s, 'so does the view');
query('DROP EXTENSION cachequeue CASCADE');
pass('DROP EXTENSION works');

$node->stop;
done_testing();
