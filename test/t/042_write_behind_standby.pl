# Write-behind on a hot standby, and after its promotion; a row that somebody
# else has locked; the extension is dropped and created again.

use strict;
use warnings;

use CqSession;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->start;
$primary->safe_psql('postgres', <<'SQL');
CREATE EXTENSION cachequeue;
CREATE TABLE logged (id int PRIMARY KEY, v text);
CREATE TABLE memory (id int PRIMARY KEY, v text);
SELECT cq.namespace_create(m), cq.cache_write_behind(m, m::regclass, m, value_column => 'v', delay => '1 h')
FROM unnest('{logged,memory}'::text[]) AS m;
SQL
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

$primary->safe_psql('postgres', "SELECT cq.cache_set('1', 'pending', namespace => m) FROM unnest('{logged,memory}'::text[]) AS m");
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is($standby->safe_psql('postgres', "SELECT cq.cache_get('1', 'logged')"), 'pending', 'the standby finds what is pending');
is($standby->safe_psql('postgres', "SELECT cq.cache_get('1', 'memory') IS NULL"), 't', 'but not in mode memory');
for my $call ("cq.cache_set('1', 'no', namespace => 'logged')", "cq.cache_delete('1', 'logged')", "cq.cache_flush('logged')")
{
	my ($rc, $out, $err) = $standby->psql('postgres', "\\set VERBOSITY sqlstate\nSELECT $call");
	like($err, qr/25006/, "$call is refused");
}

# a row that is locked holds up its namespace, and the worker goes on after it
$primary->safe_psql('postgres', "INSERT INTO logged VALUES (1, 'old'); UPDATE cq.write_behind SET delay_ms = 0");
my $locker = CqSession->new($primary, 'postgres');
$locker->query("BEGIN; UPDATE logged SET v = 'locked' WHERE id = 1");
$primary->safe_psql('postgres', "SELECT cq.cache_set('2', 'waits', namespace => 'logged')");
ok($primary->poll_query_until('postgres', "SELECT last_error ~ 'lock timeout' FROM cq.stat_write_behind WHERE namespace = 'logged'"), 'the lock is shown');
$locker->query('COMMIT');
$locker->quit;
ok($primary->poll_query_until('postgres', "SELECT string_agg(v, ' ' ORDER BY id) = 'pending waits' FROM logged"), 'and the worker tries again');
is($primary->safe_psql('postgres', 'SELECT count(*) FROM cq.cache_dead_letters'), 0, 'nothing has failed');

# the worker of a promoted standby writes what is pending
$primary->safe_psql('postgres', "UPDATE cq.write_behind SET delay_ms = 2000");
$primary->safe_psql('postgres', "SELECT cq.cache_set('3', 'promoted', namespace => 'logged')");
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
$primary->stop('immediate');
$standby->promote;
ok($standby->poll_query_until('postgres', "SELECT v = 'promoted' FROM logged WHERE id = 3"), 'the promoted standby writes');
$standby->safe_psql('postgres', "SELECT cq.cache_set('4', 'new', namespace => m) FROM unnest('{logged,memory}'::text[]) AS m");
is($standby->safe_psql('postgres', "SELECT cq.cache_get('4', 'memory')"), 'new', 'and takes sets');

$standby->safe_psql('postgres', "UPDATE cq.write_behind SET delay_ms = 3600000");
$standby->safe_psql('postgres', "SELECT cq.cache_set('5', 'new', namespace => 'logged')");
$standby->safe_psql('postgres', 'DROP EXTENSION cachequeue CASCADE; CREATE EXTENSION cachequeue');
is($standby->safe_psql('postgres', "SELECT count(*) FROM cq.cache_pending"), 0, 'dropped with the extension');
$standby->stop;
done_testing();
