
# Watched tables that are written by other means than a client's statement: by
# the workers of logical replication, who fire row triggers only, and by sessions
# with session_replication_role = replica.

use strict;
use warnings;

use CqSession;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $publisher = PostgreSQL::Test::Cluster->new('publisher');
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
for my $node ($publisher, $subscriber)
{
	$node->init(allows_streaming => 'logical');
	$node->append_conf('postgresql.conf', "logical_decoding_work_mem = '64kB'\nmax_prepared_transactions = 10");
	$node->start;
	# leaves are written by way of their parents, and one table has no templates
	$node->safe_psql('postgres', <<'SQL');
CREATE TABLE account (id int PRIMARY KEY, balance int);
CREATE TABLE part (id int PRIMARY KEY, balance int) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10);
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (10) TO (2000);
CREATE TABLE whole (id int PRIMARY KEY, balance int);
SQL
}

sub publish { return $publisher->safe_psql('postgres', $_[0]); }
sub query { return $subscriber->safe_psql('postgres', $_[0]); }

publish(<<'SQL');
INSERT INTO account SELECT n, 100 FROM generate_series(1, 1000) AS n;
INSERT INTO part SELECT n, 100 FROM generate_series(1, 1000) AS n;
INSERT INTO whole SELECT n, 100 FROM generate_series(1, 1000) AS n;
CREATE PUBLICATION p FOR TABLE account, part, whole WITH (publish_via_partition_root);
SQL
query(<<'SQL');
CREATE EXTENSION cachequeue;
SELECT cq.cache_watch('account', ARRAY['account:{id}']);
SELECT cq.cache_watch('part', ARRAY['part:{id}']);
SELECT cq.cache_watch('whole');
-- the balance of a row, '-' if there is none, under the caller's snapshot
CREATE FUNCTION balance(name, int) RETURNS text STABLE LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT balance FROM %I WHERE id = $1', $1) INTO result USING $2;
	RETURN coalesce(result, '-');
END $$;
CREATE FUNCTION look(name, int) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(cq.cache_get($1 || $2), 'miss') || ' / ' || balance($1, $2) $$;
CREATE FUNCTION fill(name, int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF cq.cache_get($1 || $2) IS NULL THEN
		PERFORM cq.cache_set($1 || $2, balance($1, $2), tags => ARRAY[
			CASE $1 WHEN 'whole' THEN cq.cache_table_tag('whole') ELSE $1 || ':' || $2 END]);
	END IF;
	RETURN NULL;
END $$;
-- all three tables
CREATE FUNCTION look(int) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(look(t, $1), ', ' ORDER BY t) FROM unnest('{account,part,whole}'::name[]) AS t $$;
CREATE FUNCTION fill(VARIADIC int[]) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(fill(t, i)) FROM unnest('{account,part,whole}'::name[]) AS t, unnest($1) AS i $$;
CREATE FUNCTION total() RETURNS text LANGUAGE sql AS $$
	SELECT cq.cache_fetch('total', 'SELECT sum(balance) FROM account')::text $$;
-- compare or fill until account 0 arrives, each comparison in one statement
CREATE PROCEDURE compare(INOUT hits int = 0, INOUT misses int = 0, INOUT wrong int = 0) LANGUAGE plpgsql AS $$
DECLARE
	t name;
	i int;
	in_cache text;
	in_table text;
BEGIN
	WHILE NOT EXISTS (SELECT FROM account WHERE id = 0) LOOP
		t := ('{account,part,whole}'::name[])[1 + (hits + misses) % 3];
		i := 1 + random() * 8;
		SELECT cq.cache_get(t || i), balance(t, i) INTO in_cache, in_table;
		IF in_cache IS NULL THEN
			misses := misses + 1;
			COMMIT;
			PERFORM fill(t, i);
		ELSE
			hits := hits + 1;
			wrong := wrong + (in_cache <> in_table)::int;
		END IF;
		COMMIT;
		PERFORM pg_sleep(0.0005);	-- the changes need time, too
	END LOOP;
END $$;
SQL

# That there is no row can be cached, too.  Then the initial copy brings them.
query('SELECT fill(1, 500)');
is(query('SELECT look(1)'), join(', ', ('- / -') x 3), 'cached before the copy');
is(query('SELECT total()'), '', 'and a result');
query("CREATE SUBSCRIPTION s CONNECTION '" . $publisher->connstr . " dbname=postgres' PUBLICATION p WITH (streaming = on, two_phase = on)");
$subscriber->wait_for_subscription_sync($publisher, 's');
is(query("SELECT look($_)"), join(', ', ('miss / 100') x 3), "the initial copy invalidates, row $_") for 1, 500;
is(query('SELECT total()'), '100000', 'and the result');

sub applied
{
	publish($_[0]);
	$publisher->wait_for_catchup('s');
}

# What the publisher does to the row with id 1 of each table, and what is then
# seen of it and of its neighbour, which shares only the tag of table whole.
sub invalidates
{
	my ($what, $value, $sql) = @_;
	query('SELECT fill(1, 2)');
	is(query('SELECT look(2)'), join(', ', ('100 / 100') x 3), "filled before $what");
	applied(join ';', map { $sql =~ s/TABLE/$_/r } qw(account part whole));
	is(query('SELECT look(1)'), join(', ', ("miss / $value") x 3), "$what invalidates");
	is(query('SELECT look(2)'), '100 / 100, 100 / 100, miss / 100', 'and only that row');
}
invalidates('UPDATE', '150', 'UPDATE TABLE SET balance = 150 WHERE id = 1');
is(query('SELECT total()'), '100050', 'so does the result');
invalidates('DELETE', '-', 'DELETE FROM TABLE WHERE id = 1');
invalidates('INSERT', '7', 'INSERT INTO TABLE VALUES (1, 7)');
invalidates('an UPDATE of the key', '-', 'UPDATE TABLE SET id = 2001 - 1000 WHERE id = 1');
applied('UPDATE account SET id = 1 WHERE id = 1001; UPDATE part SET id = 1 WHERE id = 1001; UPDATE whole SET id = 1 WHERE id = 1001');

# two-phase commit reaches the subscriber as such
query('SELECT fill(1, 2)');
applied("BEGIN; UPDATE account SET balance = 8 WHERE id = 1; UPDATE part SET balance = 8 WHERE id = 1; UPDATE whole SET balance = 8 WHERE id = 1; PREPARE TRANSACTION 'p'");
is(query('SELECT count(*) FROM pg_prepared_xacts'), '1', 'prepared on the subscriber');
is(query('SELECT look(1)'), join(', ', ('7 / 7') x 3), 'the old value is still right');
applied("COMMIT PREPARED 'p'");
is(query('SELECT look(1)'), join(', ', ('miss / 8') x 3), 'COMMIT PREPARED invalidates');

# a transaction that is sent before it ends, in pieces; and one that is rolled back
for my $end ('COMMIT', 'ROLLBACK')
{
	query('SELECT fill(1, 500)');
	my $before = query('SELECT look(500)');
	my $in_pieces = publish('SELECT sum(stream_txns) FROM pg_stat_replication_slots');
	applied("BEGIN; UPDATE account SET balance = balance + 1 WHERE id < 900; SAVEPOINT s; UPDATE part SET balance = balance + 1 WHERE id < 900; UPDATE whole SET balance = balance + 1 WHERE id < 900; $end");
	my $after = query('SELECT look(500)');
	if ($end eq 'COMMIT')
	{
		is($after, join(', ', ('miss / 101') x 3), 'a large transaction invalidates');
		ok($publisher->poll_query_until('postgres', "SELECT sum(stream_txns) > $in_pieces FROM pg_stat_replication_slots"), 'that was sent in pieces');
	}
	else
	{
		is($after, $before, 'a rolled-back one does not');
	}
}

# ---- compared while changes arrive

my @readers = map { CqSession->new($subscriber, 'postgres', "SET synchronous_commit = off") } 1 .. 3;
my $writer = CqSession->new($publisher, 'postgres', "SET synchronous_commit = off");
$_->send('CALL compare()') for @readers;
$writer->send(<<'SQL');
DO $$
BEGIN
	FOR n IN 1 .. 1000 LOOP
		UPDATE account SET balance = balance + 1 WHERE id = 1 + n % 9;
		IF n % 20 = 0 THEN
			UPDATE part SET balance = balance + 1 WHERE id = 1 + n % 9;
			DELETE FROM whole WHERE id = 1 + n % 9;
		ELSIF n % 20 = 1 THEN
			INSERT INTO whole VALUES (n % 9, n) ON CONFLICT (id) DO UPDATE SET balance = n;
		END IF;
		IF n % 7 = 0 THEN ROLLBACK; ELSE COMMIT; END IF;
		PERFORM pg_sleep(0.001);
	END LOOP;
	INSERT INTO account VALUES (0, 0);
END $$
SQL
is($writer->wait, '', 'changes on the publisher');
my ($hits, $misses, $wrong) = (0, 0, 0);
for my $reader (@readers)
{
	my @n = split /\|/, $reader->wait;
	$hits += $n[0];
	$misses += $n[1];
	$wrong += $n[2];
}
note("$hits comparisons, $misses misses");
is($wrong, 0, 'no hit contradicts the table meanwhile');
cmp_ok($hits, '>', 500, 'there were hits');
cmp_ok($misses, '>', 100, 'and changes');
$_->quit for $writer, @readers;

# ---- TRUNCATE is no matter of snapshots

query('SELECT fill(2, 500), total()');
my $old = CqSession->new($subscriber, 'postgres', 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
applied('TRUNCATE account, part, whole');
is(query('SELECT look(500)'), join(', ', ('miss / -') x 3), 'TRUNCATE invalidates');
is($old->query('SELECT look(500)'), join(', ', ('miss / -') x 3), 'for older snapshots, too');
is(query('SELECT total()'), '', 'and results');
$old->quit;

# ---- a table that joins the publication later is copied beside the apply worker

query('DROP SUBSCRIPTION s');	# with two_phase it could not
query("CREATE SUBSCRIPTION s CONNECTION '" . $publisher->connstr . " dbname=postgres' PUBLICATION p WITH (copy_data = off)");

publish('CREATE TABLE late (id int PRIMARY KEY, balance int); INSERT INTO late VALUES (1, 100); ALTER PUBLICATION p ADD TABLE late');
query("CREATE TABLE late (id int PRIMARY KEY, balance int); SELECT cq.cache_watch('late', ARRAY['late:{id}']); SELECT fill('late', 1)");
is(query("SELECT look('late', 1)"), '- / -', 'no row, cached');
query('ALTER SUBSCRIPTION s REFRESH PUBLICATION');
$subscriber->wait_for_subscription_sync($publisher, 's');
is(query("SELECT look('late', 1)"), 'miss / 100', 'copied');
query('DROP SUBSCRIPTION s');

# ---- a session that acts as a replication worker

query("INSERT INTO $_ SELECT n, 100 FROM generate_series(1, 9) AS n") for qw(account part whole);
for my $case (
	[ 'UPDATE', '9', 'UPDATE TABLE SET balance = 9 WHERE id = 1' ],
	[ 'DELETE', '-', 'DELETE FROM TABLE WHERE id = 1' ],
	[ 'INSERT', '5', 'INSERT INTO TABLE VALUES (1, 5)' ],
	[ 'COPY', '6', "DELETE FROM TABLE WHERE id = 1;\nCOPY TABLE FROM STDIN;\n1\t6\n\\.\n" ],
	[ 'TRUNCATE', '-', 'TRUNCATE TABLE' ])
{
	my ($what, $value, $sql) = @$case;
	query('SELECT fill(1, 2)');
	query('SET session_replication_role = replica; ' . $sql =~ s/TABLE/$_/gr) for qw(account part whole);
	is(query('SELECT look(1)'), join(', ', ("miss / $value") x 3), "session_replication_role = replica: $what");
}

$_->stop for $subscriber, $publisher;
done_testing();
