# Topics survive a kill of the server: nothing is skipped, no offset is given out
# twice, and transactions that were prepared before are still what they were.

use strict;
use warnings;

use CqSession;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nstatement_timeout = '60s'\n");
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub restart
{
	my ($mode) = @_;
	$node->stop($mode);
	$node->start;
}

# What can be read, as body@offset.
sub records
{
	my ($topic, $partition) = @_;
	$partition //= 0;
	return sql("SELECT string_agg((body #>> '{}') || '\@' || record_offset, ' ' ORDER BY record_offset) FROM cq.topic_read('$topic', $partition, 0, 10000)");
}

sub polled
{
	my ($topic, $member) = @_;
	return sql("SELECT string_agg(record_offset::text, ' ' ORDER BY record_offset) FROM cq.topic_poll('$topic', 'g', '$member', 10000)");
}

sql('CREATE EXTENSION cachequeue');

# ---------------------------------------------------------------------------
note "open publishers when the server is killed";
sql(q{SELECT cq.topic_create('log', 2);
	SELECT cq.group_join('log', 'g', 'm');
	SELECT cq.topic_publish('log', '"first"', partition => 0);
	SELECT cq.topic_publish('log', '"first"', partition => 1)});
is(polled('log', 'm'), '0 0', 'polled');
sql("SELECT cq.topic_commit('log', 'g', 'm', 0, 0)");
my ($a, $b) = map { CqSession->new($node, 'postgres') } 1 .. 2;
$a->query('BEGIN');
is($a->query("SELECT record_offset FROM cq.topic_publish('log', '\"lost\"', partition => 0)"), '1', 'an open publisher');
is(sql("SELECT record_offset FROM cq.topic_publish('log', '\"kept\"', partition => 0)"), '2', 'a later one has committed');
$b->query('BEGIN');
my $last = $b->query("SELECT record_offset FROM cq.topic_publish('log', '\"lost\"', partition => 0)");
is(records('log'), 'first@0', 'what is behind the open one is not read');
restart('immediate');
$_->quit for $a, $b;
is(records('log'), 'first@0 kept@2', 'the committed ones are there, and are read');
is(records('log', 1), 'first@0', 'in the other partition too');
cmp_ok(sql("SELECT record_offset FROM cq.topic_publish('log', '\"new\"', partition => 0)"), '>', $last,
	'offsets are not given out again, not even of those that are lost');
my ($rc, $out, $err) = $node->psql('postgres', "SELECT * FROM cq.topic_poll('log', 'g', 'm')", extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
like($err, qr/55000/, 'members have to join again');
my $generation = sql("SELECT cq.group_join('log', 'g', 'm')");
like(polled('log', 'm'), qr/^0 2 \d+$/, 'they go on from what is committed, in each partition');
is(sql("SELECT string_agg(committed::text, ' ' ORDER BY partition) FROM cq.stat_groups"), '1 0', 'which is what it was');

# ---------------------------------------------------------------------------
note "offsets through many kills";
my $highest = -1;
for (1 .. 4)
{
	my $lowest = sql("SELECT min(p.record_offset) FROM generate_series(1, 300) AS i, cq.topic_publish('log', to_jsonb(1 + 0 * i), partition => 1) AS p");
	cmp_ok($lowest, '>', $highest, 'above all that were given out before');
	my $s = CqSession->new($node, 'postgres');
	$s->query('BEGIN');
	$highest = $s->query("SELECT max(p.record_offset) FROM generate_series(1, 1500) AS i, cq.topic_publish('log', to_jsonb(2 + 0 * i), partition => 1) AS p");
	restart('immediate');
	$s->quit;
}
is(sql("SELECT count(*), count(DISTINCT record_offset) FROM cq.topic_read('log', 1, 0, 10000) WHERE body = '1'"), '1200|1200', 'all that was committed');
is(sql("SELECT count(*) FROM cq.topic_read('log', 1, 0, 10000) WHERE body = '2'"), '0', 'nothing else');
sql("SELECT cq.group_join('log', 'g', 'm') > 0");
is(sql("SELECT count(*) FROM cq.topic_poll('log', 'g', 'm', 10000) WHERE body = '1'"), '1200', 'and a member gets it');
my $again = sql("SELECT cq.group_join('log', 'g', 'm')");
cmp_ok($again, '!=', $generation, 'generations from before are not given again');
sql("SELECT cq.topic_drop('log')");

# ---------------------------------------------------------------------------
note "prepared publishers";
for my $restart ('', 'fast', 'immediate')
{
	for my $end ('COMMIT', 'ROLLBACK')
	{
		my $name = "$end PREPARED" . ($restart ? " after a restart ($restart)" : '');
		sql("SELECT cq.topic_create('prep', 2)");
		sql("SELECT cq.group_join('prep', 'g', 'm')");
		sql("SELECT cq.topic_publish('prep', '\"before\"', partition => 0)");
		sql("BEGIN; SELECT cq.topic_publish('prep', '\"prepared\"', partition => 0) FROM generate_series(1, 2); PREPARE TRANSACTION 'p'");
		sql("SELECT cq.topic_publish('prep', '\"after\"', partition => 0), cq.topic_publish('prep', '\"other\"', partition => 1)");
		restart($restart) if $restart;
		sql("SELECT cq.group_join('prep', 'g', 'm')") if $restart;
		is(records('prep'), 'before@0', "$name: readers stop below");
		is(records('prep', 1), 'other@0', "$name: in that partition only");
		is(polled('prep', 'm'), '0 0', "$name: and so does a member");
		# one that publishes after the restart holds back, too, and is held back
		my $offset = sql("SELECT record_offset FROM cq.topic_publish('prep', '\"later\"', partition => 0)");
		cmp_ok($offset, '>', 3, "$name: offsets go on behind");
		is(records('prep'), 'before@0', "$name: still");
		sql("$end PREPARED 'p'");
		my $expected = $end eq 'COMMIT' ? 'before@0 prepared@1 prepared@2 after@3' : 'before@0 after@3';
		is(records('prep'), "$expected later\@$offset", "$name: read to the end, nothing skipped");
		my $offsets = $end eq 'COMMIT' ? '1 2 3' : '3';
		is(polled('prep', 'm'), "$offsets $offset", "$name: and so does the member");
		sql("SELECT cq.topic_drop('prep')");
	}
}

# ---------------------------------------------------------------------------
note "prepared consumers";
for my $restart ('', 'fast', 'immediate')
{
	for my $end ('COMMIT', 'ROLLBACK')
	{
		my $name = "$end PREPARED" . ($restart ? " after a restart ($restart)" : '');
		sql("SELECT cq.topic_create('prep', 1)");
		sql("SELECT count(cq.topic_publish('prep', '1')) FROM generate_series(1, 4)");
		sql("SELECT cq.group_join('prep', 'g', 'm')");
		sql("CREATE TABLE done (record_offset bigint)");
		sql("SELECT * FROM cq.topic_poll('prep', 'g', 'm', 1, auto_commit => true)");
		sql("BEGIN; INSERT INTO done SELECT record_offset FROM cq.topic_poll('prep', 'g', 'm', 2, auto_commit => true); PREPARE TRANSACTION 'c'");
		restart($restart) if $restart;
		is(polled('prep', 'm'), '', "$name: nobody gets what it has, nor what is behind it") if !$restart;
		sql("SELECT cq.group_join('prep', 'g', 'n')");
		sql("SELECT cq.group_leave('prep', 'g', 'm')");
		is(polled('prep', 'n'), '', "$name: nor does a new owner");
		sql("$end PREPARED 'c'");
		my $expected = $end eq 'COMMIT' ? '3' : '1 2 3';
		is(polled('prep', 'n'), $expected, "$name: he goes on where it says");
		is(sql("SELECT count(*) FROM done"), $end eq 'COMMIT' ? 2 : 0, "$name: as does the work that was done");
		is(sql("SELECT committed FROM cq.stat_groups"), $end eq 'COMMIT' ? 3 : 1, "$name: the offset");
		sql("DROP TABLE done; SELECT cq.topic_drop('prep')");
	}
}

# ---------------------------------------------------------------------------
note "prepared: a seek, a topic, a group";
sql("SELECT cq.topic_create('prep', 1)");
sql("SELECT count(cq.topic_publish('prep', '1')) FROM generate_series(1, 5)");
sql("SELECT cq.group_join('prep', 'g', 'm')");
sql("SELECT * FROM cq.topic_poll('prep', 'g', 'm', 5, auto_commit => true)");
sql("BEGIN; SELECT cq.topic_seek('prep', 'g', '2'); PREPARE TRANSACTION 's'");
restart('immediate');
is(sql("SELECT committed FROM cq.stat_groups"), 5, 'a prepared seek has no effect');
sql("COMMIT PREPARED 's'");
sql("SELECT cq.group_join('prep', 'g', 'm')");
is(polled('prep', 'm'), '2 3 4', 'until it is committed');
sql("BEGIN; SELECT cq.topic_create('new'); SELECT cq.topic_publish('new', '1'); SELECT cq.group_create('prep', 'h', start => '3'); PREPARE TRANSACTION 't'");
restart('immediate');
is(sql("SELECT count(*) FROM cq.topic"), 1, 'a prepared topic is not there');
sql("COMMIT PREPARED 't'");
is(records('new'), '1@0', 'once committed it is');
is(sql("SELECT committed FROM cq.stat_groups WHERE group_name = 'h'"), 3, 'and so is the group');
sql("BEGIN; SELECT cq.topic_create('never'); SELECT cq.topic_publish('never', '1'); PREPARE TRANSACTION 't'");
sql("ROLLBACK PREPARED 't'");
sql("SELECT cq.topic_create('never')");
cmp_ok(sql("SELECT record_offset FROM cq.topic_publish('never', '\"again\"')"), '>=', 0, 'one of the name of one rolled back');
like(records('never'), qr/^again@\d+$/, 'knows nothing of it');

$node->stop;
done_testing();
