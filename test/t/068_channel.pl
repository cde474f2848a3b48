# Channels: what those who LISTEN hear, and when they hear nothing.

use strict;
use warnings;

use CqSession;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'EOC');
max_prepared_transactions = 2
cachequeue.topic_memory = 512kB
cachequeue.max_topics = 2
EOC
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION cachequeue');

sub sql { return $node->safe_psql('postgres', shift) }

sub listen_to
{
	my $session = CqSession->new($node, 'postgres');
	$session->query("LISTEN $_") for @_;
	return $session;
}

# What the listener hears, as "channel payload", until the payload "end".
sub hear
{
	my ($listener) = @_;
	my @heard;
	my $end = time + 60;

	while (time < $end && !(@heard && $heard[-1] eq 'c end'))
	{
		my $rows = $listener->query('SELECT pg_sleep(0.02)');
		push @heard, defined $2 ? "$1 $2" : "$1 "
		  while $rows =~ /Asynchronous notification "(.*?)" (?:with payload "(.*)" )?received/g;
	}
	push @heard, 'TIMEOUT' unless @heard && pop @heard eq 'c end';
	return join ', ', @heard;
}

sub heard
{
	sql(q{SELECT cq.channel_publish('c', 'end')});
	return hear(@_);
}

my $worker_query = q{SELECT pid FROM pg_stat_activity
	WHERE datname = 'postgres' AND backend_type = 'cachequeue maintenance'};
sub worker_pid
{
	$node->poll_query_until('postgres', "SELECT EXISTS ($worker_query)") or die 'no worker';
	return sql($worker_query);
}

# ---- what is sent

my $listener = listen_to('c', '"Other one"');

is(heard($listener), '', 'nothing but the end');
sql(q{SELECT cq.channel_publish('c', 'a'); SELECT cq.channel_publish('Other one', 'b');
	SELECT cq.channel_publish('other one', 'nobody');
	SELECT cq.channel_publish('c', ''); SELECT cq.channel_publish('c', 'it''s')});
is(heard($listener), q{c a, Other one b, c , c it's}, 'in order, on the channels that are listened to');

sql(q{BEGIN; SELECT cq.channel_publish('c', 'x') FROM generate_series(1, 3);
	SELECT cq.channel_publish('c', 'y'); SELECT cq.channel_publish('c', 'x'); COMMIT});
is(heard($listener), 'c x, c x, c x, c y, c x', 'equal ones of one transaction');

sql(q{BEGIN; SELECT cq.channel_publish('c', '1'); SAVEPOINT s; SELECT cq.channel_publish('c', '2');
	ROLLBACK TO s; SELECT cq.channel_publish('c', '3'); SAVEPOINT t; SELECT cq.channel_publish('c', '4');
	RELEASE t; COMMIT;
	BEGIN; SELECT cq.channel_publish('c', '5'); ROLLBACK});
is(heard($listener), 'c 1, c 3, c 4', 'not what was rolled back, also to a savepoint');

# Commits in another order than publishes.
{
	my @s = map { CqSession->new($node, 'postgres') } 1 .. 2;
	$s[0]->query(q{BEGIN; SELECT cq.channel_publish('c', 'first')});
	$s[1]->query(q{BEGIN; SELECT cq.channel_publish('c', 'second'); COMMIT});
	is(heard($listener), 'c second', 'not before the commit');
	$s[0]->query('COMMIT');
	is(heard($listener), 'c first', 'in the order of commits');
	$_->quit for @s;
}

# Who hears of it sees what the transaction did.
sql('CREATE TABLE t (i int)');
sql(q{DO $$ BEGIN FOR i IN 1 .. 20 LOOP
	INSERT INTO t VALUES (i); PERFORM cq.channel_publish('c', i::text); COMMIT; END LOOP; END $$});
is(heard($listener), join(', ', map { "c $_" } 1 .. 20), 'one after the other');
is($listener->query('SELECT count(*) FROM t'), '20', 'and what they did is seen');

# More than are sent in one transaction.
sql(q{SELECT cq.channel_publish('c', (i % 700)::text) FROM generate_series(1, 900) AS i});
is(heard($listener), join(', ', map { 'c ' . $_ % 700 } 1 .. 900), 'many of one transaction');

# ---- payloads by reference

my $heard;
sub fetched { return join ', ', map { sql("SELECT cq.channel_fetch('$_')") } @_ }

sql(q{SELECT cq.channel_publish('c', repeat('x', 7999))});
is(heard($listener), 'c ' . 'x' x 7999, 'the longest one that is sent');
sql(q{SELECT cq.channel_publish('c', repeat('x', 8000)); SELECT cq.channel_publish('c', repeat('ä', 50000));
	SELECT cq.channel_publish('c', 'cq_ref:1'); SELECT cq.channel_publish('c', 'cq_ref')});
$heard = heard($listener);
like($heard, qr/^c cq_ref:\d+, c cq_ref:\d+, c cq_ref:\d+, c cq_ref$/, 'longer ones, and what looks like it, by reference');
my @references = $heard =~ /c (\S+?)(?:,|$)/g;
is(fetched(@references), join(', ', 'x' x 8000, 'ä' x 50000, 'cq_ref:1', 'cq_ref'), 'they are fetched');
sql(q{BEGIN; SELECT cq.channel_publish('c', repeat('r', 9000)); ROLLBACK});
is(heard($listener), '', 'a rolled back reference is not sent');

# ---- many publishers

my $listener2 = listen_to('c');
my @publishers = map {
	my $s = CqSession->new($node, 'postgres');
	$s->send("DO \$\$ BEGIN FOR i IN 1 .. 200 LOOP
		PERFORM cq.channel_publish('c', '$_:' || i); COMMIT; END LOOP; END \$\$");
	$s
} 1 .. 8;
$_->wait, $_->quit for @publishers;
$heard = heard($listener);
is(hear($listener2), $heard, 'two listeners hear the same, in the same order');
$listener2->quit;
for my $i (1 .. 8)
{
	is(join(' ', $heard =~ /\b$i:(\d+)/g), join(' ', 1 .. 200), "all of publisher $i, in order");
}

# ---- two phases

my ($rc, $out, $err) = $node->psql('postgres', q{\set VERBOSITY verbose
	BEGIN; SELECT cq.channel_publish('c', 'p'); PREPARE TRANSACTION 'p'});
like($err, qr/0A000: cannot PREPARE/, 'cannot be prepared');
is(heard($listener), '', 'and is not sent');
is(sql('SELECT count(*) FROM pg_prepared_xacts'), '0', 'and has ended');

# ---- the worker is slow: what waits is in memory, which is bounded

my $pid = worker_pid();
kill 'STOP', $pid;
($rc, $out, $err) = $node->psql('postgres', q{\set VERBOSITY verbose
	SELECT cq.channel_publish('c', repeat('x', 7000)) FROM generate_series(1, 1000)});
like($err, qr/53400: the transaction has published too much to channels/, 'a transaction can only publish so much');
for my $i (1 .. 2)
{
	($rc, $out, $err) = $node->psql('postgres',
		q{SELECT cq.channel_publish('c', i || repeat('x', 1000)) FROM generate_series(1, 100) i});
	is($rc, $i == 1 ? 0 : 3, "what failed has given it back, $i");
	like($err, qr/too many notifications are waiting to be sent/, 'no more memory') if $i == 2;
}

# nor is there less than half of it left for groups
sql(q{SELECT cq.topic_create('t'); SELECT cq.group_create('t', 'g')});
$rc = 0;
$rc = $node->psql('postgres', q{SELECT cq.channel_publish('other', i || repeat('x', 100)) FROM generate_series(1, 20) i})
  for 1 .. 200;
is($rc, 3, 'channels are full');
is(sql(q{SELECT count(*) FROM cq.group_join('t', 'g', 'm')}), '1', 'and there is memory for a group');
kill 'CONT', $pid;
$heard = heard($listener);
is($heard, join(', ', map { "c ${_}" . 'x' x 1000 } 1 .. 100), 'what has waited comes when the worker goes on');

# ---- what is not committed takes no memory of others

{
	my $open = CqSession->new($node, 'postgres');
	$open->query(q{BEGIN; SELECT cq.channel_publish('c', 'open ' || i) FROM generate_series(1, 900) i});
	like($open->query(q{SELECT cq.channel_publish('c', 'x') FROM generate_series(1, 5000) i}),
		qr/has published too much to channels/, 'a transaction can only publish so much');
	$open->query(q{ROLLBACK});
	$open->query(q{BEGIN; SELECT cq.channel_publish('c', 'open ' || i) FROM generate_series(1, 900) i});
	sql(q{SELECT cq.channel_publish('c', i || repeat('y', 1000)) FROM generate_series(1, 100) i});
	is($open->query(q{SAVEPOINT s; SELECT count(cq.channel_publish('c', 'x')) FROM generate_series(1, 100) i; ROLLBACK TO s;
		SELECT count(cq.channel_publish('c', 'x')) FROM generate_series(1, 100) i}), "100\n100", 'what is rolled back does not count');
	is(sql(q{SELECT count(*) FROM generate_series(1, 20) i, cq.group_join('t', 'g', 'm' || i)}), '20', 'others join groups');
	$open->query('ROLLBACK');
	$open->quit;
	sql(q{SELECT cq.topic_drop('t')});
	is(heard($listener), join(', ', map { "c ${_}" . 'y' x 1000 } 1 .. 100), 'and publish');
}

# ---- the worker dies

kill 'STOP', $pid;
sql(q{SELECT cq.channel_publish('c', 'before')});
kill 'TERM', $pid;
kill 'CONT', $pid;
$node->poll_query_until('postgres', "SELECT EXISTS ($worker_query AND pid <> $pid)") or die 'no new worker';
sql(q{SELECT cq.channel_publish('c', 'after')});
is(heard($listener), 'c before, c after', 'the next worker sends what the dead one has not taken, and what comes later');
$pid = worker_pid();
for (1 .. 3)
{
	my $s = CqSession->new($node, 'postgres');
	$s->send(q{DO $$ BEGIN FOR i IN 1 .. 300 LOOP
		PERFORM cq.channel_publish('c', i::text); COMMIT; END LOOP; END $$});
	kill 'TERM', $pid;
	$s->wait;
	$s->quit;
	$node->poll_query_until('postgres', "SELECT EXISTS ($worker_query AND pid <> $pid)") or die 'no new worker';
	$pid = worker_pid();
	sql(q{SELECT cq.channel_publish('c', 'later')});
	$heard = heard($listener);
	my @numbers = $heard =~ /\bc (\d+)/g;
	is_deeply(\@numbers, [ sort { $a <=> $b } keys %{ { map { $_ => 1 } @numbers } } ], 'at most once and in order, under load');
	like($heard, qr/c later$/, 'what comes later is not lost');
}

# ---- the server restarts; stored payloads stay unless it crashed

sql(q{SELECT cq.channel_publish('c', repeat('k', 9000))});
my ($kept) = heard($listener) =~ /^c (cq_ref:\d+)$/;
$listener->quit;
$node->restart;
is(length(fetched($kept)), 9000, 'a stored payload is kept over a restart');
$listener = listen_to('c');
sql(q{SELECT cq.channel_publish('c', 'again')});
is(heard($listener), 'c again', 'after a restart');
$listener->quit;
$node->stop('immediate');
$node->start;
is(sql("SELECT cq.channel_fetch('$kept') IS NULL"), 't', 'but not over a crash');
$listener = listen_to('c');
sql(q{SELECT cq.channel_publish('c', repeat('k', 9000)); SELECT cq.channel_publish('c', 'again')});
$heard = heard($listener);
like($heard, qr/^c cq_ref:\d+, c again$/, 'after a crash');
is(length(fetched($heard =~ /(cq_ref:\d+)/)), 9000, 'and fetched');

# ---- a channel is of its database; DROP EXTENSION

$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', q{CREATE EXTENSION cachequeue; SELECT cq.channel_publish('c', 'elsewhere')});
is(heard($listener), '', 'a channel is of its database');
($rc, $out, $err) = $node->psql('postgres', q{SELECT cq.topic_create('t')});
like($err, qr/too many topics/, 'and counts there as one topic');
sql(q{DROP EXTENSION cachequeue; CREATE EXTENSION cachequeue; SELECT cq.channel_publish('c', 'new')});
is(heard($listener), 'c new', 'after DROP EXTENSION and CREATE EXTENSION');

$listener->quit;
$node->stop;
done_testing();
