
# The cache over a clean restart: what is kept, and when it is thrown away.

use strict;
use warnings;

use CqSession;
use CqTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', 'autovacuum = off');
$node->start;
$node->safe_psql('postgres', ACCOUNTS . <<'SQL');
INSERT INTO account SELECT n, 100 FROM generate_series(1, 9) AS n;
CREATE OR REPLACE FUNCTION fill(int) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF cq.cache_get('account:' || $1) IS NOT NULL THEN
		RETURN true;
	END IF;
	RETURN cq.cache_set('account:' || $1, (SELECT balance::text FROM account WHERE id = $1),
						tags => ARRAY['account:' || $1]);
END $$;
SELECT cq.namespace_create('limited', memory_quota => 65536);
SQL

my $file = $node->data_dir . '/pg_stat/cachequeue.cache';

sub query { return $node->safe_psql('postgres', $_[0]); }
sub plain { return query("SELECT cq.cache_get('plain')"); }

# Start the server; what it has logged meanwhile.
sub start
{
	my $from = -s $node->logfile;
	$node->start;
	return slurp_file($node->logfile, $from);
}

# Fill, stop, do something to the stopped server, start: it must not have kept
# anything, and say why.
sub discards
{
	my ($reason, $name, $between) = @_;

	query("SELECT cq.cache_set('plain', 'kept'), fill(1)");
	$node->stop;
	ok(-f $file, "$name: saved");
	$between->();
	my $log = start();
	if (defined $reason)
	{
		like($log, qr/cachequeue: saved cache discarded: $reason/, "$name: says why");
	}
	unlike($log, qr/saved cache loaded/, "$name: not loaded");
	ok(!-e $file, "$name: the file is gone");
	is(plain(), '', "$name: no plain entry");
	like(query('SELECT look(1)'), qr/^miss/, "$name: no dependent entry");
	is(query('SELECT fill(1)'), 't', "$name: stored again");
}

sub put_file
{
	my ($bytes) = @_;

	open(my $fh, '>:raw', $file) or die $!;
	print $fh $bytes;
	close $fh;
}

sub change_file
{
	my ($change) = @_;
	my $bytes = slurp_file($file);

	$change->($bytes);
	put_file($bytes);
}

# Kept.
query("SELECT cq.cache_set('plain', 'kept'); SELECT cq.cache_incr('n', 41)");
query("SELECT cq.cache_set('soon', 'v', ttl => '20 ms', condition => 'absent')");
query("SELECT cq.cache_set('later', 'v', ttl => '1 h')");
query("SELECT cq.cache_set('limited ' || n, repeat('x', 1000), namespace => 'limited') FROM generate_series(1, 100) AS n");
query("SELECT cq.cache_set('cleared', 'v', namespace => 'limited'); SELECT cq.cache_clear('limited'); SELECT cq.cache_set('after', 'v', namespace => 'limited')");
query('SELECT fill(n) FROM generate_series(1, 9) AS n');
query("UPDATE account SET balance = 101 WHERE id = 2");
is(query("SELECT cq.cache_fetch('results', 'SELECT sum(balance) FROM account', ttl => '1 h', stale_for => '1 h')"), '901', 'a result');
my $version = query("SELECT cq.cache_version('plain')");
my $lease = query("SELECT lease FROM cq.cache_get_or_lease('account:absent')");
query("BEGIN; UPDATE account SET balance = 150 WHERE id = 3; PREPARE TRANSACTION 'p'");
query("BEGIN; UPDATE account SET balance = 150 WHERE id = 4; PREPARE TRANSACTION 'q'");
my $open = CqSession->new($node, 'postgres');
$open->query("BEGIN; UPDATE account SET balance = 160 WHERE id = 5");
$open->query("SELECT lease FROM cq.cache_get_or_lease('account:5')");
$node->stop('fast');
$open->quit;
ok(-f $file, 'saved');
is((stat $file)[2] & 07777, 0600, 'nobody else may read it');
like(slurp_file($node->logfile), qr/cachequeue: cache saved: \d+ entries in \d+ ms/, 'logged');
my $log = start();
like($log, qr/cachequeue: saved cache loaded: \d+ entries in \d+ ms/, 'loaded');
ok(!-e $file, 'the file is gone');
is(plain(), 'kept', 'a plain entry');
is(query("SELECT cq.cache_incr('n')"), '42', 'a counter');
is(query("SELECT cq.cache_version('plain') = $version"), 't', 'its version');
is(query("SELECT cq.cache_set('plain', 'kept', version => $version)"), 't', 'compare and set');
is(query("SELECT cq.cache_version('plain') > $version"), 't', 'later versions are higher');
is(query("SELECT cq.cache_get('soon')"), '', 'a time to live goes on');
is(query("SELECT cq.cache_ttl('later') BETWEEN '50 min' AND '1 h'"), 't', 'another one');
is(query("SELECT look(1)"), '100 / 100', 'a dependent entry');
is(query("SELECT look(2)"), 'miss / 101', 'not one that was invalidated');
is(query("SELECT cq.cache_get('cleared', 'limited')"), '', 'not one that was cleared');
is(query("SELECT cq.cache_get('after', 'limited')"), 'v', 'one that came after it');
is(query("SELECT entries > 0 AND bytes BETWEEN 1 AND 65536 FROM cq.stat_cache_namespaces WHERE namespace = 'limited'"), 't', 'entries of a namespace');
query("SELECT cq.cache_set('more ' || n, repeat('x', 1000), namespace => 'limited') FROM generate_series(1, 200) AS n");
is(query("SELECT bytes BETWEEN 40000 AND 65536 FROM cq.stat_cache_namespaces WHERE namespace = 'limited'"), 't', 'and its quota');
query("SELECT cq.cache_set('after', 'v', namespace => 'limited')");
is(query("SELECT cq.cache_fetch('results', 'SELECT sum(balance) FROM account', ttl => '1 h', stale_for => '1 h')"), '901', 'the result');
is(query("SELECT sum(hits) > 0 FROM cq.stat_cache"), 't', 'hits are counted');
is(query("SELECT cq.cache_set('account:absent', 'x', lease => $lease)"), 'f', 'a lease from before is refused');
query('UPDATE account SET balance = 170 WHERE id = 1');
is(query('SELECT look(1)'), 'miss / 170', 'invalidated');
is(query('SELECT fill(1); SELECT look(1)'), "t\n170 / 170", 'and stored again');
like(query('SELECT look(5)'), qr{^(?:100|miss) / 100$}, 'what was rolled back by the shutdown');

# Transactions that were prepared before.
is(query('SELECT look(3)'), '100 / 100', 'prepared before the restart: the old value is right');
my $old = CqSession->new($node, 'postgres', 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
query("COMMIT PREPARED 'p'");
is(query('SELECT look(3)'), 'miss / 150', 'committed after it');
is($old->query('SELECT look(3)'), '100 / 100', 'an older snapshot is still right');
is(query('SELECT fill(3); SELECT look(3)'), "t\n150 / 150", 'stored anew');
is($old->query('SELECT look(3)'), 'miss / 100', 'and that is not for the older snapshot');
$old->query('COMMIT');
is($old->query('SELECT look(3)'), '150 / 150', 'but for the next one');
$old->quit;
query("ROLLBACK PREPARED 'q'");
like(query('SELECT look(4)'), qr{^(?:100|miss) / 100$}, 'rolled back after it');

# Once more: what was loaded is saved again.
$node->restart;
is(plain(), 'kept', 'after another restart');
is(query('SELECT look(1)'), '170 / 170', 'and a dependent entry');
is(query("SELECT cq.cache_ttl('later') BETWEEN '50 min' AND '1 h'"), 't', 'and a time to live');
is(query("SELECT cq.cache_get('after', 'limited')"), 'v', 'and a namespace');

# Thrown away.
my $record = sub {
	my ($name, $between) = @_;
	discards('the server has run since', $name, $between);
};
$record->('run without the library', sub {
	$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
	$node->start;
	query('CREATE TABLE IF NOT EXISTS other (); INSERT INTO other DEFAULT VALUES');
	$node->stop;
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'cachequeue'");
});
$record->('single-user mode', sub {
	run_log([ 'sh', '-c', 'echo "INSERT INTO other DEFAULT VALUES" | postgres --single -D "$0" postgres', $node->data_dir ])
	  or die;
});
$record->('an older copy of the file', sub {
	my $copy = slurp_file($file);
	$node->start;
	query('UPDATE account SET balance = balance + 1');
	$node->stop;
	put_file($copy);
});
$record->('a crash after it was saved', sub {
	my $copy = slurp_file($file);
	$node->start;
	$node->stop('immediate');
	ok(!-e $file, 'nothing is saved by an immediate shutdown');
	put_file($copy);
});
discards('it is damaged', 'cut off', sub { change_file(sub { substr($_[0], -10) = '' }) });
discards('it is damaged', 'cut off early', sub { change_file(sub { $_[0] = substr($_[0], 0, 5000) }) });
discards('it is damaged', 'empty', sub { change_file(sub { $_[0] = '' }) });
discards('it is damaged', 'too long', sub { change_file(sub { $_[0] .= 'x' }) });
discards('it is damaged', 'a bit is wrong', sub { change_file(sub { vec($_[0], length($_[0]) * 8 - 99999, 1) ^= 1 }) });
discards('it is damaged', 'rubbish behind the header', sub { change_file(sub { substr($_[0], 400, 100000) = "\xff" x 100000 }) });
discards('it is of another version', 'a foreign file', sub { change_file(sub { $_[0] = 'rubbish' x 1000 }) });
discards('cachequeue.cache_memory or', 'another cache_memory', sub { $node->append_conf('postgresql.conf', 'cachequeue.cache_memory = 32MB') });
discards('cachequeue.cache_memory or', 'another dependency_slots', sub { $node->append_conf('postgresql.conf', 'cachequeue.dependency_slots = 10000') });
discards('cachequeue.warm_restart is off', 'switched off', sub { $node->append_conf('postgresql.conf', 'cachequeue.warm_restart = off') });
query("SELECT cq.cache_set('plain', 'v')");
$node->stop;
ok(!-e $file, 'nothing is saved when it is off');
$node->append_conf('postgresql.conf', 'cachequeue.warm_restart = on');
start();
is(plain(), '', 'nor kept');

# The header: program 40 bytes, sizes 32, system identifier 8, checkpoint 32, the
# monotonic clock and the system time, 8 each; the last 4 bytes are the checksum.
use constant { SYSTEM => 72, CLOCK => 112, WALL => 120 };

sub change_number
{
	my ($offset, $by) = @_;
	change_file(sub { substr($_[0], $offset, 8) = pack('q', unpack('q', substr($_[0], $offset, 8)) + $by) });
}

sub crc32c
{
	my ($bytes) = @_;
	my $crc = 0xffffffff;
	my @table = map
	{
		my $c = $_;
		$c = $c & 1 ? ($c >> 1) ^ 0x82f63b78 : $c >> 1 for 1 .. 8;
		$c;
	} 0 .. 255;

	$crc = ($crc >> 8) ^ $table[($crc ^ $_) & 255] for unpack('C*', $bytes);
	return $crc ^ 0xffffffff;
}

discards('it is of another server', 'of another server', sub { change_number(SYSTEM, 1) });
discards('the system time has been set back', 'from the future', sub { change_number(WALL, 100000) });
discards('it is too old', 'from long ago', sub { change_number(WALL, -400 * 86400000) });

# As if half an hour had passed, while the monotonic clock went on from where it
# was, as it does when the machine was off.
$node->append_conf('postgresql.conf', "cachequeue.cache_memory = 1MB\ncachequeue.dependency_slots = 1024");
$node->restart;
query("SELECT cq.cache_set('plain', 'kept'), cq.cache_set('hour', 'v', ttl => '1 h'), cq.cache_set('minutes', 'v', ttl => '25 min')");
my $fetch = "SELECT cq.cache_fetch('results', 'SELECT count(*) FROM account WHERE balance > 0', ttl => '20 min', stale_for => '1 h')";
query($fetch);
$node->stop;
change_number(WALL, -1800000);
change_file(sub { substr($_[0], -4) = pack('L', crc32c(substr($_[0], 0, -4))) });
unlike(start(), qr/discarded/, 'loaded after half an hour');
is(plain(), 'kept', 'a plain entry');
is(query("SELECT cq.cache_ttl('hour') BETWEEN '25 min' AND '30 min'"), 't', 'half of an hour is left');
is(query("SELECT cq.cache_get('minutes')"), '', '25 minutes are over');
query($fetch);
is(query("SELECT stale_served + loads FROM cq.stat_cache"), '1', 'a result is stale');
query("SELECT cq.cache_set('another', 'v', ttl => '1 h')");
$node->restart;
is(query("SELECT cq.cache_ttl('hour') BETWEEN '25 min' AND '30 min' AND cq.cache_ttl('another') BETWEEN '55 min' AND '1 h'"), 't', 'and so it goes on');

# A crash of a backend empties the cache, once and for all.
query("SELECT cq.cache_set('plain', 'v')");
$node->restart;
is(plain(), 'v', 'kept before a crash');
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->reload;
my $victim = CqSession->new($node, 'postgres');
kill 9, $victim->query('SELECT pg_backend_pid()');
$victim->quit;
$node->poll_query_until('postgres', "SELECT cq.cache_get('plain') IS NULL") or die;
$node->restart;
is(plain(), '', 'not kept after one');

# A copy of a stopped server: the same server, as long as it goes on from there;
# not as a standby.
query("SELECT cq.cache_set('plain', 'v')");
$node->stop;
$node->backup_fs_cold('cold');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'cold', has_streaming => 1);
$node->start;
$standby->start;
is($standby->safe_psql('postgres', "SELECT cq.cache_get('plain')"), '', 'a standby starts empty');
like(slurp_file($standby->logfile), qr/saved cache discarded: the server starts with recovery/, 'and says why');
$standby->safe_psql('postgres', "SELECT cq.cache_set('plain', 'v')");
$standby->stop;
ok(!-e $standby->data_dir . '/pg_stat/cachequeue.cache', 'a standby saves nothing');
is(plain(), 'v', 'the server goes on');

done_testing();
