
# cachequeue.verify_sample finds a stale hit, tells, and repairs it.  The stale
# entry comes from a writer that leaves no marks (setting cachequeue.fault of a
# debug build).

use strict;
use warnings;

use CqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;

if (!has_faults($node))
{
	$node->stop;
	plan skip_all => 'not a debug build';
}

$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION cachequeue;
CREATE TABLE account (id int PRIMARY KEY, balance int);
INSERT INTO account SELECT i, 100 FROM generate_series(1, 10) AS i;
SELECT cq.cache_watch('account');
SELECT cq.namespace_create('bank');
SQL

my $fetch = q{SELECT cq.cache_fetch('sum', 'SELECT sum(balance) FROM account', namespace => 'bank')};
my $rows = q{SELECT count(*), sum(balance) FROM cq.cache_query('SELECT id, balance FROM account')
	AS t (id int, balance int)};

# Under the setting; several statements are one transaction each.
sub query
{
	my ($sample, $sql) = @_;
	return $node->safe_psql('postgres', "SET cachequeue.verify_sample = $sample; $sql");
}

sub counts
{
	return $node->safe_psql('postgres', 'SELECT verified, verify_mismatches FROM cq.stat_cache');
}

sub write_unmarked
{
	my ($sql) = @_;
	$node->safe_psql('postgres', "SET cachequeue.fault = 'no-mark'; $sql");
}

is(query(0, $fetch), 1000, 'cache_fetch: computed');
is(query(0, $rows), '10|1000', 'cache_query: computed');
write_unmarked('UPDATE account SET balance = 200 WHERE id = 1');
is(query(0, $fetch), 1000, 'cache_fetch: a stale hit');
is(query(0, $rows), '10|1000', 'cache_query: a stale hit');
is(counts(), '0|0', 'nothing was verified');

my $log_start = -s $node->logfile;
is(query(1, $fetch), 1100, 'cache_fetch: verified, the value of the query');
is(counts(), '1|1', 'counted');
is(query(1, $rows), '10|1100', 'cache_query: verified, the rows of the query');
is(counts(), '2|2', 'counted');
my $log = slurp_file($node->logfile, $log_start);
like($log, qr/LOG:  a cached result differs from its query/, 'logged');
like($log, qr/in namespace "bank"/, 'with the namespace');
like($log, qr/in namespace "default"/, 'of each');
unlike($log, qr/DETAIL:[^\n]*balance/, 'and no data');

is(query(0, $fetch), 1100, 'cache_fetch: the entry is repaired');
is(query(0, $rows), '10|1100', 'cache_query: the entry is repaired');
is(query(1, "$fetch; $fetch"), "1100\n1100", 'no more differences');
is(counts(), '4|2', 'none counted');

# the number of rows; NULL.  After a difference the next call caches anew.
for my $case (
	[ 'fewer rows', $rows, 'DELETE FROM account WHERE id > 2', '2|300' ],
	[ 'more rows', $rows, 'INSERT INTO account VALUES (3, 300), (4, NULL)', '4|600' ],
	[ 'another of the same', $rows, 'UPDATE account SET id = 5 WHERE id = 3', '4|600' ],
	[ 'a value became NULL', $fetch, 'DELETE FROM account', '' ],
	[ 'NULL became a value', $fetch, 'INSERT INTO account VALUES (1, 7)', '7' ])
{
	my ($name, $query, $change, $expected) = @$case;
	my ($verified, $mismatches) = split /\|/, counts();
	my $before = query(0, $query);

	write_unmarked($change);
	is(query(0, $query), $before, "$name: the stale value");
	is(query(1, $query), $expected, "$name: what the query returns");
	is(counts(), join('|', $verified + 1, $mismatches + 1),
		"$name: counted");
	query(0, $query);
}

# what this transaction has stored and not yet published
write_unmarked('UPDATE account SET balance = 2');
is(query(1, "BEGIN; SELECT txid_current() > 0; $fetch; $fetch; COMMIT"), "t\n2\n2",
	'in a transaction with an id');

$node->stop;
done_testing();
