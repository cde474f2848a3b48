
# The cache through crashes, restarts and two-phase commit, and on a standby.

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
$node->safe_psql('postgres', ACCOUNTS . 'INSERT INTO account SELECT n, 100 FROM generate_series(1, 9) AS n');

sub query { return $node->safe_psql('postgres', $_[0]); }

# Two-phase commit in other sessions than the one that prepared.
query('SELECT fill(1), fill(2)');
query("BEGIN; UPDATE account SET balance = 150 WHERE id IN (1, 2); PREPARE TRANSACTION 'p'");
is(query('SELECT look(1)'), '100 / 100', 'prepared: the old value is still right');
query("COMMIT PREPARED 'p'");
is(query('SELECT look(1)'), 'miss / 150', 'commit prepared in another session');
is(query('SELECT fill(1)'), 't', 'filled again');
is(query('SELECT look(1)'), '150 / 150', 'and right');
query("BEGIN; UPDATE account SET balance = 1 WHERE id = 1; PREPARE TRANSACTION 'p'");
query("ROLLBACK PREPARED 'p'");
like(query('SELECT look(1)'), qr{^(?:150|miss) / 150$}, 'rollback prepared');
query("SELECT cq.cache_delete('account:1')");
query('SELECT fill(1)');
is(query('SELECT look(1)'), '150 / 150', 'and the row can be cached again');

# What a prepared transaction has set is forgotten, what it has deleted is not.
query("SELECT cq.cache_set('plain', 'before')");
query("BEGIN; SELECT cq.cache_set('plain', 'of p'); PREPARE TRANSACTION 'p'");
query("COMMIT PREPARED 'p'");
is(query("SELECT cq.cache_get('plain')"), 'before', 'sets of a prepared transaction are dropped');

# Crash.
my $lease = query("SELECT lease FROM cq.cache_get_or_lease('account:3')");
query("BEGIN; UPDATE account SET balance = 170 WHERE id = 4; PREPARE TRANSACTION 'before the crash'");
query('SELECT fill(5)');
my $open = CqSession->new($node, 'postgres');
$open->query("BEGIN; UPDATE account SET balance = 180 WHERE id = 5");
$open->query("SELECT cq.cache_set('plain', 'of an open transaction')");
kill_server($node, sub { $open->quit });

is(query("SELECT cq.cache_get('plain')"), '', 'plain entries are gone');
is(query("SELECT look(5)"), 'miss / 100', 'dependent entries are gone');
is(query("SELECT entries FROM cq.stat_cache"), '0', 'all of them');
is(query("SELECT cq.cache_set('account:3', '100', tags => '{account:3}', lease => $lease)"),
	'f', 'a lease from before is refused');
is(query("SELECT cq.cache_get('account:3')"), '', 'and stored nothing');

# While a transaction from before the crash is prepared, nothing dependent is
# stored: its change would come unmarked.
is(query('SELECT fill(4)'), 'f', 'not stored while it is prepared');
is(query('SELECT look(4)'), 'miss / 100', 'nor served');
is(query("SELECT cq.cache_set('plain', 'after')"), 't', 'plain entries are');
is(query("SELECT cq.cache_get('plain')"), 'after', 'and served');
my $early = query("SELECT lease FROM cq.cache_get_or_lease('account:4')");
ok($early ne '', 'a lease can be had');
query("COMMIT PREPARED 'before the crash'");
is(query('SELECT look(4)'), 'miss / 170', 'committed');
is(query("SELECT cq.cache_set('account:4', '100', tags => '{account:4}', lease => $early)"),
	'f', 'but it is of no use afterwards');
is(query('SELECT fill(4)'), 't', 'stored when it has ended');
is(query('SELECT look(4)'), '170 / 170', 'and served');

# An ordinary restart; 043_warm_restart has more of it.
query('SELECT fill(5)');
$lease = query("SELECT lease FROM cq.cache_get_or_lease('account:6')");
$node->restart;
is(query('SELECT look(5)'), '100 / 100', 'right after a restart');
is(query("SELECT cq.cache_set('account:6', '100', lease => $lease)"), 'f', 'a lease from before a restart is refused');
is(query('SELECT fill(6)'), 't', 'stored again');
query('UPDATE account SET balance = 160 WHERE id = 6');
is(query('SELECT look(6)'), 'miss / 160', 'and invalidated again');

# Plain entries that a prepared transaction has deleted, over a restart and a crash.
query("SELECT cq.cache_set('session', 'v')");
query("BEGIN; SELECT cq.cache_delete('session'); PREPARE TRANSACTION 'logout'");
$node->restart;
is(query("SELECT cq.cache_get('session')"), '', 'deleted by a prepared transaction, over a restart');
is(query("SELECT cq.cache_set('session', 'again')"), 'f', 'a set is refused');
is(query("SELECT cq.cache_set('plain', 'after')"), 't', 'one of another key is not');
kill_server($node);
is(query("SELECT cq.cache_set('session', 'again')"), 'f', 'refused over a crash, too');
is(query("SELECT cq.cache_set('plain', 'after')"), 't', 'one of another key is not');
query("COMMIT PREPARED 'logout'");
is(query("SELECT cq.cache_get('session')"), '', 'committed: gone');
is(query("SELECT cq.cache_set('session', 'again')"), 't', 'and it can be set again');

# A backend that is killed takes nothing with it, and nothing of it stays.
$open = CqSession->new($node, 'postgres');
$open->query("BEGIN; UPDATE account SET balance = 190 WHERE id = 7; SELECT fill(7); SELECT cq.cache_set('plain', 'of a killed one')");
my ($victim) = $open->query('SELECT pg_backend_pid()');
query("SELECT pg_terminate_backend($victim)");
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $victim") or die;
$open->quit;
is(query("SELECT cq.cache_get('plain')"), 'after', 'a set of a killed session is dropped');
is(query('SELECT look(7)'), 'miss / 100', 'with what it had written');

# A hot standby: marks don't come through the WAL, so dependent entries go past
# the cache; plain ones are its own.
query('SELECT fill(7)');
$node->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'b', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);

sub squery { return $standby->safe_psql('postgres', $_[0]); }
is(squery('SELECT look(7)'), 'miss / 100', 'standby: nothing of the primary');
is(squery("BEGIN; SELECT cq.cache_get('account:7'); SELECT put(7, '100'); COMMIT"), "\nf", 'standby: no dependent set');
is(squery("SELECT cq.cache_set('plain', 'of the standby'); SELECT cq.cache_get('plain')"), "t\nof the standby", 'standby: plain entries');
is(squery("SELECT cq.cache_incr('n', 5)"), '5', 'standby: counters');
is(squery("SELECT cq.cache_set('ttl', 'v', '1 h', condition => 'absent'); SELECT cq.cache_delete('ttl'); SELECT cq.cache_get('ttl')"),
	"t\nt\n", 'standby: delete');
squery("SELECT cq.cache_invalidate('account:7')");
my $standby_lease = squery("SELECT lease FROM cq.cache_get_or_lease('account:7')");
is(squery("SELECT cq.cache_set('account:7', '100', lease => $standby_lease)"), 'f', 'standby: its lease is refused');
my $primary_lease = query("SELECT lease FROM cq.cache_get_or_lease('account:8')");
is(squery("SELECT cq.cache_set('account:8', '100', lease => $primary_lease)"), 'f', 'standby: as is the primary\'s');
is(query("SELECT cq.cache_set('account:8', '100', lease => $standby_lease)"), 'f', 'and the other way round');

# Promotion, with a transaction that was prepared on the primary.
query("BEGIN; UPDATE account SET balance = 200 WHERE id = 7; PREPARE TRANSACTION 'before promotion'");
$node->wait_for_catchup($standby);
my $old = CqSession->new($standby, 'postgres', 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
$node->stop;
$standby->promote;
is(squery('SELECT fill(7)'), 'f', 'promoted: nothing is stored while a transaction from before is prepared');
squery("COMMIT PREPARED 'before promotion'");
is(squery('SELECT look(7)'), 'miss / 200', 'promoted: its change');
is(squery('SELECT fill(7)'), 't', 'promoted: stored');
is(squery('SELECT look(7)'), '200 / 200', 'promoted: served');
is(squery("SELECT cq.cache_set('account:7', 'x', lease => $standby_lease)"), 'f', 'promoted: a lease from before is refused');
squery('UPDATE account SET balance = 210 WHERE id = 7');
is(squery('SELECT look(7)'), 'miss / 210', 'promoted: invalidated');
is($old->query('SELECT look(7)'), 'miss / 100', 'promoted: a snapshot from before goes past the cache');
is($old->query('COMMIT; SELECT look(7)'), 'miss / 210', 'promoted: no longer than its transaction');
$old->quit;
$standby->stop;

done_testing();
