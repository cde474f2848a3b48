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
deadlock_timeout = '100ms'
cachequeue.value_size_max = 10000
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
CREATE TABLE door (id int);
CREATE FUNCTION through_door(text) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT $1 FROM (SELECT count(*) FROM door) AS d $$;
CREATE FUNCTION fetch_large() RETURNS text LANGUAGE sql AS $$
	SELECT length(cq.cache_fetch('large', 'SELECT repeat(gate(name), 10000) FROM item WHERE id = 1')::text) $$;
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

# --- nobody waits for what cannot be kept

# Let so many callers run a statement while the gate is closed, so many of them run the
# query and the others wait for it.  Returns the results.
sub together
{
	my ($sql, $n, $at_gate) = @_;

	$gate->query('SELECT pg_advisory_lock(24)');
	$_->send($sql) for @callers[ 1 .. $n ];
	$node->poll_query_until('postgres', <<"SQL") or die "together: $sql";
SELECT (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted) = $at_gate
   AND (SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND wait_event_type = 'Extension') >= $n - $at_gate
SQL
	$gate->query('SELECT pg_advisory_unlock(24)');
	return join(' ', map { $_->wait } @callers[ 1 .. $n ]);
}

is(together('SELECT fetch_large()', 4, 1), '60002 60002 60002 60002', 'a result that is too large');
is(together('SELECT fetch_large()', 4, 4), '60002 60002 60002 60002', 'the next ones do not wait for each other');
$node->safe_psql('postgres', 'ALTER SYSTEM SET cachequeue.value_size_max = 1000000');
$node->reload;
until_setting('cachequeue.value_size_max', '1000000B');
is($callers[0]->query('SELECT fetch_large()'), '60002', 'now it fits');
$node->safe_psql('postgres', "UPDATE item SET name = 'long name' WHERE id = 1");
is(together('SELECT fetch_large()', 4, 1), '90002 90002 90002 90002', 'and one computes it');

# Wait until each session knows of a setting.
sub until_setting
{
	my ($name, $value) = @_;

	foreach my $session (@callers)
	{
		1 until $session->query("SHOW $name") eq $value;
	}
}

# A query that always fails; a cancelled one says nothing.
my $fails = q(SELECT cq.cache_fetch('fails', 'SELECT (gate(name) || 1 / (id - 1))::text FROM item WHERE id = 1'));
my @errors = together($fails, 3, 1) =~ /division by zero/g;
is(@errors, 3, 'a query that fails');
@errors = together($fails, 3, 3) =~ /division by zero/g;
is(@errors, 3, 'the next ones do not wait for each other');

# A writer that these snapshots do not see: what is stored is too new for them.
$node->safe_psql('postgres', "BEGIN; UPDATE item SET name = 'of p' WHERE id = 7; PREPARE TRANSACTION 'p'");
is(together('SELECT fetch_item(8)', 4, 4), join(' ', ('"name 8"') x 4), 'a writer that has marked and not ended');
$node->safe_psql('postgres', "COMMIT PREPARED 'p'");

# --- a deadlock: the loader waits for a lock of one that waits for the loader

sub blocked_on_door { return "SELECT count(*) = $_[0] FROM pg_locks WHERE relation = 'door'::regclass AND NOT granted"; }
my $fetch_door = q(SELECT cq.cache_fetch('door', 'SELECT through_door(name) FROM item WHERE id = 9'));
my $timeouts = counter('load_timeouts');
$callers[1]->query("BEGIN; LOCK TABLE door; SET LOCAL statement_timeout = '30s'");
$callers[2]->send($fetch_door);
$node->poll_query_until('postgres', blocked_on_door(1)) or die;
is($callers[1]->query($fetch_door), '"name 9"', 'the waiter computes it itself');
is(counter('load_timeouts') - $timeouts, 1, 'it has waited in vain');
$callers[1]->query('COMMIT');
is($callers[2]->wait, '"name 9"', 'the loader goes on');

# ... by way of two loaders: when nobody waits for a load any more it is a deadlock like
# any other, and PostgreSQL ends it
my $fetch_door2 = q(SELECT cq.cache_fetch('door', 'SELECT through_door(name) FROM item WHERE id = 10'));
$gate->query('BEGIN; SELECT pg_advisory_xact_lock(24)');
$callers[1]->query('BEGIN; LOCK TABLE door');
$callers[2]->send($fetch_door2);
$node->poll_query_until('postgres', blocked_on_door(1)) or die;
$callers[3]->send('SELECT fetch_item(11)');
await_callers(1, 0);
$callers[1]->send('SELECT fetch_item(11); ROLLBACK');
$gate->send("$fetch_door2; ROLLBACK");
my $both = join ' ', map { $_->wait } $callers[1], $gate;
is(() = $both =~ /deadlock detected/g, 1, 'a deadlock by way of two loads is detected');
like($both, qr/"name 1[01]"/, 'the other one goes on');
is(join(' ', map { $_->wait } @callers[ 2, 3 ]), '"name 10" "name 11"', 'and so do the loaders');

# --- a ttl does not count from the import of a snapshot

$node->safe_psql('postgres', 'CREATE TABLE rate (rate int); INSERT INTO rate VALUES (1)');
my $fetch_rate = q(SELECT cq.cache_fetch('rate', 'SELECT rate FROM rate', ttl => '1 h', stale_for => '1 h'));
my $name = $callers[1]->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_export_snapshot()');
$node->safe_psql('postgres', 'UPDATE rate SET rate = 2');
$callers[2]->query("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '$name'");
is($callers[2]->query("$fetch_rate; COMMIT"), '1', 'a session with an imported snapshot has an old result');
is($callers[3]->query($fetch_rate), '2', 'others are not given it, not as stale either');
is($callers[2]->query("BEGIN ISOLATION LEVEL REPEATABLE READ; $fetch_rate; COMMIT"), '2', 'its next transaction is like others');
$callers[1]->query('COMMIT');

# --- as long as the loader computes, the others wait

is($node->safe_psql('postgres', 'SHOW cachequeue.load_wait'), '-1', 'there is no limit to waiting by default');

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
