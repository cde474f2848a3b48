
# Each consistency rule matters, and a test would notice if it were gone: the
# same history is played with the rule and without it (setting cachequeue.fault
# of a debug build).  Without it, a stale or a leaked value is served.
#
#	rule left out         what it stands for                         invariant
#	no-mark               a writer marks what it changes             I1 I5
#	mark-at-commit        ... before its commit can be seen          I1 I5
#	no-after              writers after the entry invalidate it      I1 I5
#	no-upto               writers in the entry must be visible       I1
#	no-barrier            TRUNCATE is no matter of snapshots         I1
#	no-spans              who leaves the ring running is remembered  I1
#	no-span-check         ... and must be visible                    I1
#	no-proof              of the others a mark proves that they are  I1
#	any-proof             ... if it knows all of them                I1
#	proof-above           ... and is in the entry                    I1
#	proof-kept            ... and no span was cleared since          I1
#	own-proof             ... and is not one's own                   I4
#	lease-with-own        a lease doesn't see who handed it out      I2 I4
#	no-lease-merge        ... sees no more than any snapshot of it   I4
#	lease-of-another      ... and is for one xmax                    I4
#	lease-for-newer       ... whose record is never another's again  I4
#	moving-base           ... counted from where it always was       I4
#	no-set-rule           a set is judged                            I4
#	latest-miss           ... by the earliest miss                   I4
#	no-own-change         ... and by own changes since               I4
#	no-command-id         ... as seen by the snapshot of the miss    I3 I4
#	no-savepoint-change   a rollback to a savepoint is a change      I2 I4
#	no-savepoint-sets     ... and drops what was set since           I2
#	no-key-refresh        a plain set outlives an earlier clear      (last wins)
#	no-own-bypass         own changes go past the cache              I3
#	no-query-level        rows that are not marked yet, too          I3
#	no-epoch-proof        the cache works again after queries broken off
#	no-break              a query broken off has changed something   I4
#	no-lease-mark         who hands out a lease marks on abort too   I2 I4
#	no-serializable       SERIALIZABLE goes past the cache           I1
#	no-f0                 nothing is known from before the start     I6
#	no-expiry             an expired value is not served             I7
#	no-load-lease         one of many who miss computes              I9
#	no-in-flight          a delete of an absent key refuses sets     I4
#	no-delete-time        ... of snapshots from before it, too       I4
#	no-useless-keys       ... unless its value cannot be kept        I9
#	no-load-deadlock      ... or it waits for one that waits for it  I9
#	no-stale-snapshot     nothing stale is newer than the snapshot   I1
#	no-import             an imported snapshot may be of any age     I7
#	no-privilege-check    a hit asks for the query's privileges      I10
#	no-role-key           a result is for the role it was made for   I10
#	no-namespace-check    a namespace is for those who may           I10
#	no-settings           settings decide what a query means         I1
#	no-plan-objects       a type that changes ends a plan            I1
#	no-names              so does a table that hides another one     I1
#	no-declared-reads     a result depends on what functions read    I1
#	no-clock-age          now() is as old as its transaction         I7
#	lock-key              (added:) a set locks its key               I11
#	no-ddl-window         DDL counts as running till all are told    I1 I4
#	no-accept             ... and who misses listens                 I1 I4
#	no-prepared-delete    PREPARE removes the plain entries it deletes
#	no-prepared-lock      ... and keeps them away until its end
#	no-salt               a lease is good for one server start       I11
#
# I8 (memory) has no switch: 023_cache_memory.pl and the engine's unit tests
# watch the budget, which is the arena itself.

use strict;
use warnings;

use CqFault;
use CqSession;
use CqTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $id = 0;
my $mark;						# a change of what the row's entry depends on
my $node;

# A new row, and as many sessions as asked for.
sub play
{
	my ($n, $history) = @_;
	my @sessions = map { faulty() } 1 .. $n;

	$id++;
	$mark = "SELECT cq.cache_invalidate('account:$id')";
	$node->safe_psql('postgres', "INSERT INTO account VALUES ($id, 100)");
	my $result = $history->(@sessions);
	$_->quit for @sessions;
	return $result;
}

$node = CqFault::start('', \&play);
$node->safe_psql('postgres', ACCOUNTS . <<'SQL');
-- for I9: computing waits at a gate; for I10: roles, and who sees which rows
CREATE FUNCTION gate(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_lock_shared(29), pg_advisory_unlock_shared(29);
	RETURN $1;
END $$;
CREATE FUNCTION write(int) RETURNS void LANGUAGE sql AS 'UPDATE account SET balance = 150 WHERE id = $1';
-- foreign keys, and what is seen on the way
CREATE TABLE bank (id int PRIMARY KEY);
CREATE TABLE owned (id int PRIMARY KEY, bank int REFERENCES bank ON DELETE CASCADE, owner int);
CREATE TABLE owner (id int PRIMARY KEY, bank int REFERENCES bank ON DELETE CASCADE);
ALTER TABLE owned ADD FOREIGN KEY (owner) REFERENCES owner ON DELETE CASCADE;
CREATE TABLE told (id int, look text);
CREATE FUNCTION look_owned(int) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(cq.cache_get('owned:' || $1), 'miss') || ' / '
		|| coalesce((SELECT '100' FROM owned WHERE id = $1), 'no row') $$;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO told VALUES (old.id, look_owned(old.id));
	RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER DELETE ON owner FOR EACH ROW EXECUTE FUNCTION tell();
SELECT cq.cache_watch('owned', ARRAY['owned:{id}']);
CREATE ROLE app;
CREATE ROLE other;
CREATE ROLE reader;
CREATE TABLE doc (id int PRIMARY KEY, owner name, body text);
INSERT INTO doc VALUES (1, 'app', 'of app'), (2, 'other', 'of other');
ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON doc USING (owner = current_user);
GRANT SELECT ON doc TO reader;
GRANT USAGE ON SCHEMA cq TO app, other;
SELECT cq.cache_watch('doc'), cq.namespace_create('closed'), cq.namespace_create('cleared'), cq.namespace_grant('default', 'public', 'all');
SQL

my $write = 'UPDATE account SET balance = 150 WHERE id = ';

proves('no-mark', 'miss / 150', '100 / 150', 2, sub {
	my ($w, $r) = @_;
	$r->query("SELECT fill($id)");
	$w->query("$write $id");
	return $r->query("SELECT look($id)");
});

proves('mark-at-commit', 'miss / 150', '100 / 150', 2, sub {
	my ($w, $r) = @_;
	$r->query("SELECT fill($id)");
	$w->send("$write $id");
	1 until $r->query("SELECT balance FROM account WHERE id = $id") == 150;
	my $look = $r->query("SELECT look($id)");
	$w->wait;
	return $look;
});

proves('no-after', 'miss / 150', '100 / 150', 2, sub {
	my ($w, $r) = @_;
	$r->query("SELECT fill($id)");
	$w->query("$write $id");
	return $r->query("SELECT look($id)");
});

proves('no-upto', 'miss / 100', '150 / 100', 2, sub {
	my ($w, $old) = @_;
	$old->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
	$w->query("$write $id");
	$w->query("SELECT fill($id)");
	return $old->query("SELECT look($id)");
});

proves('no-barrier', 'miss / no row', '100 / no row', 2, sub {
	my ($w, $old) = @_;
	$w->query("SELECT fill($id)");
	$old->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
	$w->query('TRUNCATE account');
	return $old->query("SELECT look($id)");
});

# A writer that the old reader does not see has left the ring before it ended.
sub lost_running
{
	my ($w, $old) = @_;

	$w->query("BEGIN; $write $id; PREPARE TRANSACTION 'lost'");
	$w->query($mark) for 1 .. 5;
	$old->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
	$w->query("COMMIT PREPARED 'lost'");
	$w->query("SELECT fill($id)");
	return $old->query("SELECT look($id)");
}

proves($_, 'miss / 100', '150 / 100', 2, \&lost_running) for qw(no-spans no-span-check);

# the next mark notices that it has ended; so the marks before it no longer tell
proves('proof-kept', 'miss / 100', '150 / 100', 2, sub {
	my ($w, $old) = @_;
	lost_running($w, $old);
	$w->query($mark);
	return $old->query("SELECT look($id)");
});

# The same, but it ends before it leaves the ring; the old reader sees the mark after it.
sub lost_ended
{
	my ($w, $old) = @_;

	$w->query("BEGIN; $write $id; PREPARE TRANSACTION 'lost'");
	$w->query($mark);
	$old->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
	$w->query("COMMIT PREPARED 'lost'");
	$w->query("SELECT fill($id)");
	$w->query($mark) for 1 .. 3;
	return $old->query("SELECT look($id)");
}

proves($_, 'miss / 100', '150 / 100', 2, \&lost_ended) for qw(no-proof any-proof proof-above);

# The writer's own mark counts as seen, although its snapshot is older than a change of
# another row that the value stands for.  The lease makes it mark at once.
proves('own-proof', 'miss / 350', '250 / 350', 3, sub {
	my ($w, $other, $r) = @_;
	my $row = $id + 200000;
	my $sum = "SELECT sum(balance) FROM account WHERE id IN ($id, $row)";
	$w->query("INSERT INTO account VALUES ($row, 100)");
	$other->query("BEGIN; UPDATE account SET balance = 200 WHERE id = $row; $mark; PREPARE TRANSACTION 'other'");
	$other->query($mark) for 1 .. 3;
	$w->query("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM cq.cache_get_or_lease('any')");
	$other->query("COMMIT PREPARED 'other'");
	$w->query("$write $id");
	$w->query("SELECT cq.cache_get('sum $id')");
	$w->query("SELECT cq.cache_set('sum $id', ($sum)::text, tags => ARRAY['account:$id'])");
	$w->query('COMMIT');
	return $r->query("SELECT coalesce(cq.cache_get('sum $id'), 'miss') || ' / ' || ($sum)");
});

proves('no-set-rule', 'miss / 150', '100 / 150', 2, sub {
	my ($w, $r) = @_;
	$r->query("BEGIN; SELECT look($id)");
	$w->query("$write $id");
	$r->query("SELECT put($id, '100'); COMMIT");
	return $w->query("SELECT look($id)");
});

proves('latest-miss', 'miss / 150', '100 / 150', 2, sub {
	my ($w, $r) = @_;
	$r->query("BEGIN; SELECT look($id)");
	$w->query("$write $id");
	$r->query("SELECT look($id); SELECT put($id, '100'); COMMIT");
	return $w->query("SELECT look($id)");
});

proves('no-own-change', 'miss / 150', '100 / 150', 2, sub {
	my ($w, $r) = @_;
	$w->query("BEGIN; SELECT look($id); $write $id; SELECT put($id, '100'); COMMIT");
	return $r->query("SELECT look($id)");
});

# the statement's snapshot is older than what its function changes
proves('no-command-id', '150', '100', 2, sub {
	my ($w, $r) = @_;
	my $fetch = qq(cq.cache_fetch('own $id', 'SELECT balance FROM account WHERE id = $id'));
	$w->query("SELECT write($id), $fetch");
	return $r->query("SELECT $fetch");
});

# a foreign key deletes the account, on the way over its owner; its trigger has not run
# when that of the owner looks
proves('no-query-level', 'miss / no row', '100 / no row', 1, sub {
	my ($w) = @_;
	$w->query("INSERT INTO bank VALUES ($id); INSERT INTO owner VALUES ($id, $id); INSERT INTO owned VALUES ($id, NULL, $id)");
	$w->query("SELECT look_owned($id), cq.cache_set('owned:$id', '100', tags => ARRAY['owned:$id'])");
	$w->query("DELETE FROM bank WHERE id = $id");
	return $w->query("SELECT look FROM told WHERE id = $id");
});

# the update fails after it has changed the row and before it marks it
proves('no-break', 'miss / 100', '150 / 100', 2, sub {
	my ($w, $r) = @_;
	$w->query("BEGIN; SELECT look($id); SAVEPOINT a");
	$w->query("$write $id RETURNING 1 / (balance - 150)");
	$w->query("ROLLBACK TO a; SELECT put($id, '150'); COMMIT");
	return $r->query("SELECT look($id)");
});

# the epoch has marks of aborted transactions only, which know of no others
proves('no-epoch-proof', '150 / 150', 'miss / 150', 2, sub {
	my ($w, $r) = @_;
	for (1 .. 6)
	{
		$w->query("BEGIN; SELECT cq.cache_get_or_lease('none $id')");
		$w->query("$write $id RETURNING 1 / (balance - 150)");
		$w->query('ROLLBACK');
	}
	$w->query("$write $id");
	$r->query("SELECT fill($id)");
	my $look = $r->query("SELECT look($id)");
	my $whole = session();
	$whole->query("UPDATE account SET balance = balance WHERE id = $id");
	$whole->quit;
	return $look;
});

proves('no-savepoint-change', 'miss / 100', '150 / 100', 2, sub {
	my ($w, $r) = @_;
	$w->query("BEGIN; SAVEPOINT a; $write $id; SELECT look($id); ROLLBACK TO a; SELECT put($id, '150'); COMMIT");
	return $r->query("SELECT look($id)");
});

proves('no-savepoint-sets', '', 'never', 2, sub {
	my ($w, $r) = @_;
	$w->query("BEGIN; SAVEPOINT a; SELECT cq.cache_set('plain $id', 'never'); ROLLBACK TO a; COMMIT");
	return $r->query("SELECT cq.cache_get('plain $id')");
});

# plain: the transaction that commits last wins, also over a clear
proves('no-key-refresh', 'of w', '', 2, sub {
	my ($w, $r) = @_;
	$w->query("BEGIN; SELECT cq.cache_set('plain $id', 'of w', namespace => 'cleared')");
	$r->query("SELECT cq.cache_clear('cleared')");
	$w->query('COMMIT');
	return $r->query("SELECT cq.cache_get('plain $id', 'cleared')");
});

proves('no-own-bypass', 'miss / 150', '100 / 150', 1, sub {
	my ($w) = @_;
	$w->query("SELECT fill($id)");
	$w->query("BEGIN; $write $id");
	return $w->query("SELECT look($id)");
});

proves('no-lease-mark', 'miss / 100', '150 / 100', 2, sub {
	my ($w, $r) = @_;
	$w->query("BEGIN; $write $id");
	my $lease = $w->query("SELECT lease FROM cq.cache_get_or_lease('account:$id')");
	$w->query('ROLLBACK');
	$w->query("SELECT cq.cache_set('account:$id', '150', tags => ARRAY['account:$id'], lease => $lease)");
	return $r->query("SELECT look($id)");
});

# write skew: each reads what the other changes; a hit would not be noticed
proves('no-serializable', 'one failed', 'both committed', 2, sub {
	my ($s, $t) = @_;
	my $other = $id + 100000;
	$s->query("INSERT INTO account VALUES ($other, 100); SELECT fill($id), fill($other)");
	my $read = "SELECT coalesce(cq.cache_get('account:%d'), (SELECT balance::text FROM account WHERE id = %1\$d))";
	$_->query('BEGIN ISOLATION LEVEL SERIALIZABLE') for $s, $t;
	$s->query(sprintf $read, $id);
	$t->query(sprintf $read, $other);
	$s->query("UPDATE account SET balance = 0 WHERE id = $other");
	my $errors = $t->query("UPDATE account SET balance = 0 WHERE id = $id");
	$errors .= $_->query('COMMIT') for $s, $t;
	return $errors =~ /could not serialize/ ? 'one failed' : 'both committed';
});

# a transaction prepared before a crash: its mark is gone
proves('no-f0', 'miss / 150', '100 / 150', 2, sub {
	my ($w) = @_;
	$w->query("BEGIN; $write $id; PREPARE TRANSACTION 'before the crash'");
	$node->stop('immediate');
	$node->start;
	my $r = faulty();
	$r->query("SELECT fill($id)");
	$r->query("COMMIT PREPARED 'before the crash'");
	my $look = $r->query("SELECT look($id)");
	$r->quit;
	return $look;
});

proves('no-expiry', '', 'expired', 1, sub {
	my ($r) = @_;
	$r->query("SELECT cq.cache_set('ttl $id', 'expired', '20 ms')");
	my $until = $r->query("SELECT clock_timestamp() + '22 ms'");
	1 until $r->query("SELECT clock_timestamp() > '$until'") eq 't';
	return $r->query("SELECT cq.cache_get('ttl $id')");
});

# two who miss the same result: the second one waits, not at the gate, or
# computes it as well
proves('no-load-lease', '1 computes', '2 compute', 3, sub {
	my ($gate, @callers) = @_;
	my $fetch = qq(SELECT cq.cache_fetch('f', 'SELECT gate(balance) FROM account WHERE id = $id'));
	$gate->query('SELECT pg_advisory_lock(29)');
	$_->send($fetch) for @callers;
	$node->poll_query_until('postgres', <<SQL) or die 'no callers';
SELECT count(*) = 2 FROM pg_stat_activity WHERE query LIKE '%gate(%' AND wait_event_type IN ('Lock', 'Extension')
SQL
	my $n = $gate->query(q(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted));
	$gate->query('SELECT pg_advisory_unlock(29)');
	$_->wait for @callers;
	return "$n compute" . ($n == 1 ? 's' : '');
});

# nobody has stored the key, but somebody is about to: the row is no tagged one, so only
# the delete says that it has changed
proves('no-in-flight', '', 'old', 2, sub {
	my ($w, $r) = @_;
	$r->query("BEGIN; SELECT cq.cache_get('absent $id')");
	$w->query("SELECT cq.cache_delete('absent $id')");
	$r->query("SELECT cq.cache_set('absent $id', 'old'); COMMIT");
	return $r->query("SELECT cq.cache_get('absent $id')");
});

proves('no-delete-time', '', 'old', 2, sub {
	my ($w, $old) = @_;
	$old->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
	$w->query("SELECT cq.cache_delete('absent $id')");
	$old->query("SELECT cq.cache_get('absent $id')");
	$old->query("SELECT cq.cache_set('absent $id', 'old'); COMMIT");
	return $old->query("SELECT cq.cache_get('absent $id')");
});

# two after one whose query has failed: both compute
proves('no-useless-keys', 2, 1, 4, sub {
	my ($gate, @callers) = @_;
	my $fetch = "SELECT cq.cache_fetch('k', 'SELECT gate(1) / (balance - balance) FROM account WHERE id = $id')";
	$callers[0]->query($fetch);
	$gate->query('SELECT pg_advisory_lock(29)');
	$_->send($fetch) for @callers[ 1, 2 ];
	$node->poll_query_until('postgres', <<"SQL") or die;
SELECT (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)
	+ (SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND wait_event_type = 'Extension') = 2
SQL
	my $n = $gate->query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
	$gate->query('SELECT pg_advisory_unlock(29)');
	$_->wait for @callers[ 1, 2 ];
	return $n;
});

# the loader is at a lock of one that waits for it
proves('no-load-deadlock', 100, 'timeout', 2, sub {
	my ($w, $r) = @_;
	my $fetch = "SELECT cq.cache_fetch('k', 'SELECT gate(balance) FROM account WHERE id = $id')";
	$w->query("SET deadlock_timeout = '50ms'; SET statement_timeout = '2s'; SELECT pg_advisory_lock(29)");
	$r->send($fetch);
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") or die;
	my $result = $w->query($fetch);
	$w->query('SELECT pg_advisory_unlock(29)');
	$r->wait;
	return $result =~ /statement timeout/ ? 'timeout' : $result;
});

# the result is newer than the reader's snapshot, and many writers have come since
proves('no-stale-snapshot', 100, 101, 4, sub {
	my ($w, $old, $gate, $loader) = @_;
	my $fetch = "SELECT cq.cache_fetch('k', 'SELECT gate(balance) FROM account WHERE id = $id', stale_for => '1 h')";
	$old->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
	$w->query("UPDATE account SET balance = balance + 1 WHERE id = $id");
	$w->query($fetch);
	$w->query("UPDATE account SET balance = balance + 1 WHERE id = $id") for 1 .. 5;
	$gate->query('SELECT pg_advisory_lock(29)');
	$loader->send($fetch);
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") or die;
	$old->send($fetch);
	$node->poll_query_until('postgres', "SELECT count(*) = 2 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") or die
	  if $fault eq '';
	my $served = $fault eq '' ? undef : $old->wait;
	$gate->query('SELECT pg_advisory_unlock(29)');
	$loader->wait;
	return $served // $old->wait;
});

# what an old snapshot has read is not fresh
proves('no-import', 150, 100, 4, sub {
	my ($w, $old, $importer, $r) = @_;
	my $fetch = "SELECT cq.cache_fetch('k', 'SELECT balance FROM free WHERE id = $id', ttl => '1 h')";
	$w->query("CREATE TABLE IF NOT EXISTS free (id int, balance int); INSERT INTO free VALUES ($id, 100)");
	my $snapshot = $old->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_export_snapshot()');
	$w->query("UPDATE free SET balance = 150 WHERE id = $id");
	$importer->query("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '$snapshot'; $fetch");
	return $r->query($fetch);
});

# a role of its own for each of these; what it may do changes behind its back
sub fetch { return "SELECT cq.cache_fetch('mine', 'SELECT string_agg(body, '','' ORDER BY id) FROM doc')"; }

proves('no-privilege-check', 'denied', '"of app"', 2, sub {
	my ($admin, $app) = @_;
	$admin->query('GRANT reader TO app');
	$app->query('SET ROLE app; ' . fetch());
	$admin->query('REVOKE reader FROM app');
	my $result = $app->query(fetch());
	return $result =~ /permission denied/ ? 'denied' : $result;
});

proves('no-role-key', '"of other"', '"of app"', 2, sub {
	my ($app, $other) = @_;
	$app->query('GRANT reader TO app, other; SET ROLE app; ' . fetch());
	$other->query('SET ROLE other');
	my $result = $other->query(fetch());
	$app->query('RESET ROLE; REVOKE reader FROM app, other');
	return $result;
});

proves('no-namespace-check', 'denied', 'secret', 2, sub {
	my ($admin, $app) = @_;
	$admin->query("SELECT cq.cache_set('k', 'secret', namespace => 'closed')");
	$app->query('SET ROLE app');
	my $result = $app->query("SELECT cq.cache_get('k', 'closed')");
	return $result =~ /permission denied/ ? 'denied' : $result;
});

proves('no-settings', '0', '1', 1, sub {
	my ($s) = @_;
	my $fetch = "SELECT cq.cache_fetch('tz', 'SELECT count(*) FROM account WHERE timestamptz ''2020-01-01 02:00+00'' < timestamptz ''2020-01-01 03:00'' AND id = $id')";
	$s->query("SET TimeZone = 'UTC'; $fetch");
	return $s->query("SET TimeZone = 'Asia/Tokyo'; $fetch");
});

proves('no-plan-objects', 'refused', '1', 2, sub {
	my ($admin, $s) = @_;
	my $fetch = "SELECT cq.cache_fetch('d $id', 'SELECT 1::small')";
	$admin->query('CREATE DOMAIN small AS int CHECK (VALUE < 1000)');
	$s->query($fetch);
	$admin->query('ALTER DOMAIN small ADD CHECK (random() < 2)');
	my $result = $s->query($fetch);
	$admin->query('DROP DOMAIN small');
	return $result =~ /cannot cache/ ? 'refused' : $result;
});

proves('no-names', '0', '1', 2, sub {
	my ($admin, $s) = @_;
	my $fetch = "SELECT cq.cache_fetch('n', 'SELECT count(*) FROM account WHERE id = $id')";
	$admin->query('CREATE SCHEMA nearer');
	$s->query("SET search_path = nearer, public; $fetch");
	$admin->query("CREATE TABLE nearer.account (id int); SELECT cq.cache_watch('nearer.account')");
	my $result = $s->query($fetch);
	$admin->query('SET client_min_messages = warning; DROP SCHEMA nearer CASCADE');
	return $result;
});

proves('no-declared-reads', '150', '100', 2, sub {
	my ($w, $r) = @_;
	my $fetch = "SELECT cq.cache_fetch('balance', 'SELECT balance_of($id)')";
	$w->query(<<~SQL);
		CREATE OR REPLACE FUNCTION balance_of(int) RETURNS int STABLE LANGUAGE plpgsql AS
		'BEGIN RETURN (SELECT balance FROM account WHERE id = \$1); END';
		SELECT cq.cache_function_declare('balance_of(int)', '{account}');
		SQL
	$r->query($fetch);
	$w->query("$write $id");
	return $r->query($fetch);
});

# the result of a transaction that is older than the ttl is not kept
proves('no-clock-age', 'of its own', 'too old', 2, sub {
	my ($old, $r) = @_;
	my $fetch = "(cq.cache_fetch('now $id', 'SELECT now()', ttl => '2 s', allow_time => true) ->> 0)::timestamptz";
	$old->query("BEGIN; SELECT pg_sleep(2.1)");
	$old->query("SELECT $fetch");
	my $result = $r->query("SELECT $fetch = now()");
	return $result eq 't' ? 'of its own' : 'too old';
});

proves('lock-key', 't', 'waited', 2, sub {
	my ($w, $r) = @_;
	$w->query("BEGIN; SELECT cq.cache_set('plain $id', 'of w')");
	$r->query("SET lock_timeout = '50ms'");
	my $result = $r->query("SELECT cq.cache_set('plain $id', 'of r')");
	return $result =~ /lock timeout/ ? 'waited' : $result;
});

# A partitioned table, and one that the history attaches to it, while the reader knows
# the plan of the query.
sub attach
{
	my ($r) = @_;

	$r->query(<<"SQL");
CREATE TABLE p$id (id int, r text) PARTITION BY LIST (r);
CREATE TABLE pa$id PARTITION OF p$id FOR VALUES IN ('a');
CREATE TABLE pb$id (id int, r text);
INSERT INTO p$id VALUES (1, 'a');
INSERT INTO pb$id SELECT 1, 'b' FROM generate_series(1, 10);
SELECT cq.cache_watch('p$id');
SQL
	return (
		"SELECT cq.cache_fetch('n', 'SELECT count(*) FROM p$id')",
		"ALTER TABLE p$id ATTACH PARTITION pb$id FOR VALUES IN ('b')");
}

proves('no-ddl-window', '11', '1', 1, sub {
	my ($r) = @_;
	my ($fetch, $attach) = attach($r);
	my $ddl = pausing('ddl-window');
	$r->query($fetch);
	meanwhile($ddl, $attach, sub { $r->query($fetch) });
	$ddl->quit;
	return $r->query($fetch);
});

# it has its plan and its lock already, and hears of nothing by itself
proves('no-accept', '11', '1', 1, sub {
	my ($r) = @_;
	my ($fetch, $attach) = attach($r);
	my $ddl = pausing('ddl-window:4712');
	my $gate = session();
	$r->query("BEGIN; SELECT count(*) FROM p$id");
	$r->query($fetch);
	$gate->query('SELECT pg_advisory_lock(4712)');
	$ddl->send($attach);
	until_true($gate, SOMEBODY_WAITS =~ s/4711/4712/r);
	$r->query("SET cachequeue.pause = 'miss'");
	meanwhile($r, $fetch, sub {
		$gate->query('SELECT pg_advisory_unlock(4712)');
		$ddl->wait;
	});
	$r->query('COMMIT; RESET cachequeue.pause');
	$_->quit for $ddl, $gate;
	return $r->query($fetch);
});

# a logout by two-phase commit
proves('no-prepared-delete', '', 'logged in', 2, sub {
	my ($w, $r) = @_;
	$r->query("SELECT cq.cache_set('session $id', 'logged in')");
	$w->query("BEGIN; SELECT cq.cache_delete('session $id'); PREPARE TRANSACTION 'logout'");
	$w->query("COMMIT PREPARED 'logout'");
	return $r->query("SELECT cq.cache_get('session $id')");
});

proves('no-prepared-lock', '', 'logged in', 2, sub {
	my ($w, $r) = @_;
	$w->query("BEGIN; SELECT cq.cache_delete('session $id'); PREPARE TRANSACTION 'logout'");
	$r->query("SELECT cq.cache_set('session $id', 'logged in')");
	$w->query("COMMIT PREPARED 'logout'");
	return $r->query("SELECT cq.cache_get('session $id')");
});

# Leases.  An old transaction is open, so that a lease is more than an id.
sub lease
{
	my ($session) = @_;

	return (split /\|/, $session->query("SELECT * FROM cq.cache_get_or_lease('account:$id')"))[-1];
}

sub set_by_lease
{
	my ($session, $value, $lease) = @_;

	return $session->query("SELECT cq.cache_set('account:$id', '$value', tags => ARRAY['account:$id'], lease => $lease)");
}

# Ids are given out until a new snapshot's record takes the place of an older one's.
sub use_up_records
{
	my ($session, $xmax) = @_;
	my $now = 'pg_snapshot_xmax(pg_current_snapshot())::text::bigint';

	$session->query(<<"SQL");
DO \$\$ BEGIN
	COMMIT;
	WHILE $now < $xmax + 4096 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP;
END \$\$
SQL
	my $xmax_now = $session->query("SELECT $now");
	die "at $xmax_now, not 4096 after $xmax\n" if $xmax_now != $xmax + 4096;
}

proves('lease-with-own', 'miss / 100', '150 / 100', 3, sub {
	my ($w, $other, $r) = @_;
	$w->query("BEGIN; $write $id");
	$other->query('SELECT pg_current_xact_id()');
	my $lease = lease($w);
	$w->query('ROLLBACK');
	set_by_lease($w, 150, $lease);
	return $r->query("SELECT look($id)");
});

# two leases with one xmax, the writer ended between them
proves('no-lease-merge', 'miss / 150', '100 / 150', 3, sub {
	my ($old, $w, $r) = @_;
	$old->query('BEGIN; SELECT pg_current_xact_id()');
	$w->query("BEGIN; $write $id");
	$r->query('SELECT pg_current_xact_id()');
	my $lease = lease($r);
	$w->query('COMMIT');
	lease($r);
	set_by_lease($r, 100, $lease);
	return $r->query("SELECT look($id)");
});

# the record is that of a later snapshot
proves('lease-of-another', 'miss / 150', '100 / 150', 3, sub {
	my ($old, $w, $r) = @_;
	$old->query('BEGIN; SELECT pg_current_xact_id()');
	$r->query('SELECT pg_current_xact_id()');
	my $xmax = $r->query('SELECT pg_snapshot_xmax(pg_current_snapshot())');
	my $lease = lease($r);
	$w->query("$write $id");
	use_up_records($r, $xmax);
	lease($r);
	set_by_lease($r, 100, $lease);
	return $r->query("SELECT look($id)");
});

# ... and then again that of one with the same xmax, which sees more
proves('lease-for-newer', 'miss / 150', '100 / 150', 4, sub {
	my ($old, $w, $r, $rr) = @_;
	$old->query('BEGIN; SELECT pg_current_xact_id()');
	$w->query("BEGIN; $write $id");
	$r->query('SELECT pg_current_xact_id()');
	my $xmax = $r->query('SELECT pg_snapshot_xmax(pg_current_snapshot())');
	my $lease = lease($r);
	$w->query('COMMIT');
	$rr->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
	use_up_records($r, $xmax);
	lease($r);
	lease($rr);
	set_by_lease($r, 100, $lease);
	return $r->query("SELECT look($id)");
});

# a lease is an id as seen from a constant one
proves('moving-base', 'miss / 150', '100 / 150', 2, sub {
	my ($w, $r) = @_;
	my $lease = lease($r);
	$w->query("$write $id");
	set_by_lease($r, 100, $lease);
	return $r->query("SELECT look($id)");
});

# a lease from before a crash; the ids that it knows as ended are given out again
proves('no-salt', 'miss / 150', '100 / 150', 1, sub {
	my ($w) = @_;
	my $ids = $w->query('SELECT txid_current()');
	my $lease = (split /\|/, $w->query("SELECT * FROM cq.cache_get_or_lease('account:$id')"))[-1];
	$node->stop('immediate');
	$node->start;
	my $r = faulty();
	$r->query("$write $id");
	$r->query("DO 'BEGIN FOR n IN 1 .. $ids LOOP PERFORM txid_current(); COMMIT; END LOOP; END'");
	$r->query("SELECT cq.cache_set('account:$id', '100', tags => ARRAY['account:$id'], lease => $lease)");
	my $look = $r->query("SELECT look($id)");
	$r->quit;
	return $look;
});

$node->stop;
done_testing();
