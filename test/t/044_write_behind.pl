# Write-behind: the worker writes in time and at shutdown; a killed server loses
# nothing in mode logged and only what was not written yet in mode memory; log,
# cache and table agree under load; a dump keeps what is pending.

use strict;
use warnings;

use CqSession;
use CqTest;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "log_min_messages = warning\n");
$node->start;

sub query { return $node->safe_psql('postgres', $_[0]); }
sub set { return query("SELECT cq.cache_set('$_[1]', '$_[2]', namespace => '$_[0]')"); }

query('CREATE EXTENSION cachequeue');
for my $mode (qw(logged memory))
{
	query("CREATE TABLE $mode (id text PRIMARY KEY, v text)");
	query("SELECT cq.namespace_create('$mode')");
	query("SELECT cq.cache_write_behind('$mode', '$mode', '$mode', value_column => 'v', delay => '200 ms')");
}

# by itself, within the delay
for my $mode (qw(logged memory))
{
	set($mode, 'a', 'one');
	ok($node->poll_query_until('postgres', "SELECT v = 'one' FROM $mode WHERE id = 'a'"), "$mode: the worker writes");
	is(query("SELECT pending || ' ' || written FROM cq.stat_write_behind WHERE namespace = '$mode'"), '0 1', "$mode: and counts");
	query("SELECT cq.cache_delete('a', '$mode')");
	ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM $mode"), "$mode: the worker deletes");
}

# an error that is no row's fault is shown, and ends
query('ALTER TABLE logged RENAME TO elsewhere; ALTER TABLE elsewhere RENAME v TO w');
set('logged', 'a', 'two');
set('memory', 'a', 'two');
ok($node->poll_query_until('postgres', "SELECT last_error ~ 'column \"v\"' AND pending = 1 FROM cq.stat_write_behind WHERE namespace = 'logged'"),
	'the error is shown');
ok($node->poll_query_until('postgres', "SELECT v = 'two' FROM memory WHERE id = 'a'"), 'another namespace goes on');
query('ALTER TABLE elsewhere RENAME w TO v; ALTER TABLE elsewhere RENAME TO logged');
ok($node->poll_query_until('postgres', "SELECT v = 'two' FROM logged WHERE id = 'a'"), 'it is written once that is possible');
is(query("SELECT last_error IS NULL FROM cq.stat_write_behind WHERE namespace = 'logged'"), 't', 'and the error is gone');

# Under load, with the worker writing all the time: after each commit a reader
# finds the value in the cache, in the log or in the table.
query("UPDATE cq.write_behind SET delay_ms = 0");
for my $mode (qw(logged memory))
{
	my $wrong = query(<<"SQL");
CREATE TEMP TABLE seen (wrong int);
DO \$\$
DECLARE
	wrong int := 0;
	seen text;
BEGIN
	FOR n IN 1 .. 1500 LOOP
		IF n % 7 = 0 THEN
			PERFORM cq.cache_delete('k', '$mode');
		ELSE
			PERFORM cq.cache_set('k', n::text, namespace => '$mode');
		END IF;
		COMMIT;
		IF n % 2 = 0 THEN
			PERFORM cq.cache_clear('$mode');
			COMMIT;
		END IF;
		SELECT CASE WHEN g.found THEN g.value ELSE (SELECT v FROM $mode WHERE id = 'k') END INTO seen
		FROM cq.cache_get_or_lease('k', '$mode') AS g;
		IF seen IS DISTINCT FROM (CASE WHEN n % 7 <> 0 THEN n::text END) THEN
			wrong := wrong + 1;
		END IF;
	END LOOP;
	INSERT INTO seen VALUES (wrong);
END \$\$;
SELECT wrong FROM seen;
SQL
	is($wrong, 0, "$mode: every read finds the last write");
	cmp_ok(query("SELECT written FROM cq.stat_write_behind WHERE namespace = '$mode'"), '>', 10, "$mode: the worker was at it");

	# many writers of few keys
	my $script = PostgreSQL::Test::Utils::tempdir() . "/$mode.sql";
	append_to_file($script, <<"SQL");
\\set a random(1, 12)
\\set b random(1, 12)
\\set d random(1, 5)
\\set v random(1, 1000000)
BEGIN;
SELECT cq.cache_set('k' || :a, :v::text, namespace => '$mode');
SELECT CASE WHEN :d = 1 THEN cq.cache_delete('k' || :b, '$mode')
	ELSE cq.cache_set('k' || :b, :v::text, namespace => '$mode') END;
COMMIT;
SQL
	$node->command_ok([ 'pgbench', '-n', '-c', '8', '-t', '400', '-f', $script, 'postgres' ], "$mode: load");
	query("SELECT cq.cache_flush('$mode')");
	is( query("SELECT count(*) FROM generate_series(1, 12) AS n
		WHERE cq.cache_get('k' || n, '$mode') IS DISTINCT FROM (SELECT v FROM $mode WHERE id = 'k' || n)"),
		0, "$mode: cache and table agree on who was last");
	is(query("SELECT failed FROM cq.stat_write_behind WHERE namespace = '$mode'"), 0, "$mode: nothing has failed");
}

# Two commits of one key, the first held up between its log row and its end:
# without the lock on the key the second would overtake it, and log and cache
# disagree on who was last.
if (has_faults($node))
{
	query("UPDATE cq.write_behind SET delay_ms = 3600000");
	for my $fault ('', 'no-key-lock')
	{
		my $gate = CqSession->new($node, 'postgres', 'SELECT pg_advisory_lock(4711)');
		my @writers = map { CqSession->new($node, 'postgres', "SET cachequeue.fault = '$fault'") } 1 .. 2;

		$writers[0]->query("SET cachequeue.pause = 'write-behind-commit'");
		$writers[0]->send("SELECT cq.cache_set('order', 'first', namespace => 'logged')");
		$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_locks WHERE NOT granted") or die 'it does not happen';
		$writers[1]->send("SELECT cq.cache_set('order', 'second', namespace => 'logged')");
		if ($fault) { $writers[1]->wait }
		else { $node->poll_query_until('postgres', "SELECT count(*) = 2 FROM pg_locks WHERE NOT granted") }
		$gate->query('SELECT pg_advisory_unlock(4711)');
		$_->wait for $fault ? $writers[0] : @writers;
		query("SELECT cq.cache_flush('logged')");
		is(query("SELECT cq.cache_get('order', 'logged') = v FROM logged WHERE id = 'order'"), $fault ? 'f' : 't',
			$fault ? 'order: a test would notice' : 'order: as the commits');
		$_->quit for $gate, @writers;
	}
}

# A clean restart loses nothing.  At shutdown the worker writes what is pending.
query("UPDATE cq.write_behind SET delay_ms = 3600000");
set($_, 'shutdown', 'written') for qw(logged memory);
is(query("SELECT count(*) FROM $_ WHERE id = 'shutdown'"), 0, "$_: not due yet") for qw(logged memory);
$node->restart;
is(query("SELECT v FROM $_ WHERE id = 'shutdown'"), 'written', "$_: written at shutdown") for qw(logged memory);

# Nor when the table cannot be written then.
query("ALTER TABLE $_ RENAME v TO w") for qw(logged memory);
set($_, 'restart', 'kept') for qw(logged memory);
$node->restart;
is(query("SELECT cq.cache_get('restart', '$_')"), 'kept', "$_: found after a restart") for qw(logged memory);
query("ALTER TABLE $_ RENAME w TO v") for qw(logged memory);

# A crash: of what was acknowledged logged loses nothing.
sub acknowledged
{
	my ($mode, $delay_ms) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir() . "/writer_$mode.sql";
	my (@out, @writers, %last);

	query("UPDATE cq.write_behind SET delay_ms = $delay_ms");
	for my $w (1 .. 3)
	{
		append_to_file("$file$w", join '', map {
			my $key = "w$w " . $_ % 5;
			"SELECT CASE WHEN cq.cache_set('$key', '$_', namespace => '$mode') THEN '$key=$_' END;\n"
		} 1 .. 200000);
		push @writers, IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', "$file$w" ],
			'<', \undef, '>', \$out[$w], '2>', '/dev/null');
	}
	ok($node->poll_query_until('postgres', "SELECT written > 20 FROM cq.stat_write_behind WHERE namespace = '$mode'"), "$mode: load runs");
	for (1 .. 600)
	{
		$_->pump_nb for @writers;
		last if !grep { ($_ // '') !~ /=1000\n/ } @out[ 1 .. 3 ];
		select(undef, undef, undef, 0.1);
	}
	kill_server($node);
	$_->finish for @writers;
	for (@out[ 1 .. 3 ])
	{
		$last{$1} = $2 while /^(.*)=(\d+)$/mg;
	}
	return %last;
}

query("SELECT cq.cache_flush()");
my %last = acknowledged('logged', 50);
is(scalar keys %last, 15, 'writers were acknowledged');
my %now = map { split /=/ } split /\n/, query("SELECT id || '=' || coalesce(cq.cache_get(id, 'logged'), (SELECT v FROM logged WHERE logged.id = k.id))
	FROM (SELECT 'w' || w || ' ' || n AS id FROM generate_series(1, 3) AS w, generate_series(0, 4) AS n) AS k");
my @lost = grep { $now{$_} < $last{$_} } sort keys %last;
is("@lost", '', 'logged: no acknowledged write is lost by a kill -9');
ok($node->poll_query_until('postgres', 'SELECT sum(pending) = 0 FROM cq.stat_write_behind'), 'what was pending is written after the crash');
%now = map { split /=/ } split /\n/, query("SELECT id || '=' || v FROM logged WHERE id ~ '^w'");
@lost = grep { $now{$_} < $last{$_} } sort keys %last;
is("@lost", '', 'and is in the table');

# memory loses what was not written, and only that
query("UPDATE cq.write_behind SET delay_ms = 3600000");
set('memory', 'flushed', 'one');
query("SELECT cq.cache_flush('memory')");
set('memory', 'flushed', 'two');
set('memory', 'unflushed', 'one');
kill_server($node);
is(query("SELECT cq.cache_get('flushed', 'memory') IS NULL AND cq.cache_get('unflushed', 'memory') IS NULL"), 't', 'memory: pending sets are lost by a crash');
is(query("SELECT string_agg(id || ' ' || v, ', ') FROM memory WHERE id ~ 'flushed'"), 'flushed one', 'memory: what was written is not');
set('memory', 'flushed', 'three');
query("SELECT cq.cache_flush('memory')");
is(query("SELECT v FROM memory WHERE id = 'flushed'"), 'three', 'memory: goes on after a crash');
%last = acknowledged('memory', 50);
%now = map { split /=/ } split /\n/, query("SELECT id || '=' || v FROM memory WHERE id ~ '^w'");
my @behind = grep { $now{$_} > $last{$_} + 5 } sort keys %now;
is("@behind", '', 'memory: nothing but what was set');
query("SELECT cq.cache_flush()");

# everything is published: the log must have a replica identity
query("UPDATE cq.write_behind SET delay_ms = 3600000");
query("CREATE PUBLICATION everything FOR ALL TABLES");
set('logged', 'published', 'one');
is(query("SELECT cq.cache_flush('logged')"), 1, 'a publication of all tables is no obstacle');
query("DROP PUBLICATION everything");

# a dump keeps the rules, what is pending in mode logged, and the dead letters
query("ALTER TABLE logged ADD CHECK (v <> 'bad')");
set('logged', 'dead', 'bad');
query("SELECT cq.cache_flush('logged')");
set('logged', 'dumped', 'pending');
query('CREATE DATABASE copy');
$node->command_ok([ 'sh', '-c', 'pg_dump -d "$0" | psql -X -q -v ON_ERROR_STOP=1 -d "$1"', $node->connstr('postgres'), $node->connstr('copy') ],
	'dump and restore');
is($node->safe_psql('copy', "SELECT cq.cache_get('dumped', 'logged')"), 'pending', 'the copy finds what is pending');
is($node->safe_psql('copy', "SELECT cq.cache_flush('logged')"), 1, 'and flushes it');
is($node->safe_psql('copy', "SELECT v FROM logged WHERE id = 'dumped'"), 'pending', 'into its table');
is($node->safe_psql('copy', "SELECT key FROM cq.cache_dead_letters"), 'dead', 'dead letters are kept');

$node->stop;
done_testing();
