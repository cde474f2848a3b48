# Read-through under pressure: many who miss one key, a loader that dies, and
# that the load lease is what keeps the others from computing.
use strict;
use warnings;

use CqSession;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', <<'EOC');
autovacuum = off
max_connections = 40
cachequeue.load_wait = '60s'
EOC
$node->start;

# The query waits for the gate, a lock that session $gate holds.
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION cachequeue;
CREATE TABLE item (id int PRIMARY KEY, name text);
INSERT INTO item SELECT i, 'name ' || i FROM generate_series(1, 100) AS i;
SELECT cq.cache_watch('item');
CREATE FUNCTION gate(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_lock_shared(24), pg_advisory_unlock_shared(24);
	RETURN $1;
END $$;
CREATE FUNCTION fetch_item(int) RETURNS jsonb LANGUAGE sql AS $$
	SELECT cq.cache_fetch('item', 'SELECT gate(name) FROM item WHERE id = $1', ARRAY[$1::text]) $$;
SQL

my $gate = CqSession->new($node, 'postgres');
my @callers = map { CqSession->new($node, 'postgres') } 1 .. 12;

sub counter
{
	my ($name) = @_;
	return $node->safe_psql('postgres', "SELECT $name FROM cq.stat_cache");
}

# Wait until so many sessions are at the gate, and so many wait for a load.
sub await_callers
{
	my ($at_gate, $waiting) = @_;
	$node->poll_query_until('postgres', <<"SQL") or die "callers: $at_gate, $waiting";
SELECT (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted) = $at_gate
   AND (SELECT count(*) FROM pg_stat_activity
        WHERE query LIKE '%fetch_item%' AND state = 'active' AND wait_event_type = 'Extension') = $waiting
SQL
}

# --- many callers, one load

my $loads = counter('loads');
$gate->query('SELECT pg_advisory_lock(24)');
$_->send('SELECT fetch_item(1)') for @callers;
await_callers(1, 11);
$gate->query('SELECT pg_advisory_unlock(24)');
is(join(' ', map { $_->wait } @callers), join(' ', ('"name 1"') x 12), 'all get the result');
is(counter('loads') - $loads, 1, 'one has computed it');

# --- the loader's backend is terminated: one of the others takes over

$loads = counter('loads');
$gate->query('SELECT pg_advisory_lock(24)');
$callers[0]->send('SELECT fetch_item(2)');
await_callers(1, 0);
$_->send('SELECT fetch_item(2)') for @callers[ 1 .. 5 ];
await_callers(1, 5);
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
await_callers(1, 4);
$gate->query('SELECT pg_advisory_unlock(24)');
is(join(' ', map { $_->wait } @callers[ 1 .. 5 ]), join(' ', ('"name 2"') x 5), 'the others get the result');
is(counter('loads') - $loads, 1, 'one of them has computed it');
(shift @callers)->quit;

# --- an error in a savepoint ends the lease while the transaction goes on

$callers[0]->query('BEGIN; SAVEPOINT s');
like($callers[0]->query(q(SELECT cq.cache_fetch('bad', 'SELECT 1 / (id - 1) FROM item WHERE id = 1'))),
	qr/division by zero/, 'a load fails');
$callers[0]->query('ROLLBACK TO s');
like($callers[1]->query(q(SELECT cq.cache_fetch('bad', 'SELECT 1 / (id - 1) FROM item WHERE id = 1'))),
	qr/division by zero/, 'and nobody waits for it');
$callers[0]->query('ROLLBACK');

# --- a wait can be cancelled

$gate->query('SELECT pg_advisory_lock(24)');
$callers[0]->send('SELECT fetch_item(3)');
await_callers(1, 0);
$callers[1]->query("SET statement_timeout = '20ms'");
like($callers[1]->query('SELECT fetch_item(3)'), qr/statement timeout/, 'a waiter is interrupted');
$callers[1]->query("RESET statement_timeout");
$gate->query('SELECT pg_advisory_unlock(24)');
is($callers[0]->wait, '"name 3"', 'the loader is not concerned');
is($callers[1]->query('SELECT fetch_item(3)'), '"name 3"', 'and it can wait again');

# --- read-only sessions and hot standbys

$callers[0]->query('SET default_transaction_read_only = on');
$loads = counter('loads');
is($callers[0]->query('SELECT fetch_item(4)'), '"name 4"', 'a read-only session loads');
is($callers[1]->query('SELECT fetch_item(4)'), '"name 4"', 'for others, too');
is(counter('loads') - $loads, 1, 'once');

$node->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'b', has_streaming => 1);
$standby->start;
my @readers = map { CqSession->new($standby, 'postgres') } 1 .. 3;
$_->send('SELECT fetch_item(5)') for @readers;
is(join(' ', map { $_->wait } @readers), join(' ', ('"name 5"') x 3), 'a standby reads through');
$_->quit for @readers;
$standby->stop;

# --- without the lease there are two loaders

SKIP:
{
	skip 'not a debug build', 1
	  if $node->safe_psql('postgres', "SELECT count(*) FROM pg_settings WHERE name = 'cachequeue.fault'") == 0;

	$gate->query('SELECT pg_advisory_lock(24)');
	$_->query("SET cachequeue.fault = 'no-load-lease'") for @callers[ 1, 2 ];
	$_->send('SELECT fetch_item(6)') for @callers[ 1, 2 ];
	await_callers(2, 0);
	$gate->query('SELECT pg_advisory_unlock(24)');
	is(join(' ', map { $_->wait } @callers[ 1, 2 ]), '"name 6" "name 6"', 'two have computed it');
}

$_->quit for $gate, @callers;
$node->stop;
done_testing();
