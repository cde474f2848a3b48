
# Namespaces have rows in shared memory, for counters and quotas: 1023 of them.
# What is left over is counted together; rows that were given back are reused.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', 'max_prepared_transactions = 5');
$node->start;

sub query
{
	my ($database, $sql) = @_;
	return $node->safe_psql($database, $sql);
}

# How many of the database's namespaces are counted, with how many misses.
sub counted
{
	my ($database) = @_;
	return query($database, q{
		SELECT count(*), sum(misses_absent) FROM cq.stat_cache_namespaces
		WHERE misses_absent > 0 AND namespace <> 'default'});
}

sub create
{
	my ($database, $from, $to) = @_;
	query($database, "SELECT cq.namespace_create('n' || i) FROM generate_series($from, $to) AS i");
}

sub look
{
	my ($database, $from, $to) = @_;
	query($database, "SELECT cq.cache_get('k', 'n' || i) FROM generate_series($from, $to) AS i");
}

query('postgres', 'CREATE DATABASE a');
query('postgres', 'CREATE DATABASE b');
query($_, 'CREATE EXTENSION cachequeue') for qw(a b);

# none is used when it is created; a use that is rolled back leaves nothing
query('a', q{
	DO $$ BEGIN
		FOR i IN 1 .. 1100 LOOP
			PERFORM cq.namespace_create('t');
			PERFORM cq.cache_get('k', 't');
			ROLLBACK;
		END LOOP;
		FOR i IN 1 .. 1100 LOOP
			BEGIN
				PERFORM cq.namespace_create('s');
				PERFORM cq.cache_get('k', 's');
				RAISE EXCEPTION 'undo';
			EXCEPTION WHEN raise_exception THEN NULL;
			END;
		END LOOP;
	END $$});
create('a', 1, 1000);
look('a', 1, 1000);
is(counted('a'), '1000|1000', 'after roll-backs there are rows for all');

# those of another database go on; 1023 rows are all there are
query('b', 'SELECT cq.stat_reset()');
create('b', 1, 100);
look('b', 1, 100);
is(counted('a'), '0|', 'reset in all databases');
is(counted('b'), '23|23', 'the last rows are taken');
is(query('b', 'SELECT misses_absent FROM cq.stat_cache'), '100', 'the others count together');

# no count is lost among sessions that come and go, nor in more namespaces than
# a session has counters of its own for
my $script = PostgreSQL::Test::Utils::tempdir() . '/look.sql';
open(my $fh, '>', $script) or die "$script: $!\n";
print $fh "\\set i random(1, 20)\nSELECT cq.cache_get('k', 'n' || :i);\n";
close $fh;
query('a', 'SELECT cq.stat_reset()');
$node->command_ok([ 'pgbench', '-n', '-C', '-c', 4, '-t', 50, '-f', $script, 'a' ], 'sessions that come and go');
$node->command_ok([ 'pgbench', '-n', '-c', 4, '-t', 500, '-f', $script, 'a' ], 'sessions side by side');
is(counted('a'), '20|2200', 'each look-up was counted once');
query('b', 'SELECT cq.stat_reset()');
look('b', 1, 100);

# given back: dropped namespaces, at commit only
query('a', q{BEGIN; SELECT cq.namespace_drop('n' || i) FROM generate_series(1, 10) AS i; ROLLBACK});
look('b', 1, 100);
is(counted('b'), '23|46', 'a rolled-back drop gives nothing back');
query('a', q{SELECT cq.namespace_drop('n' || i) FROM generate_series(1, 10) AS i});
look('b', 1, 100);
is(counted('b'), '33|79', 'a drop does');
is(query('b', 'SELECT misses_absent FROM cq.stat_cache'), '300', 'no count is lost');

# a namespace that is dropped in a prepared transaction is gone all the same
query('b', q{BEGIN; SELECT cq.namespace_drop('n1'); PREPARE TRANSACTION 'p'});
query('b', q{COMMIT PREPARED 'p'});
is(query('b', q{SELECT count(*) FROM cq.namespace WHERE name = 'n1'}), '0', 'dropped by COMMIT PREPARED');
is(query('b', 'SELECT misses_absent FROM cq.stat_cache'), '300', 'its counts stay');

# given back: the extension's, the database's
query('b', 'DROP EXTENSION cachequeue CASCADE; CREATE EXTENSION cachequeue');
create('b', 1, 30);
look('b', 1, 30);
is(counted('b'), '30|30', 'DROP EXTENSION gives back its rows, the new ones start from zero');
query('postgres', 'DROP DATABASE a');
create('b', 31, 1000);
look('b', 1, 1000);
is(counted('b'), '1000|1030', 'DROP DATABASE gives back its rows');

$node->stop;
done_testing();
