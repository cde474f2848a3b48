# Queues with messages in every state, on a standby that is promoted, and in a dump
# that is restored elsewhere: all that was not acknowledged is delivered there, in its
# order, with its attempts, and keys are remembered.

use strict;
use warnings;

use CqSession;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', <<'EOC');
max_prepared_transactions = 10
cachequeue.segment_rows = 20
EOC
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION cachequeue');

# ---- every state

$primary->safe_psql('postgres', <<'SQL');
SELECT cq.queue_create('plain', lease => '1 hour', backoff_delay => '1 ms', backoff_max => '1 ms', max_attempts => 5);
SELECT cq.queue_create('ordered', lease => '1 hour');
SELECT cq.queue_create('durable', lease => '1 hour', durable_leases => true);
SELECT cq.queue_send('plain', '"delayed"', delay => '1 hour');
SELECT cq.queue_send('plain', '"expired"', ttl => '1 ms');
SELECT cq.queue_send('plain', '"urgent"', priority => 5);
SELECT cq.queue_send('plain', to_jsonb(n)) FROM generate_series(1, 50) n;
SELECT cq.queue_send('ordered', to_jsonb(n), group_key => 'g' || n % 3) FROM generate_series(1, 30) n;
SELECT cq.queue_send('durable', '"leased for long"');
-- in flight, and a failed attempt, and a dead letter, and what is done
SELECT count(*) FROM cq.queue_receive('durable');
SELECT body FROM cq.queue_receive('plain');
SELECT cq.queue_reject('plain', receipt, 'hopeless') FROM cq.queue_receive('plain');
SELECT cq.queue_ack('plain', VARIADIC array_agg(receipt)) FROM cq.queue_receive('plain', 20);
SELECT count(*) FROM cq.queue_receive('ordered', 2);
SELECT cq.queue_ack('ordered', VARIADIC array_agg(receipt)) FROM cq.queue_receive('ordered', 1);
SQL
my $keyed = $primary->safe_psql('postgres', q{SELECT cq.queue_send('plain', '"keyed"', dedup_key => 'key')});
# one that is sent, and one that is acknowledged, by prepared transactions
$primary->safe_psql('postgres', q{BEGIN; SELECT cq.queue_send('plain', '"prepared"'); PREPARE TRANSACTION 'sent'});
$primary->safe_psql('postgres', q{CREATE TABLE acked AS SELECT * FROM cq.queue_receive('plain')});
$primary->safe_psql('postgres', q{BEGIN; SELECT cq.queue_ack('plain', receipt) FROM acked; PREPARE TRANSACTION 'acked'});

$primary->safe_psql('postgres', "SELECT cq.queue_nack('plain', receipt, '0', 'failed') FROM cq.queue_receive('plain')");

# What is to be delivered: sent, less what is settled for good.
my $left = join '|', sort split /\n/, $primary->safe_psql('postgres', "SELECT body FROM cq.queue_peek('plain', 1000)");
note($left);
my $ordered = $primary->safe_psql('postgres', "SELECT count(*) FROM cq.queue_peek('ordered', 1000)");

# ---- a dump

my $dump = $primary->backup_dir . '/dump.sql';
mkdir $primary->backup_dir;
$primary->command_ok([ 'pg_dump', '-f', $dump, $primary->connstr('postgres') ], 'dump');
$primary->safe_psql('postgres', 'CREATE DATABASE restored');
$primary->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $primary->connstr('restored') ], 'restore');

# ---- a promotion

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->safe_psql('postgres', "SELECT cq.queue_send('ordered', '31', group_key => 'g1')");
$primary->wait_for_catchup($standby);
my (undef, undef, $err) = $standby->psql('postgres', "SELECT * FROM cq.queue_receive('plain')");
like($err, qr/cannot execute queue_receive\(\) during recovery|read-only/, 'nothing is received on a standby');
$primary->stop('immediate');
$standby->promote;
is($standby->safe_psql('postgres', "SELECT body FROM cq.queue_take('plain')"), '"urgent"', 'what is urgent comes first');
is($standby->safe_psql('postgres', "SELECT cq.queue_send('plain', '\"again\"', dedup_key => 'key')"), $keyed, 'keys are remembered');
$standby->safe_psql('postgres', "COMMIT PREPARED 'sent'");
$standby->safe_psql('postgres', "COMMIT PREPARED 'acked'");

# All that can be delivered, as "body attempt".
sub consume
{
	my ($node, $database) = @_;
	my @got;

	for (1 .. 600)
	{
		my @rows = split /\n/, $node->safe_psql($database, "SELECT body::text || ' ' || attempt FROM cq.queue_take('plain', 100)");
		push @got, @rows;
		last if !@rows && $node->safe_psql($database, "SELECT ready + in_flight + uncommitted = 0 FROM cq.stat_queues WHERE queue = 'plain'") eq 't';
	}
	return @got;
}

# Messages of each group, in the order in which they come.
sub in_order
{
	my ($node, $database) = @_;
	my (@got, %last);
	my $violations = 0;

	while (my @rows = split /\n/, $node->safe_psql($database, "SELECT body FROM cq.queue_take('ordered', 7)"))
	{
		for my $n (@rows)
		{
			$violations++ if $n <= ($last{ $n % 3 } // 0);
			$last{ $n % 3 } = $n;
			push @got, $n;
		}
	}
	return (scalar @got, $violations);
}

my @expected = grep { !/^"(?:urgent|delayed|expired)"$/ } split /\|/, $left;
my $acked = $standby->safe_psql('postgres', 'SELECT body FROM acked');
my @got = consume($standby, 'postgres');
is_deeply([ sort map { s/ \d+$//r } @got ], [ sort('"prepared"', grep { $_ ne $acked } @expected) ],
	'each that was not acknowledged is delivered, once');
ok((grep { / 2$/ } @got), 'the failed attempt is counted');
is_deeply([ in_order($standby, 'postgres') ], [ $ordered + 1, 0 ], 'groups in their order');
is($standby->safe_psql('postgres', "SELECT count(*) FROM cq.queue_take('plain.dead', 10)"), 1, 'the dead letter');
is($standby->safe_psql('postgres', "SELECT count(*) FROM cq.queue_receive('durable')"), 0, 'a durable lease goes on');
is($standby->safe_psql('postgres', "SELECT string_agg(state, ' ') FROM (SELECT CASE WHEN delayed > 0 THEN 'delayed' END AS state FROM cq.stat_queues WHERE queue = 'plain') s"),
	'delayed', 'what is delayed is still to come');
$standby->stop;

# ---- what was restored

$primary->start;
is($primary->safe_psql('restored', "SELECT body FROM cq.queue_take('plain')"), '"urgent"', 'restored: what is urgent comes first');
@got = consume($primary, 'restored');
is_deeply([ sort map { s/ \d+$//r } @got ], [ sort @expected ], 'restored: each that was not acknowledged, once');
is_deeply([ in_order($primary, 'restored') ], [ $ordered, 0 ], 'restored: groups in their order');
is($primary->safe_psql('restored', "SELECT count(*) FROM cq.queue_take('plain.dead', 10)"), 1, 'restored: the dead letter');
cmp_ok($primary->safe_psql('restored', "SELECT cq.queue_send('plain', '1')"), '>', 54, 'restored: numbers go on');
$primary->safe_psql('postgres', "ROLLBACK PREPARED '$_'") for qw(sent acked);
$primary->stop;
done_testing();
