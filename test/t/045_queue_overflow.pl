# Priorities, groups, limits and the rest with a backlog that memory has no room
# for: it holds some 2,700 messages.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CqSession;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'EOC');
shared_preload_libraries = 'cachequeue'
max_prepared_transactions = 2
cachequeue.queue_memory = 1MB
cachequeue.segment_rows = 2000
EOC
$node->start;

sub sql
{
	return $node->safe_psql('postgres', $_[0]);
}

# Run a SELECT that sends messages for the numbers i from 1 to $n, in
# transactions of 500 each.
sub fill
{
	my ($n, $select) = @_;
	sql("CALL fill($n, \$\$$select FROM generate_series(\$1, \$2) AS i\$\$)");
}

# Take messages, in transactions of $batch each, until there are no more or $max
# have come; roll every so many back.
sub consume
{
	my ($queue, %how) = @_;
	my ($batch, $max, $rollback) = ($how{batch} // 300, $how{max} // 1000000, $how{rollback} // 0);

	sql("CALL consume('$queue', $batch, $max, $rollback)");
}

# How many there were, and how many of them came before one that sorts lower by
# this (of each group, if asked for).
sub in_order
{
	my ($order, $partition) = @_;
	$partition = $partition ? "PARTITION BY $partition" : '';
	return sql("SELECT format('%s messages, %s out of order', count(*), count(*) FILTER (WHERE NOT in_order))
		FROM (SELECT coalesce(lag(ROW($order)) OVER ($partition ORDER BY n) < ROW($order), true) AS in_order FROM got) AS g");
}

sub stat_is
{
	my ($queue, $columns, $expected, $name) = @_;
	is(sql("SELECT $columns FROM cq.stat_queues WHERE queue = '$queue'"), $expected, $name);
}

sub stat_becomes
{
	my ($queue, $condition, $name) = @_;
	ok($node->poll_query_until('postgres', "SELECT $condition FROM cq.stat_queues WHERE queue = '$queue'"), $name)
	  or diag(sql("SELECT * FROM cq.stat_queues WHERE queue = '$queue'"));
}

sql('CREATE EXTENSION cachequeue');
sql(<<'EOQ');
CREATE PROCEDURE fill(n int, command text) LANGUAGE plpgsql AS $$
BEGIN
	FOR k IN 0 .. (n - 1) / 500 LOOP
		EXECUTE command USING k * 500 + 1, least(k * 500 + 500, n);
		COMMIT;
	END LOOP;
END $$;
CREATE TABLE got (n int GENERATED ALWAYS AS IDENTITY, msg_id bigint, priority int, group_key text, body text);
CREATE PROCEDURE consume(queue text, batch int, most int, rollback_each int) LANGUAGE plpgsql AS $$
DECLARE
	round int := 0;
	sum int := 0;
	new int;
BEGIN
	TRUNCATE got;
	COMMIT;
	LOOP
		round := round + 1;
		INSERT INTO got (msg_id, priority, group_key, body)
		SELECT m.msg_id, m.priority, m.group_key, m.body #>> '{}' FROM cq.queue_take(queue, least(batch, most - sum)) AS m;
		GET DIAGNOSTICS new = ROW_COUNT;
		IF rollback_each > 0 AND round % rollback_each = 0 AND new > 0 THEN
			ROLLBACK;
			CONTINUE;
		END IF;
		COMMIT;
		sum := sum + new;
		EXIT WHEN new = 0 OR sum >= most;
	END LOOP;
END $$;
EOQ

my $by_priority = '-priority, msg_id';
my $mixed = "SELECT cq.queue_send('prio', to_jsonb(i), priority => i * 7919 % 32 - 16)";

# ---- priorities
sql("SELECT cq.queue_create('prio', max_attempts => NULL)");
fill(20000, $mixed);
fill(1000, "SELECT cq.queue_send('prio', to_jsonb(i), priority => 15)");
stat_is('prio', 'ready, entries < 4000', '21000|t', 'more than memory has room for');
consume('prio', rollback => 7);
is(in_order($by_priority), '21000 messages, 0 out of order', 'by priority, then by number');
consume('prio');
is(in_order($by_priority), '0 messages, 0 out of order', 'and none twice');

# sent while others wait: the highest of all at once, the lowest at last
fill(9000, $mixed);
consume('prio', max => 1000);
is(in_order($by_priority), '1000 messages, 0 out of order', 'the first of many');
fill(3000, "SELECT cq.queue_send('prio', to_jsonb('new ' || i), priority => (ARRAY[15, 14, -16])[i % 3 + 1])");
consume('prio', max => 1000);
is(sql("SELECT count(*), min(priority) FROM got WHERE body ~ 'new'"), '1000|15', 'new ones of the highest priority come first');
is(in_order($by_priority), '1000 messages, 0 out of order', '... in order');
consume('prio', batch => 777);
is(in_order($by_priority), '10000 messages, 0 out of order', 'then the rest');

# one priority high above a long backlog
fill(9000, "SELECT cq.queue_send('prio', to_jsonb(i))");
sql("SELECT cq.queue_send('prio', '\"urgent\"', priority => 1)");
is(sql("SELECT body FROM cq.queue_take('prio', 2)"), qq("urgent"\n1), 'one that is urgent does not wait');
sql("SELECT cq.queue_send('prio', '\"can wait\"', priority => -1)");
fill(100, "SELECT cq.queue_send('prio', to_jsonb(i))");
consume('prio');
is(in_order($by_priority), '9100 messages, 0 out of order', 'another one waits');
is(sql('SELECT body FROM got ORDER BY n DESC LIMIT 1'), 'can wait', '... until the end');

# who commits late comes in his place
my $late = CqSession->new($node, 'postgres', 'BEGIN');
my $later = CqSession->new($node, 'postgres', 'BEGIN');
$late->query("SELECT cq.queue_send('prio', '\"early\"'), cq.queue_send('prio', '\"early and urgent\"', priority => 3)");
fill(5000, "SELECT cq.queue_send('prio', to_jsonb(i))");
$later->query("SELECT cq.queue_send('prio', '\"middle\"'), cq.queue_send('prio', '\"middle and urgent\"', priority => 4)");
fill(5000, "SELECT cq.queue_send('prio', to_jsonb(i))");
is(sql("SELECT body FROM cq.queue_take('prio', 2)"), "1\n2", 'what is uncommitted holds nobody back');
$late->query('COMMIT');
$later->query('COMMIT');
consume('prio');
is(in_order($by_priority), '10002 messages, 0 out of order', 'late commits come in their place');
$_->quit for $late, $later;

# through a crash
fill(9000, $mixed);
consume('prio', max => 500);
$node->stop('immediate');
$node->start;
stat_is('prio', 'ready', 8500, 'counted after a crash');
consume('prio', rollback => 5);
is(in_order($by_priority), '8500 messages, 0 out of order', 'in order after a crash');

# ---- groups
sql("SELECT cq.queue_create('groups', lease => '1 h', max_attempts => NULL)");
fill(30000, "SELECT cq.queue_send_many('groups', array_agg(to_jsonb(i) ORDER BY i), group_keys => array_agg('blocked'::text))");
my $receipt = sql("SELECT receipt FROM cq.queue_receive('groups', 10)");
unlike($receipt, qr/\n/, 'one of the group is in flight');
is(sql("SELECT count(*) FROM cq.queue_take('groups', 10)"), 0, '... and no other');
for my $round (1 .. 3)
{
	sql("SELECT count(cq.queue_send('groups', to_jsonb(i), group_key => nullif('other ' || i % 6, 'other 0'))) FROM generate_series(1, 12) AS i");
	is(sql("SELECT body FROM cq.queue_take('groups', 20)"), join("\n", 1 .. 6, 12), "the groups behind it go on ($round)");
	is(sql("SELECT body FROM cq.queue_take('groups', 20)"), join("\n", 7 .. 11), "... each in its order ($round)");
	is(sql("SELECT count(*) FROM cq.queue_take('groups', 20)"), 0, "... until they are empty ($round)");
}
stat_is('groups', 'in_flight, ready + blocked', '1|29999', 'none is lost');
# a failure holds it, too
is(sql("SELECT cq.queue_nack('groups', '$receipt', '1 h')"), 't', 'it fails');
sql("SELECT cq.queue_send('groups', '\"other\"', group_key => 'other')");
is(sql("SELECT body FROM cq.queue_take('groups', 20)"), '"other"', 'the others go on');
is(sql("SELECT count(*) FROM cq.queue_take('groups', 20)"), 0, 'it waits for its next attempt');
stat_is('groups', 'in_flight, ready + blocked, delayed', '0|29999|1', 'none is lost');
$node->stop('immediate');
$node->start;
is(sql("SELECT count(*) FROM cq.queue_take('groups', 20)"), 0, 'also after a crash');
sql("SELECT cq.queue_send('groups', '\"other\"', group_key => 'other')");
is(sql("SELECT body FROM cq.queue_take('groups', 20)"), '"other"', 'when the others go on, too');
sql("SELECT cq.queue_alter('groups', group_concurrency => 5000)");
is(sql("SELECT min(body::int) FROM cq.queue_take('groups', 1)"), 2, 'with more at a time it holds nobody');
consume('groups', max => 14999);
is(in_order('msg_id'), '14999 messages, 0 out of order', 'as many as fit at a time, in their order');
is(sql("SELECT cq.queue_purge('groups')"), 15000, 'all the rest is purged, the delayed one included');
stat_becomes('groups', 'ready + blocked + delayed + in_flight = 0', 'nothing is left');

# many groups
sql("SELECT cq.queue_alter('groups', reset => '{group_concurrency}')");
fill(20000, "SELECT cq.queue_send_many('groups', array_agg(to_jsonb(i) ORDER BY i), group_keys => array_agg('g' || i % 5000 ORDER BY i))");
consume('groups', rollback => 7);
is(in_order('msg_id', 'group_key'), '20000 messages, 0 out of order', '5,000 groups, each in its order');
# few, with leases, failures and rollbacks
fill(10000, "SELECT cq.queue_send_many('groups', array_agg(to_jsonb(i) ORDER BY i), group_keys => array_agg('g' || i % 50 ORDER BY i))");
sql(q{DO $$
DECLARE
	m record;
	k int := 0;
	found bool;
BEGIN
	DELETE FROM got;
	COMMIT;
	LOOP
		found := false;
		FOR m IN SELECT * FROM cq.queue_receive('groups', 40) LOOP
			found := true;
			k := k + 1;
			IF k % 11 = 0 THEN
				PERFORM cq.queue_nack('groups', m.receipt, '0');
			ELSE
				INSERT INTO got (msg_id, group_key) VALUES (m.msg_id, m.group_key);
				PERFORM cq.queue_ack('groups', m.receipt);
			END IF;
		END LOOP;
		EXIT WHEN NOT found;
		IF k % 7 = 0 THEN
			ROLLBACK;
		ELSE
			COMMIT;
		END IF;
	END LOOP;
END $$});
is(in_order('msg_id', 'group_key'), '10000 messages, 0 out of order', '50 groups with failures and rollbacks');
# a late commit
$late = CqSession->new($node, 'postgres', 'BEGIN');
$late->query("SELECT cq.queue_send('groups', '0', group_key => 'g0')");
fill(8000, "SELECT cq.queue_send_many('groups', array_agg(to_jsonb(i) ORDER BY i), group_keys => array_agg('g' || i % 4 ORDER BY i))");
is(sql("SELECT string_agg(body::text, ' ' ORDER BY body::int) FROM cq.queue_take('groups', 10)"), '1 2 3 4', 'the first of each group');
$late->query('COMMIT');
is(sql("SELECT string_agg(body::text, ' ' ORDER BY body::int) FROM cq.queue_take('groups', 10)"), '0 5 6 7', 'a late one before those after it');
$late->quit;
consume('groups');
is(in_order('msg_id', 'group_key'), '7993 messages, 0 out of order', 'then the rest');

# ---- lengths
sql("SELECT cq.queue_create('length', max_length => 10000, lease => '1 h')");
sub send_some
{
	my ($n) = @_;
	my ($code, $out, $err) = $node->psql('postgres', "SELECT count(*) FROM cq.queue_send_many('length', array_fill('\"xxxxx\"'::jsonb, ARRAY[$n]))");
	return $code == 0 ? $out : $err =~ /queue "length" is full/ ? 'full' : $err;
}
fill(10000, "SELECT cq.queue_send_many('length', array_agg(to_jsonb(i)))");
is(send_some(1), 'full', 'full with 10,000');
consume('length', max => 100);
is(send_some(101), 'full', '100 less are not 101 less');
is(send_some(100), 100, 'but 100');
is(send_some(1), 'full', 'full again');
my $bytes = sql("SELECT bytes FROM cq.stat_queues WHERE queue = 'length'");
$node->stop('immediate');
$node->start;
stat_is('length', 'ready, bytes', "10000|$bytes", 'the same after a crash');
is(send_some(1), 'full', 'full after a crash');
sql("SELECT count(*) FROM cq.queue_receive('length', 500)");
sql("SELECT count(cq.queue_ack('length', receipt)) FROM cq.queue_receive('length', 500)");
is(send_some(501), 'full', 'those in flight count');
is(send_some(500), 500, 'those acknowledged do not');
sql("BEGIN; SELECT count(*) FROM cq.queue_take('length', 5000); ROLLBACK");
is(send_some(1), 'full', 'those that were rolled back do');
is(sql("SELECT cq.queue_purge('length')"), 9500, 'purged');
stat_becomes('length', 'in_flight = 500', 'but for those in flight');
is(send_some(9501), 'full', 'as long as they are there');
is(send_some(9500), 9500, '9,500 fit');
is(send_some(1), 'full', 'and no more');
sql("SELECT cq.queue_purge('length')");
stat_becomes('length', 'in_flight = 500', 'purged again');
sql("BEGIN; SELECT count(*) FROM cq.queue_send_many('length', array_fill('1'::jsonb, ARRAY[9500])); ROLLBACK");
is(send_some(9500), 9500, 'a rollback makes room');

# the oldest are dropped
sql("SELECT cq.queue_create('drop', max_length => 10000, overflow => 'drop_oldest')");
fill(12000, "SELECT cq.queue_send_many('drop', array_agg(to_jsonb(i) ORDER BY i))");
stat_becomes('drop', 'dropped = 2000', 'too many are dropped');
stat_is('drop', 'ready', 10000, '... and no more');
consume('drop');
is(in_order('msg_id'), '10000 messages, 0 out of order', 'what is left is in order');
is(sql('SELECT min(body::int), max(body::int) FROM got'), '2001|12000', 'it is the latest');

# The wish to drop more, unloaded ones among them, ends with the option.
sql("SELECT cq.queue_create('changed', max_length => 10000, overflow => 'drop_oldest', lease => '1 h', max_attempts => NULL)");
fill(5000, "SELECT cq.queue_send_many('changed', array_agg(to_jsonb(i)))");
sql('CREATE TABLE leased (receipt text)');
1 while sql("INSERT INTO leased SELECT receipt FROM cq.queue_receive('changed', 1000) RETURNING 1") ne '';
sql("SELECT cq.queue_alter('changed', max_length => 100)");
sql("SELECT cq.queue_alter('changed', overflow => 'reject')");
cmp_ok(sql("SELECT cq.queue_ack('changed', VARIADIC array_agg(receipt)) FROM leased"), '<', 5000, 'the rest is not in memory');
consume('changed');
sql("SELECT cq.queue_alter('changed', max_length => NULL)");
sql("SELECT cq.queue_send('changed', '0', delay => '10 ms')");
stat_becomes('changed', 'ready = 1 AND in_flight = 0', 'all are gone but a delayed one');
sub switches
{
	slurp_file("/proc/$_[0]/status") =~ /^voluntary_ctxt_switches:\s*(\d+)/m or die;
	return $1;
}
sub rests
{
	my $worker = sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'cachequeue maintenance'");
	for (1 .. 20)
	{
		my $before = switches($worker);
		select(undef, undef, undef, 1.5);
		return 1 if switches($worker) == $before;
	}
	return 0;
}
ok(rests(), 'then the worker sleeps');

# ---- looking, purging
sql("SELECT cq.queue_create('peek', lease => '1 h', retain => '1 h', max_attempts => NULL)");
fill(6000, "SELECT cq.queue_send('peek', to_jsonb(i), priority => i % 3, delay => CASE WHEN i % 10 = 0 THEN '1 h'::interval END)");
sub peeked
{
	my ($state) = @_;
	return sql("SELECT format('%s, %s out of order, %s to %s', count(*), count(*) FILTER (WHERE NOT in_order), min(body), max(body))
		FROM (SELECT body::int, coalesce(lag(msg_id) OVER (ORDER BY n) < msg_id, true) AS in_order
			FROM cq.queue_peek('peek', 10000, $state) WITH ORDINALITY AS p (queue, msg_id, r, a, p, g, e, l, h, body, n)) AS p");
}
is(peeked("'ready'"), '5400, 0 out of order, 1 to 5999', 'all that are ready');
is(peeked("'delayed'"), '600, 0 out of order, 10 to 6000', '... delayed');
sql("SELECT count(*) FROM cq.queue_receive('peek', 1000)");
is(peeked("'in_flight'"), '1000, 0 out of order, 2 to ' . sql("SELECT max(body::int) FROM cq.queue_peek('peek', 1000, 'in_flight')"), '... in flight');
is(peeked('NULL'), '6000, 0 out of order, 1 to 6000', 'all of them');
is(peeked("'archived'"), '0, 0 out of order,  to ', 'none is archived');
is(sql("SELECT body FROM cq.queue_peek('peek', 5)"), join("\n", 1 .. 5), 'the first by number');
stat_is('peek', 'ready, delayed, in_flight, delivered', '4400|600|1000|1000', 'it had no effect');
is(sql("BEGIN; SELECT cq.queue_purge('peek'); ROLLBACK"), 5000, 'a purge is undone');
is(peeked('NULL'), '6000, 0 out of order, 1 to 6000', 'all are there');
is(sql("SELECT cq.queue_purge('peek')"), 5000, 'all but those in flight are purged');
stat_becomes('peek', 'ready = 0 AND delayed = 0 AND in_flight = 1000', '... and counted no more');
is(peeked('NULL') =~ /^1000, 0 out of order/, 1, 'nor shown');
is(peeked("'archived'"), '5000, 0 out of order, 1 to 6000', 'but archived');
sql("CALL cq.queue_maintain()");
is(peeked("'archived'"), '5000, 0 out of order, 1 to 6000', '... for as long as they are retained');
$node->stop('immediate');
$node->start;
is(peeked("'archived'"), '5000, 0 out of order, 1 to 6000', '... also after a crash');
is(peeked("'ready'") =~ /^1000, 0 out of order/, 1, 'when the leases have ended');

# ---- dead letters go home
sql("SELECT cq.queue_create('home')");
sub bury
{
	my ($n) = @_;
	sql("SELECT cq.queue_purge('home.dead')");
	fill($n, "SELECT cq.queue_send_many('home', array_agg(to_jsonb(i) ORDER BY i),
		array_agg(jsonb_build_object('tenant', i % 2) ORDER BY i))");
	sql('DO $$ BEGIN WHILE (SELECT count(cq.queue_reject(\'home\', receipt)) FROM cq.queue_receive(\'home\', 500)) > 0
		LOOP COMMIT; END LOOP; END $$');
}
bury(8000);
is(sql("SELECT cq.queue_redrive('home.dead', 100)"), 100, 'some dead letters go home');
sql('DO $$ BEGIN WHILE cq.queue_redrive(\'home.dead\') > 0 LOOP COMMIT; END LOOP; END $$');
consume('home');
is(in_order('body::int'), '8000 messages, 0 out of order', 'then all, in their order');
stat_is('home.dead', 'ready + in_flight', 0, 'none is left');
bury(2000);
fill(6000, "SELECT cq.queue_send_many('home', array_agg(to_jsonb(0)))");
is(sql("SELECT cq.queue_redrive('home.dead', filter => '{\"headers\": {\"tenant\": 1}}')"), 1000, 'those that match');
consume('home');
is(in_order('(body <> \'0\')::int, CASE WHEN body = \'0\' THEN n ELSE body::int END'), '7000 messages, 0 out of order', '... in their order');
stat_is('home.dead', 'ready, in_flight', '1000|0', 'the others stay');
consume('home.dead');
is(in_order('body::int'), '1000 messages, 0 out of order', '... in their order');

# ---- time
sql("SELECT cq.queue_create('time', lease => '1 h')");
fill(6000, "SELECT cq.queue_send('time', to_jsonb(i), ttl => CASE WHEN i % 2 = 0 THEN '1 s'::interval END, delay => CASE WHEN i % 3 = 0 THEN '1 day'::interval END)");
stat_becomes('time', 'timed_out = 3000', 'messages time out, though nobody receives');
stat_is('time', 'ready, delayed, in_flight', '2000|1000|0', 'the others do not');
consume('time');
is(in_order('msg_id'), '2000 messages, 0 out of order', '... but come');
sql("SELECT cq.queue_purge('time')");
fill(4000, "SELECT cq.queue_send('time', to_jsonb(i), delay => '1500 ms')");
fill(4000, "SELECT cq.queue_send('time', to_jsonb(i))");
sql('CREATE TABLE all_got (msg_id bigint)');
for (1 .. 1000)
{
	consume('time');
	last if sql('INSERT INTO all_got SELECT msg_id FROM got; SELECT count(*) >= 8000 FROM all_got') eq 't';
	select(undef, undef, undef, 0.05);
}
is(sql('SELECT count(*), count(DISTINCT msg_id) FROM all_got'), '8000|8000', 'delayed ones come beside a long backlog');

# ---- limits on deliveries
sql("SELECT cq.queue_create('slots', concurrency => 10, lease => '1 h')");
fill(6000, "SELECT cq.queue_send_many('slots', array_agg(to_jsonb(i) ORDER BY i))");
is(sql("SELECT count(*) FROM cq.queue_receive('slots', 1000)"), 10, 'as many as may be in flight');
is(sql("SELECT count(*) FROM cq.queue_take('slots', 1000)"), 0, 'and no more');
sql("SELECT cq.queue_pause('slots')");
sql("SELECT cq.queue_alter('slots', reset => '{concurrency}')");
is(sql("SELECT count(*) FROM cq.queue_take('slots', 1000)"), 0, 'none while it is paused');
my $waiting = CqSession->new($node, 'postgres');
$waiting->send("CALL cq.queue_wait('slots', '1 min')");
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE query ~ 'CALL cq.queue_wait' AND wait_event_type = 'Extension'"), 'somebody waits');
sql("SELECT cq.queue_resume('slots')");
is($waiting->wait, 't', '... until it goes on');
$waiting->quit;
consume('slots');
is(in_order('msg_id'), '5990 messages, 0 out of order', 'the rest comes');

is(sql(q{SELECT pg_stat_force_next_flush(); SELECT coalesce(sum(n_tup_upd + n_tup_del), 0)
	FROM pg_stat_user_tables WHERE relname ~ '^q\d+_'}), "\n0", 'no row was updated or deleted');

$node->stop;
done_testing();
