
# Databases side by side: the same keys, tags, namespaces, tables with the same
# OIDs (copied from a template), databases that are dropped and created again.

use strict;
use warnings;

use CqSession;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;

# The same statement in several databases; '{db}' is the name of each.
sub each_db
{
	my ($sql, @databases) = @_;
	return join ' ; ', map { $node->safe_psql($_, $sql =~ s/\{db\}/$_/gr) } @databases;
}

$node->safe_psql('postgres', 'CREATE DATABASE red');
$node->safe_psql('red', <<'SQL');
CREATE EXTENSION cachequeue;
CREATE TABLE account (id int PRIMARY KEY, balance text);
INSERT INTO account VALUES (1, 'red'), (2, 'red');
SELECT cq.cache_watch('account', ARRAY['account:{id}']), cq.namespace_create('web');
CREATE FUNCTION fill(int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF cq.cache_get('account:' || $1) IS NULL THEN
		PERFORM cq.cache_set('account:' || $1, (SELECT balance FROM account WHERE id = $1), tags => ARRAY['account:' || $1]);
	END IF;
	PERFORM cq.cache_fetch('result', 'SELECT balance FROM account WHERE id = $1', ARRAY[$1::text]);
	PERFORM cq.cache_fetch('all', 'SELECT string_agg(balance, '','' ORDER BY id) FROM account');
	PERFORM cq.cache_set('plain', current_database()::text), cq.cache_set('plain', 'web of ' || current_database(), namespace => 'web');
END $$;
-- what the cache has, without running a query: row, results, plain entries
CREATE FUNCTION hits() RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', cq.cache_get('account:1'), cq.cache_get('plain'), cq.cache_get('plain', 'web')) $$;
CREATE FUNCTION loads(int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before bigint := (SELECT loads FROM cq.stat_cache);
	result text;
BEGIN
	result := cq.cache_fetch('result', 'SELECT balance FROM account WHERE id = $1', ARRAY[$1::text])::text
		|| ' ' || cq.cache_fetch('all', 'SELECT string_agg(balance, '','' ORDER BY id) FROM account')::text;
	RETURN result || ', ' || (SELECT loads FROM cq.stat_cache) - before || ' loads';
END $$;
SQL
$node->safe_psql('red', 'SELECT fill(1)');
is($node->safe_psql('red', 'SELECT hits()'), 'red red web of red', 'filled');

# ---- a copy has the same OIDs of tables and the same numbers of namespaces

$node->safe_psql('postgres', 'CREATE DATABASE blue TEMPLATE red');
is(each_db("SELECT 'account'::regclass::oid", 'red'), each_db("SELECT 'account'::regclass::oid", 'blue'), 'the same OIDs');
is($node->safe_psql('blue', 'SELECT hits()'), '', 'a copied database begins with an empty cache');
like($node->safe_psql('blue', 'SELECT loads(1)'), qr/, 2 loads$/, 'without results');
$node->safe_psql('blue', "SELECT cq.cache_get('account:1'); UPDATE account SET balance = 'blue'; SELECT fill(1)");
is(each_db('SELECT hits()', 'red', 'blue'), 'red red web of red ; blue blue web of blue', 'each has its own entries');
is(each_db('SELECT loads(1)', 'red', 'blue'), '"red" "red,red", 0 loads ; "blue" "blue,blue", 0 loads', 'and results');

# changes, tags, keys and namespaces of one are nothing to the other
$node->safe_psql('blue', "UPDATE account SET balance = 'new' WHERE id = 1; SELECT cq.cache_delete('plain'), cq.cache_clear('web')");
is(each_db('SELECT hits()', 'red', 'blue'), 'red red web of red ; ', 'changed, deleted, cleared in one only');
is(each_db('SELECT loads(1)', 'red', 'blue'), '"red" "red,red", 0 loads ; "new" "new,blue", 2 loads', 'results, too');
for my $sql ("SELECT cq.cache_invalidate('account:1')", 'ALTER TABLE account ADD COLUMN c int', 'TRUNCATE account', 'DROP TABLE account', 'DROP EXTENSION cachequeue CASCADE')
{
	$node->safe_psql('blue', 'SELECT fill(1)') if $sql !~ /^DROP/;
	$node->safe_psql('blue', $sql);
	is($node->safe_psql('red', 'SELECT hits()'), 'red red web of red', "no trace of: $sql");
}
like($node->safe_psql('red', 'SELECT loads(1)'), qr/ 0 loads$/, 'nor in results');

# a lease is a number of the server; what it is used for is judged where it is used
my $lease = $node->safe_psql('red', "SELECT lease FROM cq.cache_get_or_lease('account:2')");
$node->safe_psql('red', "UPDATE account SET balance = 'later' WHERE id = 2");
is($node->safe_psql('red', "SELECT cq.cache_set('account:2', 'red', tags => '{account:2}', lease => $lease)"), 'f', 'a change in its database refuses a set');

# ---- the extension is dropped and created again: namespaces get the same numbers

$node->safe_psql('red', 'DROP EXTENSION cachequeue CASCADE');
$node->safe_psql('red', "UPDATE account SET balance = 'unmarked'");
$node->safe_psql('red', 'CREATE EXTENSION cachequeue');
$node->safe_psql('red', "SELECT cq.namespace_create('secret')");
is($node->safe_psql('red', "SELECT cq.cache_get('account:1')"), '', 'nothing dependent from before');
is($node->safe_psql('red', "SELECT cq.cache_get('plain', 'secret')"), '', 'nor of another namespace');
is($node->safe_psql('red', "BEGIN; SELECT cq.namespace_create('n'); SELECT cq.cache_set('k', 'v', namespace => 'n'); COMMIT; SELECT cq.cache_get('k', 'n')"),
	"\nt\nv", 'a new namespace can be used at once');
$node->safe_psql('red', "SELECT cq.cache_watch('account', ARRAY['account:{id}']), cq.namespace_create('web')");

# ---- dropped and created again, by name, then even with its OID

$node->safe_psql('red', 'SELECT fill(1)');
is($node->safe_psql('red', 'SELECT hits()'), 'unmarked red web of red', 'filled again');
my $oid = $node->safe_psql('postgres', "SELECT oid FROM pg_database WHERE datname = 'red'");
$node->safe_psql('postgres', 'CREATE DATABASE kept TEMPLATE red');
$node->safe_psql('kept', "UPDATE account SET balance = 'kept'");
for my $with ('', "OID $oid")
{
	$node->safe_psql('postgres', 'DROP DATABASE red');
	$node->safe_psql('postgres', "CREATE DATABASE red TEMPLATE kept $with");
	is($node->safe_psql('red', 'SELECT hits()'), '', "nothing of a dropped database $with");
	is($node->safe_psql('red', 'SELECT loads(1)'), '"kept" "kept,kept", 2 loads', 'nor results');
	$node->safe_psql('red', 'SELECT fill(1)');
	is($node->safe_psql('red', 'SELECT hits()'), 'kept red web of red', 'and it can be used');
}

$node->stop;
done_testing();
