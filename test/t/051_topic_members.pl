# Members of consumer groups that disappear: their sessions end or are killed,
# they are not heard of in time, the server crashes.

use strict;
use warnings;

use CqSession;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'EOC');
autovacuum = off
statement_timeout = '60s'
restart_after_crash = on
EOC
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub session { return CqSession->new($node, 'postgres'); }

sub owners { return "SELECT coalesce(string_agg(member || partitions::text, ' ' ORDER BY member), 'nobody') FROM cq.stat_group_members"; }

sub await_owners
{
	my ($expected, $what) = @_;
	ok($node->poll_query_until('postgres', owners(), $expected), $what)
	  or diag(sql(owners()));
}

sub poll_sql
{
	my ($member) = @_;
	return "SELECT string_agg(partition || ':' || record_offset, ' ' ORDER BY partition, record_offset) FROM cq.topic_poll('log', 'g', '$member')";
}

sql('CREATE EXTENSION cachequeue');
sql(q{SELECT cq.topic_create('log', 2);
	SELECT cq.topic_publish('log', '1', partition => i % 2) FROM generate_series(0, 7) AS i;
	SELECT cq.group_create('log', 'g', assignment => 'range')});

# ---------------------------------------------------------------------------
note "bound to the session";
my ($a, $b) = (session(), session());
$a->query("SELECT cq.group_join('log', 'g', 'a', true)");
$b->query("SELECT cq.group_join('log', 'g', 'b', true)");
is(sql(owners()), 'a{0} b{1}', 'two members');
is(sql("SELECT count(*) FROM cq.stat_group_members JOIN pg_stat_activity USING (pid)"), '2', 'of these sessions');
$a->quit;
await_owners('b{0,1}', 'the end of a session is that of its member');

note "killed in the midst of a transaction";
$a = session();
$a->query("SELECT cq.group_join('log', 'g', 'a', true)");
$a->query('BEGIN');
is($a->query(poll_sql('a')), '0:0 0:1 0:2 0:3', 'it has polled');
is($a->query("SELECT cq.topic_commit('log', 'g', 'a', 0, 3)"), 't', 'and has not committed');
sql("SELECT pg_terminate_backend(pid) FROM cq.stat_group_members WHERE member = 'a'");
await_owners('b{0,1}', 'it is gone');
$a->quit;
is($b->query(poll_sql('b')), '0:0 0:1 0:2 0:3 1:0 1:1 1:2 1:3', 'its records are for the other one');

note "joined again elsewhere";
$a = session();
$a->query("SELECT cq.group_join('log', 'g', 'a', true)");
sql("SELECT cq.group_join('log', 'g', 'a')");
$a->quit;
is($node->poll_query_until('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'", '2'), 1, 'the session has ended');
is(sql(owners()), 'a{0} b{1}', 'not so the member, whom another session has made its own');
sql("SELECT cq.group_leave('log', 'g', 'a')");
is(sql("SELECT heartbeat_until > now() FROM cq.stat_group_members"), 't', 'until when it has to be heard of');

# ---------------------------------------------------------------------------
note "not heard of";
$b->quit;
await_owners('nobody', 'nobody is left');
sql("SELECT cq.group_drop('log', 'g'), cq.group_create('log', 'g', assignment => 'range', session_timeout => '1 s')");
$b = session();
$b->query("SELECT cq.group_join('log', 'g', 'b')");
$b->query("SELECT * FROM cq.topic_poll('log', 'g', 'b', auto_commit => true)");
sql("SELECT cq.group_join('log', 'g', 'a')");
is(sql(owners()), 'a{0} b{1}', 'two members');
# waiting keeps it alive, whatever the timeout; a is silent
$b->send("CALL cq.topic_wait('log', 'g', 'b', '1 min')");
await_owners('b{0,1}', 'the worker has noticed: nobody else has looked');
my $until = sql("SELECT heartbeat_until FROM cq.stat_group_members");
ok($node->poll_query_until('postgres', "SELECT heartbeat_until > '$until'::timestamptz + interval '1 s' FROM cq.stat_group_members"), 'who waits is heard of');
sql("SELECT cq.topic_publish('log', '2', partition => 0)");
is($b->wait, 't', 'it waits for all of its partitions');
is($b->query(poll_sql('b')), '0:4', 'and gets what is new');
await_owners('nobody', 'who does not wait any more is not');
is($b->query("SELECT cq.group_heartbeat('log', 'g', 'b')"), 'f', 'and is told so');

note "a waiting member gets what a silent one had";
sql("SELECT cq.topic_seek('log', 'g', 'earliest')");
sql("SELECT cq.group_join('log', 'g', 'a')");
$b->query("SELECT cq.group_join('log', 'g', 'b')");
is($b->query("SELECT count(*) FROM cq.topic_poll('log', 'g', 'b') WHERE partition <> 1"), '0', 'its own have been read');
$b->send("CALL cq.topic_wait('log', 'g', 'b', '1 min')");
is($b->wait, 't', 'woken when the other one is dropped');
is($b->query(poll_sql('b')), '0:0 0:1 0:2 0:3 0:4', 'whose records it gets');

# ---------------------------------------------------------------------------
note "a crash";
sql("SELECT cq.topic_drop('log')");
sql(q{SELECT cq.topic_create('log', 2);
	SELECT cq.topic_publish('log', '1', partition => i % 2) FROM generate_series(0, 7) AS i;
	SELECT cq.group_join('log', 'g', 'm')});
is(sql("SELECT count(*) FROM cq.topic_poll('log', 'g', 'm', 6, auto_commit => true)"), '6', 'polled and committed');
my $pid = $b->query("SELECT pg_backend_pid()");
$b->query('BEGIN');
$b->query("SELECT cq.topic_publish('log', '\"lost\"', partition => 0)");
kill 'KILL', $pid;
$b->quit;
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM cq.stat_group_members"), 'members are gone, the server is back');
is(sql("SELECT sum(committed) FROM cq.stat_groups"), '6', 'offsets are not');
sql("SELECT cq.group_join('log', 'g', 'm')");
is(sql("SELECT count(*) FROM cq.topic_poll('log', 'g', 'm')"), '2', 'the rest');

$node->stop;
done_testing();
