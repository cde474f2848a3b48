
# A cache with little memory: it is never exceeded, others are evicted, and
# what is served is whole.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "cachequeue.cache_memory = 1MB");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION cachequeue');

sub query { return $node->safe_psql('postgres', $_[0]); }

# A value that tells whether it is whole.
query(<<'SQL');
CREATE FUNCTION filled(n int) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT repeat(md5($1::text), 1 + $1 % 300) $$;
CREATE FUNCTION right_or_absent(n int) RETURNS boolean LANGUAGE sql AS $$
	SELECT coalesce(cq.cache_get('key ' || $1) = filled($1), true) $$;
SQL
is(query('SELECT arena_bytes <= 1048576 FROM cq.stat_cache'), 't', 'the arena is what was asked for');
for my $round (1 .. 3)
{
	query("DO \$\$ BEGIN FOR n IN 1 .. 3000 LOOP PERFORM cq.cache_set('key ' || n, filled(n)); COMMIT; END LOOP; END \$\$");
	is(query('SELECT used_bytes <= arena_bytes AND used_bytes > arena_bytes / 2 AND evictions > 0 FROM cq.stat_cache'), 't', "round $round: within the budget, and used");
	is(query("SELECT bool_and(right_or_absent(n)) FROM generate_series(1, 3000) AS n"), 't', "round $round: every value is whole");
	cmp_ok(query("SELECT count(*) FROM generate_series(1, 3000) AS n WHERE cq.cache_get('key ' || n) IS NOT NULL"), '>', 10, "round $round: some are there");
}

# More in one transaction than there is room for.
query("SELECT count(*) FROM generate_series(1, 3000) AS n WHERE cq.cache_set('key ' || n, filled(n))");
is(query('SELECT used_bytes <= arena_bytes FROM cq.stat_cache'), 't', 'one large transaction: within the budget');
is(query("SELECT bool_and(right_or_absent(n)) FROM generate_series(1, 3000) AS n"), 't', 'one large transaction: every value is whole');

# Several sessions at once, the budget looked at all the time.
my $script = $node->basedir . '/load.sql';
append_to_file($script, <<'SQL');
\set n random(1, 3000)
SELECT 1 / (CASE WHEN right_or_absent(:n) AND cq.cache_set('key ' || :n, filled(:n)) IS NOT NULL
	AND (SELECT used_bytes <= arena_bytes FROM cq.stat_cache) THEN 1 ELSE 0 END);
SQL
$node->command_ok([ 'pgbench', '-n', '-c', '4', '-t', '500', '-f', $script, $node->connstr('postgres') ], 'under load');

# Larger than all there is: not stored, and nothing else is lost for long.
is(query("SELECT cq.cache_set('small', 'v')"), 't', 'a small one');
my ($out, $err);
$node->psql('postgres', "SELECT cq.cache_set('huge', repeat('x', 1048576))", stdout => \$out, stderr => \$err);
is(query("SELECT coalesce(cq.cache_get('huge') = repeat('x', 1048576), true)"), 't', 'too large for the arena: whole or absent');
is(query('SELECT used_bytes <= arena_bytes FROM cq.stat_cache'), 't', 'and within the budget');
is(query("SELECT cq.cache_set('small', 'w'); SELECT cq.cache_get('small')"), "t\nw", 'and it goes on');

# A namespace with a quota keeps within it, and makes room in itself only.
query("SELECT cq.namespace_create('limited', memory_quota => 100000)");
query("SELECT cq.cache_clear()");
query("SELECT count(*) FROM generate_series(1, 100) AS n WHERE cq.cache_set('other ' || n, 'v')");
query("DO \$\$ BEGIN FOR n IN 1 .. 1000 LOOP PERFORM cq.cache_set('key ' || n, repeat('x', 1000), namespace => 'limited'); COMMIT; END LOOP; END \$\$");
is(query("SELECT bytes BETWEEN 50000 AND 100000 FROM cq.stat_cache_namespaces WHERE namespace = 'limited'"),
	't', 'a namespace keeps within its quota');
is(query("SELECT count(*) FROM generate_series(1, 100) AS n WHERE cq.cache_get('other ' || n) = 'v'"),
	'100', 'and others lose nothing to it');
query("SELECT cq.cache_set('big', repeat('x', 110000), namespace => 'limited')");
is(query("SELECT cq.cache_get('big', 'limited') IS NULL AND bytes > 0 FROM cq.stat_cache_namespaces WHERE namespace = 'limited'"),
	't', 'what is larger than the quota is not stored, and costs nothing else');
query("SELECT cq.namespace_alter('limited', NULL)");
query("DO \$\$ BEGIN FOR n IN 1 .. 300 LOOP PERFORM cq.cache_set('key ' || n, repeat('x', 1000), namespace => 'limited'); COMMIT; END LOOP; END \$\$");
is(query("SELECT bytes > 200000 FROM cq.stat_cache_namespaces WHERE namespace = 'limited'"), 't', 'without a quota it may have more');

$node->stop;
done_testing();
